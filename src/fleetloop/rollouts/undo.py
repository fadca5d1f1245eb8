"""Stopping, and the way back: each affected device to its own last confirmed release."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import sqlalchemy as sa

from fleetloop import fleet, health
from fleetloop.core.db import Reader, Tx
from fleetloop.rollouts import book, store
from fleetloop.rollouts import tables as t
from fleetloop.rollouts.cases import (
    Entry,
    Member,
    OpenWave,
    Rollout,
    RolloutStarted,
    RolloutStopped,
    Sort,
    WaveOpened,
)
from fleetloop.rollouts.desk import Desk, Watch
from fleetloop.rollouts.lives import Chosen, Drawn
from fleetloop.rollouts.model import Event, Phase
from fleetloop.rollouts.moves import apply
from fleetloop.rollouts.opening import release, told
from fleetloop.rollouts.plan import Ground, propose
from fleetloop.rollouts.words import stuck_sentence

ROLLBACK_P0 = 0.2
"""Share of a rollback's installs that may fail: the release they flee from may well crash while it is replaced."""


@dataclass(frozen=True)
class Back:
    """A device that must go back, and to what; ``artifact`` 0: it has no confirmed release to go to."""

    member: Member
    version: str


def stop(tx: Tx, desk: Desk, case: Rollout, by: str, sentence: str, at: float) -> Rollout:
    """Nobody is handed the release any more; every deployment that is under way is asked to stop.

    ``desk.stop`` was called before this is written: from there on no answer hands anything.
    """
    snapshot = json.dumps([[w, s, h, n] for (w, s, h), n in sorted(store.counts(tx, case.id).items())])
    for deployment, attempt in store.open_deployments(tx, case.id):
        apply(tx, desk, (deployment, attempt), Event.STOP, at)
    stopped = replace(case, phase=Phase.STOPPED, ending=by, blocked=sentence, ended_at=at, ended_counts=snapshot)
    store.change_rollout(
        tx, case.id, phase=Phase.STOPPED, ending=by, blocked=sentence, ended_at=at, ended_counts=snapshot
    )
    book.place(tx, case.id, health.End(at))
    title = "Stopped by the verdict" if by == "verdict" else f"Stopped by {by}"
    store.write(tx, case.id, Entry(at, "stop", title, sentence))
    tx.record(RolloutStopped(at, case.id, case.product, case.version, by, sentence))
    tx.after(lambda: _learn(desk, stopped))
    return stopped


def _learn(desk: Desk, stopped: Rollout) -> None:
    if watch := desk.watches.get(stopped.id):
        watch.rollout = stopped
    desk.changed(stopped.id)


def strays(reader: Reader, case: Rollout, revisions: Sequence[str], taken: set[str], rollback: int) -> list[Back]:
    """Devices that run the stopped version and are not on their way back yet, by id.

    Those on their way to a newer release than the rollback are left to it: the newest release wins.
    """
    rows = reader.all(fleet.eligible(case.product, revisions))
    bad = {r["device"]: r for r in rows if r["version"] == case.version and r["device"] not in taken}
    for device in store.under_way(reader, rollback) & set(bad):
        del bad[device]
    ways = store.last_confirmed(reader, bad, case.component, case.version)
    return [
        Back(
            Member(device, bad[device]["revision"], case.version, ways.get(device, ("", 0))[1]),
            ways.get(device, ("", 0))[0],
        )
        for device in sorted(bad)
    ]


def undoing(reader: Reader, stopped: Rollout) -> Rollout | None:
    """The rollback of a stopped rollout."""
    if stopped.phase is not Phase.STOPPED:
        return None
    r = t.rollouts.c
    row = reader.first(sa.select(r.id).where(r.undoes == stopped.id).order_by(r.id.desc()).limit(1))
    return None if row is None else store.rollout(reader, row["id"])


def stuck(reader: Reader, stopped: Rollout, rollback: int) -> list[str]:
    """Devices that run the stopped release and have no confirmed one to go back to, by id."""
    running = [c for c in fleet.count_versions(reader, stopped.product) if c.version == stopped.version]
    if not running:
        return []
    revisions = sorted({m.revision for m in store.members(reader, stopped.id)})
    taken = {m.device for m in store.members(reader, rollback)} if rollback else set[str]()
    back = strays(reader, stopped, revisions, taken, rollback)
    return [b.member.device for b in back if not b.member.artifact]


def begin(tx: Tx, stopped: Rollout, poll_s: float, by: str, at: float) -> Rollout:
    """A rollback of ``stopped``; its devices are drawn by `send`. It may lower a version, and holds nobody back."""
    plan = propose(
        {},
        Ground(
            devices=1,
            poll_s=poll_s,
            rollback=True,
            p0=max(stopped.plan.p0, ROLLBACK_P0),
            tolerated=stopped.plan.tolerated,
        ),
    )
    plan = replace(plan, by_hand=False, crash_limit=0)
    case = Rollout(
        id=0, product=stopped.product, component=stopped.component, version="", kind=Sort.ROLLBACK, undoes=stopped.id,
        seed=_seed(stopped), plan=plan, sight="A rollback has no control group and no verdict.",
        phase=Phase.RUNNING, ending="", wave=0, blocked="The rollback begins.", held_since=None, go=0, go_by="",
        paused_by="", started_at=at, started_by=by, ended_at=None,
    )  # fmt: skip
    case = store.add_rollout(tx, case)
    text = f"Each device back to its own last confirmed release; {stopped.version} was stopped."
    if stays := stuck(tx, stopped, case.id):
        said = stuck_sentence(len(stays), stopped.version)
        case, text = replace(case, blocked=said), f"{text} {said}"
        store.change_rollout(tx, case.id, blocked=said)
    store.write(tx, case.id, Entry(at, "start", "Rollback started by the plan", text))
    store.write(tx, stopped.id, Entry(at, "rollback", f"Rollback started as rollout {case.id}", text))
    tx.record(RolloutStarted(at, case.id, case.product, "", case.kind.value))
    return case


def _seed(stopped: Rollout) -> str:
    """A rollback draws everybody, so its seed is no secret; it follows from the stopped one, for stories told twice."""
    return blake2b(b"rollback", key=stopped.seed.encode()[:64], digest_size=16).hexdigest()


def send(tx: Tx, desk: Desk, watch: Watch, back: Sequence[Back], at: float) -> Rollout:
    """Draw these devices as the rollback's next wave."""
    case = watch.rollout
    number = case.wave + 1
    members = [replace(b.member, since_wave=number) for b in back]
    store.add_members(tx, case.id, members)
    release(tx, desk, {m.device for m in members}, case.component, at)
    store.open_wave(tx, OpenWave(case.id, number, "rollback", len(members), at, None))
    fresh = [
        store.deploy(tx, case, number, version, Chosen.of([_drawn(b.member) for b in back if b.version == version]), at)
        for version in sorted({b.version for b in back})
    ]
    store.change_rollout(tx, case.id, wave=number)
    store.write(tx, case.id, Entry(at, "wave", f"{len(members):,} devices go back", _targets(back)))
    tx.record(WaveOpened(at, case.id, number, len(members)))
    opened = replace(case, wave=number)
    told(tx, desk, watch, opened, members, fresh)
    return opened


def _drawn(member: Member) -> Drawn:
    return Drawn(member.device, member.revision, member.artifact, member.version, member.version)


def _targets(back: Sequence[Back]) -> str:
    counts: dict[str, int] = {}
    for b in back:
        counts[b.version] = counts.get(b.version, 0) + 1
    return ", ".join(f"{n:,} to {version}" for version, n in sorted(counts.items()))
