"""What a rollout's pages read: a few statements over sets, whatever the size of the fleet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from fleetloop.core.db import Reader
from fleetloop.rollouts import store, undo
from fleetloop.rollouts import tables as t
from fleetloop.rollouts.cases import Entry, OpenWave, Rollout
from fleetloop.rollouts.model import OVER, Phase, State
from fleetloop.rollouts.waves import Count

Counts = Mapping[tuple[int, str, bool], int]
"""Deployments by (wave, state, whether hurt)."""


@dataclass(frozen=True)
class Hurt:
    """A device that was hurt. ``state`` and ``version``: of its deployment now; ``home``: that is the rollback's."""

    device: str
    booted_at: float | None
    state: str
    version: str
    home: bool = False


@dataclass(frozen=True)
class Unbooted:
    """A drawn device that never booted the release."""

    device: str
    revision: str
    wave: int
    state: str


@dataclass(frozen=True)
class Undoing:
    """The rollback of a stopped rollout. ``versions``: what devices go back to."""

    id: int
    phase: Phase
    versions: tuple[str, ...]
    counts: Counts
    blocked: str = ""


@dataclass(frozen=True)
class Glance:
    """One rollout as read at one moment. ``old``: what its devices ran when they were enrolled."""

    case: Rollout
    waves: Sequence[OpenWave]
    counts: Counts
    strata: Mapping[str, Count]
    drawn: Mapping[tuple[str, int], int]
    """Devices by revision and wave."""
    booted: Mapping[int, int]
    old: tuple[str, ...]
    targets: tuple[str, ...]
    journal: Sequence[Entry]
    hurt: Sequence[Hurt] = ()
    unbooted: Sequence[Unbooted] = ()
    undoing: Undoing | None = None
    handed_after: int = 0
    at_stop: Counts = field(default_factory=dict[tuple[int, str, bool], int])
    left: int = 0
    """Devices that run the stopped release though its rollback is over: they have no way back."""


def glance(reader: Reader, case: Rollout) -> Glance:
    """Everything about ``case`` that its pages show, but for the verdict and what is only in memory."""
    undoing = _undoing(reader, case)
    drawn = _drawn(reader, case.id)
    over = case.phase in OVER
    return Glance(
        case, store.waves(reader, case.id), store.counts(reader, case.id), _strata(reader, case.id, drawn), drawn,
        store.ever_booted(reader, case.id), _old(reader, case), targets(reader, case.id),
        [entry for _, entry in store.journal(reader, case.id)], _hurt(reader, case, undoing),
        _unbooted(reader, case, None if over else State.WAITING), undoing, _handed_after(reader, case),
        at_stop(case), _left(reader, case),
    )  # fmt: skip


def _drawn(reader: Reader, rollout: int) -> dict[tuple[str, int], int]:
    m, d = t.members.c, t.deployments.c
    joined = t.members.join(t.deployments, sa.and_(d.rollout == m.rollout, d.device == m.device))
    wanted = sa.select(m.revision, d.wave, sa.func.count().label("n")).select_from(joined)
    rows = reader.all(wanted.where(m.rollout == rollout).group_by(m.revision, d.wave))
    return {(r["revision"], r["wave"]): r["n"] for r in rows}


def _strata(reader: Reader, rollout: int, drawn: Mapping[tuple[str, int], int]) -> dict[str, Count]:
    m = t.members.c
    wanted = sa.select(m.revision, sa.func.count().label("n")).where(m.rollout == rollout, m.left.is_(False))
    total = {r["revision"]: r["n"] for r in reader.all(wanted.group_by(m.revision))}
    taken = {name: sum(n for (revision, _), n in drawn.items() if revision == name) for name in total}
    return {name: Count(n, taken[name]) for name, n in sorted(total.items())}


def _old(reader: Reader, case: Rollout) -> tuple[str, ...]:
    m = t.members.c
    rows = reader.all(sa.select(m.version).where(m.rollout == case.id).distinct().order_by(m.version))
    return tuple(r["version"] for r in rows if r["version"])


def targets(reader: Reader, rollout: int) -> tuple[str, ...]:
    """The versions its deployments lead to: one, but for a rollback."""
    d = t.deployments.c
    rows = reader.all(sa.select(d.version).where(d.rollout == rollout).distinct().order_by(d.version))
    return tuple(r["version"] for r in rows)


def _undoing(reader: Reader, case: Rollout) -> Undoing | None:
    if case.phase is not Phase.STOPPED:
        return None
    back = undo.undoing(reader, case)
    if back is None:
        return None
    return Undoing(back.id, back.phase, targets(reader, back.id), store.counts(reader, back.id), back.blocked)


