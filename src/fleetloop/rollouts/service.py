"""The verbs of rollouts: start, stop, decide, pause, and what people ask about them."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fleetloop import hardware, health, releases
from fleetloop.access import Person, audit
from fleetloop.core.clock import Clock
from fleetloop.core.db import Database, Reader, Tx
from fleetloop.core.errors import ConflictError, InputError, NotFoundError
from fleetloop.core.tags import anything
from fleetloop.rollouts import book, exchange, store, undo
from fleetloop.rollouts.cases import Deployment, Entry, Member, OpenWave, Rollout, RolloutEnded, RolloutStarted, Sort
from fleetloop.rollouts.desk import Desk, Watch
from fleetloop.rollouts.draft import Offer, selection
from fleetloop.rollouts.later import offer_of
from fleetloop.rollouts.model import OVER, Event, Phase, Plan
from fleetloop.rollouts.moves import apply
from fleetloop.rollouts.opening import strata
from fleetloop.rollouts.plan import Ground, propose, remarks, to_json
from fleetloop.rollouts.waves import wave_sizes
from fleetloop.web import listed

Check = Callable[[Rollout], None]
"""Raises unless the rollout is still as whoever asks has seen it."""


class NoDevicesError(ConflictError):
    """Nobody would get it."""

    code = "no-devices"


class OverError(ConflictError):
    """The rollout is over."""

    code = "rollout-over"


@dataclass(frozen=True)
class Whole:
    """One rollout with its waves, its deployments by (wave, state, hurt) and what happened, newest first."""

    rollout: Rollout
    waves: list[OpenWave]
    counts: dict[tuple[int, str, bool], int]
    members: int
    journal: list[Entry]
    undoing: Rollout | None = None
    """The rollback, if it was stopped and has one."""


class Rollouts:
    """``stepped``: a start may name the secret seed, so that a story can be told twice."""

    def __init__(self, db: Database, clock: Clock, desk: Desk, *, stepped: bool = False) -> None:
        self._db = db
        self._clock = clock
        self._desk = desk
        self._stepped = stepped

    async def preview(self, product: str, version: str, plan: Mapping[str, object]) -> dict[str, Any]:
        """What `start` would do: who would get it in which wave, and what the plan could see. Changes nothing."""
        return await self._db.read(lambda reader: self._preview(reader, product, version, plan))

    def _preview(self, reader: Reader, product: str, version: str, values: Mapping[str, object]) -> dict[str, Any]:
        release = releases.get_release(reader, product, version)
        offer = offer_of(reader, release)
        members = selection(reader, offer)
        ground = self._ground(reader, release, len(members))
        plan = propose({k: v for k, v in values.items() if k != "seed"}, ground)
        sizes = wave_sizes(plan, strata(members, members))
        return {
            "product": product,
            "version": version,
            "devices": len(members),
            "from": _from(members),
            "waves": [{"wave": i, "devices": sum(size.values()), **size} for i, size in enumerate(sizes, 1)],
            "sight": sight(plan, members, first=ground.first),
            "plan": to_json(plan),
        }

    async def start(self, by: Person, product: str, version: str, plan: Mapping[str, object]) -> Rollout:
        """Freeze the plan and enrol everybody it is for; the first wave opens with the next tick.

        Raises `NotFoundError`, `PlanError`, `NoDevicesError`.
        """
        at = self._clock.now()
        values = dict(plan)
        seed = values.pop("seed", None)
        if seed is not None and not self._stepped:
            raise InputError(
                "seed is for a stepped clock; a rollout's seed is secret, so that nobody can choose its place"
            )
        secret = str(seed) if seed is not None else secrets.token_hex(16)
        return await self._db.write(lambda tx: self._start(tx, by, (product, version, secret), values, at))

    def _start(
        self, tx: Tx, by: Person, what: tuple[str, str, str], values: Mapping[str, object], at: float
    ) -> Rollout:
        product, version, seed = what
        release = releases.get_release(tx, product, version)
        offer = offer_of(tx, release)
        members = selection(tx, offer)
        if not members:
            raise NoDevicesError(f"no device of {product} can take {version}: {_why_nobody(offer)}")
        self._supersede(tx, product, release.component, version, at)
        case = store.add_rollout(tx, self._case(tx, by, release, (members, seed), values, at))
        store.add_members(tx, case.id, members)
        text = f"From {_from(members)} to {len(members):,} devices. {case.sight}"
        store.write(tx, case.id, Entry(at, "start", f"Started by {by.name}", text))
        tx.record(RolloutStarted(at, case.id, product, version, case.kind.value))
        audit(tx, by, "rollout start", str(case.id), f"{product} {version}")
        tx.after(lambda: self._watch(case, members))
        return case

    def _case(
        self,
        tx: Tx,
        by: Person,
        release: releases.Release,
        who: tuple[list[Member], str],
        values: Mapping[str, object],
        at: float,
    ) -> Rollout:
        members, seed = who
        product = release.product
        ground = self._ground(tx, release, len(members))
        plan = propose(values, ground)
        seen = sight(plan, members, first=ground.first)
        return Rollout(
            id=0, product=product, component=release.component, version=release.version, kind=Sort.UPDATE, undoes=None,
            seed=seed, plan=plan, sight=seen, phase=Phase.RUNNING, ending="", wave=0,
            blocked="Wave 1 opens with the next tick.", held_since=None, go=0, go_by="", paused_by="", started_at=at,
            started_by=by.name, ended_at=None,
        )  # fmt: skip

    def _ground(self, reader: Reader, release: releases.Release, devices: int) -> Ground:
        """What a plan's defaults stand on."""
        policy = release.manifest.policy
        failed, installs = store.last_installs(reader, release.product)
        return Ground(
            devices=devices,
            poll_s=hardware.get_product(reader, release.product).poll_s,
            first=store.confirmed_before(reader, release.product, release.component, 0) == 0,
            p0=health.frozen_p0(failed, installs, policy.install_failure),
            tolerated=policy.tolerated,
            events=policy.events,
        )

    def _watch(self, case: Rollout, members: list[Member]) -> None:
        experiment = health.Experiment(book.verdict_plan(case))
        for line in book.enrolments(case.started_at, members, 0):
            experiment.feed(line)
        self._desk.watches[case.id] = Watch(case, experiment, {m.device: m.revision for m in members})

    def _supersede(self, tx: Tx, product: str, component: str, version: str, at: float) -> None:
        """The newest release wins: older rollouts that are still open hand nothing more."""
        for old in store.open_rollouts(tx):
            if (old.product, old.component) != (product, component) or old.kind is not Sort.UPDATE:
                continue
            tx.after(lambda old=old: self._desk.stop(old.id))
            for deployment, attempt in store.open_deployments(tx, old.id):
                if attempt.handed_at is None:
                    apply(tx, self._desk, (deployment, attempt), Event.SUPERSEDED, at)
            self._end(tx, old, Phase.CANCELLED, f"Superseded by {version}.", at)

    def _end(self, tx: Tx, case: Rollout, phase: Phase, sentence: str, at: float) -> None:
        store.change_rollout(tx, case.id, phase=phase, blocked=sentence, ended_at=at)
        store.write(tx, case.id, Entry(at, "end", phase.value.capitalize(), sentence))
        self._changed(tx, case, {"phase": phase, "blocked": sentence, "ended_at": at})
        tx.record(RolloutEnded(at, case.id, case.product, case.version, phase.value))

    async def stop(
        self, by: Person, rollout: int, reason: str = "", *, rollback: bool = True, check: Check = anything
    ) -> Rollout:
        """From the moment this is acknowledged no device is handed the release. Raises `OverError`.

        One that is stopped already is answered as it stands: who stops in an emergency may say it twice.
        """
        if (seen := await self.get(rollout)).phase is Phase.STOPPED:
            check(seen)
            return seen
        check(_still_open(seen))  # not in the job: what memory has stopped stays stopped
        self._desk.stop(rollout)
        at = self._clock.now()
        sentence = f"Stopped by {by.name}: {reason or 'no reason given'}."

        def job(tx: Tx) -> Rollout:
            case = _get(tx, rollout)
            if case.phase is Phase.STOPPED:  # another stop was faster
                return case
            _still_open(case)
            stopped = undo.stop(tx, self._desk, case, by.name, sentence, at)
            audit(tx, by, "rollout stop", str(case.id), reason)
            if rollback and case.kind is Sort.UPDATE:
                undone = undo.begin(tx, stopped, case.plan.poll_s, by.name, at)
                tx.after(lambda: self._watch(undone, []))
            return stopped

        return await self._db.write(job)

    async def decide(self, by: Person, rollout: int, *, go: bool, reason: str = "", check: Check = anything) -> Rollout:
        """What a person says where one is due: go on with what waits, or leave it at that. Raises `ConflictError`."""
        at = self._clock.now()
        word = "Go" if go else "No further"

        def job(tx: Tx) -> Rollout:
            case = _still_open(_get(tx, rollout))
            check(case)
            if case.paused_by:
                raise ConflictError(f"rollout {rollout} is paused by {case.paused_by}: resume it first")
            if case.phase is not Phase.ASKING:
                raise ConflictError(f"rollout {rollout} does not wait for a person. {case.blocked}")
            number = case.wave + 1
            fields: dict[str, Any] = {"go": number if go else -number, "go_by": by.name}
            store.change_rollout(tx, case.id, **fields)
            store.write(tx, case.id, Entry(at, "person", f"{word}, said {by.name}", reason))
            audit(tx, by, "rollout decide", str(case.id), f"{word}: {reason}")
            return self._changed(tx, case, fields)

        return await self._db.write(job)

    async def pause(self, by: Person, rollout: int, *, resume: bool = False, check: Check = anything) -> Rollout:
        """Nobody new is handed the release and no wave opens until it is resumed. Raises `OverError`."""
        at = self._clock.now()
        word = "Resumed" if resume else "Paused"

        def job(tx: Tx) -> Rollout:
            case = _still_open(_get(tx, rollout))
            check(case)
            fields = {"paused_by": "" if resume else by.name}
            store.change_rollout(tx, case.id, **fields)
            store.write(tx, case.id, Entry(at, "person", f"{word} by {by.name}", ""))
            audit(tx, by, f"rollout {word.lower()}", str(case.id))
            return self._changed(tx, case, fields)

        return await self._db.write(job)

    def _changed(self, tx: Tx, case: Rollout, fields: Mapping[str, Any]) -> Rollout:
        """Memory learns these fields and no other: a tick may have changed the rest meanwhile."""

        def learn() -> None:
            if watch := self._desk.watches.get(case.id):
                watch.rollout, watch.dirty = replace(watch.rollout, **fields), True
                if watch.rollout.paused_by:
                    self._desk.hide(watch)
            self._desk.changed(case.id)

        tx.after(learn)
        return replace(case, **fields)

    async def get(self, rollout: int) -> Rollout:
        """Raises `NotFoundError`."""
        return await self._db.read(lambda reader: _get(reader, rollout))

    async def all(self, product: str | None = None) -> list[Rollout]:
        """Newest first."""
        return await self._db.read(lambda reader: store.rollouts(reader, product))

    async def statuses(self) -> list[tuple[int, str, int]]:
        """(id, phase, wave) of the newest, oldest first: what a conductor is told at each step."""
        return await self._db.read(store.statuses)

    async def whole(self, rollout: int) -> Whole:
        """One rollout for its page. Raises `NotFoundError`."""
        case = await self.get(rollout)
        return await self._db.read(lambda reader: _whole(reader, case))

    async def deployments(self, rollout: int) -> list[Deployment]:
        """Raises `NotFoundError`."""
        await self.get(rollout)
        return await self._db.read(lambda reader: store.deployments(reader, rollout))

    async def handed(self, rollout: int) -> list[dict[str, Any]]:
        """See `exchange.handed`. Raises `NotFoundError`."""
        await self.get(rollout)
        return await self._db.read(lambda reader: exchange.handed(reader, rollout))

    async def heard(self, rollout: int) -> list[dict[str, Any]]:
        """See `exchange.heard`. Raises `NotFoundError`."""
        await self.get(rollout)
        return await self._db.read(lambda reader: exchange.heard(reader, rollout))

    async def record(self, rollout: int) -> list[str]:
        """The verdict's record as JSON lines. Raises `NotFoundError`."""
        case = await self.get(rollout)
        return await self._db.read(lambda reader: list(book.text(reader, case)))

    async def experiment(self, rollout: int) -> health.Experiment:
        """The verdict so far; of a rollout that is over it is folded again. Raises `NotFoundError`."""
        if watch := self._desk.watches.get(rollout):
            return watch.experiment
        lines = await self.record(rollout)
        return health.read_record(line.encode() for line in lines)