def _hurt(reader: Reader, case: Rollout, undoing: Undoing | None) -> list[Hurt]:
    d = t.deployments.c
    mine = sa.select(d.device, d.booted_at, d.state, d.version).where(d.rollout == case.id, d.hurt.is_(True))
    rows = {r["device"]: r for r in reader.all(mine.order_by(d.id))}
    now: Mapping[str, Mapping[str, str]] = {}
    if undoing and rows:
        back = sa.select(d.device, d.state, d.version).where(d.rollout == undoing.id, d.device.in_(list(rows)))
        now = {r["device"]: dict(r) for r in reader.all(back)}
    return [
        Hurt(device, r["booted_at"], (here := now.get(device, r))["state"], here["version"], device in now)
        for device, r in rows.items()
    ]


def _unbooted(reader: Reader, case: Rollout, state: State | None) -> list[Unbooted]:
    """Of a rollout that is open only those that were not handed it, which are bounded by a wave."""
    d, m = t.deployments.c, t.members.c
    joined = t.deployments.join(t.members, sa.and_(d.rollout == m.rollout, d.device == m.device))
    wanted = sa.select(d.device, m.revision, d.wave, d.state).select_from(joined)
    wanted = wanted.where(d.rollout == case.id, d.booted_at.is_(None))
    rows = reader.all(wanted if state is None else wanted.where(d.state == state.value))
    return [Unbooted(r["device"], r["revision"], r["wave"], r["state"]) for r in rows]


def _handed_after(reader: Reader, case: Rollout) -> int:
    """Devices that were handed it after it was stopped: none, or a promise is broken."""
    if case.phase is not Phase.STOPPED or case.ended_at is None:
        return 0
    joined = t.attempts.join(t.deployments, t.attempts.c.deployment == t.deployments.c.id)
    wanted = sa.select(sa.func.count()).select_from(joined).where(t.deployments.c.rollout == case.id)
    return reader.one(wanted.where(t.attempts.c.handed_at > case.ended_at))


def _left(reader: Reader, case: Rollout) -> int:
    """The same number on the page of the stopped rollout and on its rollback's."""
    stopped = store.rollout(reader, case.undoes) if case.undoes else case
    back = case if case.undoes else undo.undoing(reader, case)
    if stopped is None or back is None or back.phase not in OVER:
        return 0
    return len(undo.stuck(reader, stopped, back.id))


def at_stop(case: Rollout) -> Counts:
    """A stop freezes what is said of its waves; empty for a rollout that was not stopped."""
    if not case.ended_counts:
        return {}
    rows: list[tuple[int, str, bool, int]] = json.loads(case.ended_counts)
    return {(wave, state, bool(hurt)): n for wave, state, hurt, n in rows}


def confirmed_at(reader: Reader, product: str, version: str) -> list[float]:
    """When each device that has this version confirmed now was confirmed on it, oldest first."""
    d = t.deployments.c
    mine = t.deployments.join(t.rollouts, t.rollouts.c.id == d.rollout)
    wanted = sa.select(d.since).select_from(mine).where(t.rollouts.c.product == product, d.version == version)
    return [r["since"] for r in reader.all(wanted.where(d.state == State.CONFIRMED.value).order_by(d.since))]


@dataclass(frozen=True)
class Stand:
    """What rollouts want of a device. ``why``: what its newest deployment waits for or how it ended."""

    version: str
    state: str
    why: str


def stands(reader: Reader, devices: Sequence[str]) -> dict[str, Stand]:
    """The newest deployment of each device, or that it is held back in an open rollout."""
    d, m, r = t.deployments.c, t.members.c, t.rollouts.c
    newest = sa.select(sa.func.max(d.id)).where(d.device.in_(devices)).group_by(d.device)
    rows = reader.all(sa.select(t.deployments).where(d.id.in_(newest)))
    found = {row["device"]: (row["rollout"], Stand(row["version"], row["state"], _why(row))) for row in rows}
    joined = t.members.join(t.rollouts, m.rollout == r.id)
    open_ones = sa.select(m.device, r.id, r.version).select_from(joined).where(m.device.in_(devices))
    open_ones = open_ones.where(r.phase.not_in([phase.value for phase in OVER]), m.left.is_(False))
    for row in reader.all(open_ones.order_by(r.id)):
        if row["device"] not in found or found[row["device"]][0] < row["id"]:
            found[row["device"]] = row["id"], Stand(row["version"], "held-back", "control group, not drawn yet")
    return {device: stand for device, (_, stand) in found.items()}


WHY = {
    State.WAITING: "its turn comes",
    State.BOOTED: "soaking",
    State.INSTALLED: "says so; has not shown it yet",
    State.FAILED: "the install failed",
    State.REVERTED: "fell back to {previous}",
    State.TIMED_OUT: "not done in time",
    State.CANCELLED: "ended by the stop",
    State.SUPERSEDED: "a newer rollout took it",
}


def _why(row: Mapping[str, str]) -> str:
    return WHY.get(State(row["state"]), "").format(previous=row["previous"] or "the old version")