def _get(reader: Reader, rollout: int) -> Rollout:
    if found := store.rollout(reader, rollout):
        return found
    raise NotFoundError(f"there is no rollout {rollout}; `fleetloop rollout list` shows all")


def _still_open(case: Rollout) -> Rollout:
    if case.phase in OVER:
        raise OverError(f"rollout {case.id} is over: {case.blocked}")
    return case


def sight(plan: Plan, members: list[Member], *, first: bool) -> str:
    """What the plan will be able to see, said before it starts."""
    parts: Iterator[str] = iter(remarks(plan, len(members), first=first))
    if plan.comparison:
        scheme = health.Scheme(
            devices=Counter(m.revision for m in members),
            shares=tuple(w / 100 for w in plan.waves),
            soak_s=plan.soak_s,
            rate=plan.tolerated,
            alpha=plan.alpha,
        )
        return " ".join([health.planned_sentence(scheme), *parts])
    return " ".join([health.first_release_sentence(), *parts] if first else parts)


def _from(members: list[Member]) -> str:
    versions = sorted({m.version or "an unknown version" for m in members})
    return ", ".join(versions[:5])


def _why_nobody(offer: Offer) -> str:
    if not offer.artifacts:
        return "the release has no artifact"
    revisions = listed(*offer.revisions)
    kinds = listed(*sorted({kind for _, kind in offer.artifacts}))
    return (
        f"it is built for hardware revision {revisions} and comes as {kinds}; no device of these takes that "
        "and runs another version; see `fleetloop device list`"
    )


def _whole(reader: Reader, case: Rollout) -> Whole:
    return Whole(
        case,
        store.waves(reader, case.id),
        store.counts(reader, case.id),
        len(store.members(reader, case.id)),
        [entry for _, entry in store.journal(reader, case.id)],
        undo.undoing(reader, case),
    )


def experiment_of(reader: Reader, rollout: int) -> health.Experiment:
    """The verdict of a rollout folded from its record, for higher rooms. Raises `NotFoundError`."""
    case = _get(reader, rollout)
    return health.read_record(line.encode() for line in book.text(reader, case))


def undone_by(reader: Reader, rollback: int) -> int | None:
    """The stopped rollout that this rollback undoes."""
    case = store.rollout(reader, rollback)
    return None if case is None else case.undoes
