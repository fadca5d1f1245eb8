"""A rollout as its pages show it: rows, the verdict and what is only in memory, joined.

    shown = await showing.rollout(12)
    page = view.present(shown, now)

What is over is made once and kept until something of it changes; what is open is kept for the parts of one refresh.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from fleetloop import health, web
from fleetloop.core.clock import Clock
from fleetloop.core.db import Database, Reader
from fleetloop.core.errors import NotFoundError
from fleetloop.rollouts import book, groups, store, story
from fleetloop.rollouts.cases import Rollout, Sort
from fleetloop.rollouts.desk import Desk, Watch
from fleetloop.rollouts.frozen import conditions, plan_words
from fleetloop.rollouts.glance import Glance, Hurt, glance
from fleetloop.rollouts.model import OVER, Decider, Facts, Phase, Shut
from fleetloop.rollouts.phase import ask
from fleetloop.rollouts.runner import Look, Runner
from fleetloop.rollouts.shown import Ask, Enough, HurtDevice, Rollback, RolloutShown
from fleetloop.rollouts.view import compared

T = TypeVar("T")
KEPT_S = 0.5
"""Real time: the parts of one page are asked for together."""
MOST = 64


@dataclass
class Kept:
    """A rollout as it was shown last. ``until``: real time, None for as long as nothing changes."""

    edition: int
    until: float | None
    shown: RolloutShown


@dataclass(frozen=True)
class Gate:
    """What the next wave waits for, as of now."""

    sentence: str
    detail: str = ""
    until: float | None = None
    facts: Facts | None = None


class Showing:
    """``heard`` gives a device's last contact from memory."""

    def __init__(
        self, db: Database, clock: Clock, desk: Desk, runner: Runner, heard: Callable[[str], float | None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._desk = desk
        self._runner = runner
        self._heard = heard
        self._kept: dict[int, Kept] = {}
        self._ratios: dict[int, list[web.Ratio]] = {}
        self._over: dict[int, tuple[int, health.Experiment]] = {}
        self._compared: dict[int, tuple[object, web.Comparison]] = {}

    async def rollout(self, number: int) -> RolloutShown:
        """Raises `NotFoundError`."""
        edition = self._desk.editions[number]
        if (kept := self._kept.get(number)) and kept.edition == edition and _fresh(kept):
            return kept.shown
        seen, folded = await self._db.read(lambda reader: self._read(reader, number))
        shown = self._shown(seen, folded)
        until = None if seen.case.phase in OVER and not seen.left else time.monotonic() + KEPT_S
        _bound(self._kept)[number] = Kept(edition, until, shown)
        return shown

    async def all(self, product: str | None = None, most: int = 30) -> list[RolloutShown]:
        """The newest first."""
        cases = await self._db.read(lambda reader: store.rollouts(reader, product, most))
        return [await self.rollout(case.id) for case in cases]

    def standing(self) -> tuple[int, int, int]:
        """(stopped and not undone yet, waiting for a person, running), from memory: for the navigation."""
        watched = [w.rollout for w in self._desk.watches.values() if w.rollout.phase not in OVER]
        updates = [r for r in watched if r.kind is Sort.UPDATE]
        asking = sum(r.phase is Phase.ASKING for r in updates)
        return len(watched) - len(updates), asking, len(updates) - asking

    def _read(self, reader: Reader, number: int) -> tuple[Glance, health.Experiment | None]:
        case = store.rollout(reader, number)
        if case is None:
            raise NotFoundError(f"there is no rollout {number}; `fleetloop rollout list` shows all")
        folded = None if number in self._desk.watches else self._folded(reader, case)
        return glance(reader, case), folded

    def _folded(self, reader: Reader, case: Rollout) -> health.Experiment:
        """The verdict of a rollout that nobody watches any more: folded once."""
        edition = self._desk.editions[case.id]
        known = self._over.get(case.id)
        if known is None or known[0] != edition:
            known = edition, health.read_record(line.encode() for line in book.text(reader, case))
            _bound(self._over)[case.id] = known
        return known[1]

    def _shown(self, seen: Glance, folded: health.Experiment | None) -> RolloutShown:
        case, now = seen.case, self._clock.now()
        watch = self._desk.watches.get(case.id)
        experiment = watch.experiment if watch else folded
        base = RolloutShown(
            id=case.id, product=case.product, version=case.version, phase=case.phase.value, started_at=case.started_at,
            started_by=case.started_by, waves=(), old=web.listed(*seen.old) if seen.old else "", kind=case.kind.value,
            wave=case.wave, planned=len(case.plan.waves), sentence=case.blocked, ended_at=case.ended_at,
            ended_by="the verdict" if case.ending in ("", "verdict") else case.ending, handed_after=seen.handed_after,
            paused=bool(case.paused_by), plan=plan_words(case.plan), sees=case.sight,
            left=seen.left, opened_by_person=sum(e.kind == "person" and e.title.startswith("Go") for e in seen.journal),
        )  # fmt: skip
        if case.kind is Sort.ROLLBACK:
            return self._way_back(base, seen, now)
        return self._update(base, seen, experiment, watch, now) if experiment else base

    def _way_back(self, base: RolloutShown, seen: Glance, now: float) -> RolloutShown:
        away = groups.offline(self._heard, seen, now)
        return replace(
            base, version=web.listed(*seen.targets) if seen.targets else "the last confirmed release", sees="", plan=(),
            waves=(groups.one_group("Rollback", seen.counts),) if seen.counts else (), planned=0,
            silent=sum(away.values()), happened=story.happened(seen, None),
        )  # fmt: skip

    def _update(
        self, base: RolloutShown, seen: Glance, experiment: health.Experiment, watch: Watch | None, now: float
    ) -> RolloutShown:
        comparison = groups.arms(seen, self._comparison(seen.case, experiment))
        gate = self._gate(seen, watch, now)
        away = groups.offline(self._heard, seen, now)
        over = seen.case.phase in OVER
        hurt = tuple(_hurt(one, comparison, experiment.hurt_at, bool(seen.undoing)) for one in seen.hurt)
        return replace(
            base, comparison=comparison, blamed=blamed(comparison), sentence=gate.sentence, detail=gate.detail,
            until=gate.until, waves=groups.waves(seen, away, now, gate.until), silent=sum(away.values()),
            openings=tuple((w.opened_at, _opens(w.kind, w.number)) for w in seen.waves),
            hurt=tuple(sorted(hurt, key=lambda h: h.hurt_at)), happened=story.happened(seen, comparison),
            missed=groups.missed(seen, self._heard, now) if over else (), enough=_enough(seen.case, experiment, now),
            conditions=conditions(self._runner.gates, gate.facts, experiment) if gate.facts else (),
            next=_next(gate.facts), rollback=_rollback(seen), ask=None if over else asked(seen),
            downloads_ended=sum(n for (_, state, _), n in seen.at_stop.items() if state == "downloading"),
        )  # fmt: skip

    def _comparison(self, case: Rollout, experiment: health.Experiment) -> web.Comparison:
        guard = experiment.guard
        key = (id(experiment), len(experiment.events), len(experiment.steps), guard.started, guard.booted, case.wave)
        known = self._compared.get(case.id)
        if known is None or known[0] != key:
            ratios = _bound(self._ratios).setdefault(case.id, [])
            known = key, compared(experiment, ratios)
            _bound(self._compared)[case.id] = known
        return known[1]

    def _gate(self, seen: Glance, watch: Watch | None, now: float) -> Gate:
        """The gates asked again, so that what they say of the time is true now."""
        case = seen.case
        if watch is None or case.phase in OVER or case.phase is Phase.REMAINDER:
            return Gate(case.blocked)
        facts = self._runner.facts(Look(watch, list(seen.waves), dict(seen.counts), dict(seen.booted)), now)
        answer = ask(self._runner.gates.values(), facts)
        if not isinstance(answer, Shut):
            return Gate(case.blocked, facts=facts)
        first, _, rest = answer.sentence.partition("; ")
        if answer.decider is Decider.PERSON or facts.evidence >= case.plan.hold:
            return Gate(answer.sentence, _beside(answer, facts, case.id), answer.until, facts)
        by_itself = f"{facts.title} then opens by itself, unless evidence is {case.plan.hold:g} or more."
        if facts.number > len(case.plan.waves):
            rate = web.per_device_days(case.plan.tolerated)
            by_itself = f"Then it ends: good enough below {rate}, else inconclusive."
        detail = f"{rest[:1].upper()}{rest[1:]} {by_itself}".strip()
        return Gate(f"{first.removesuffix('.')}.", detail, answer.until, facts)


def _beside(answer: Shut, facts: Facts, number: int) -> str:
    """What the first shut gate leaves unsaid: how to go on, or that evidence will hold the wave too."""
    if facts.paused_by:
        return f"To go on: fleetloop rollout pause {number} --resume. It can be stopped all the same."
    if answer.decider is Decider.PERSON or answer.sentence.startswith("Held"):
        return ""
    e = f"evidence is {web.e_value(facts.evidence)}"
    return f"{facts.title} is held then, if {e} as now: it opens by itself below {facts.plan.hold:g}."


def blamed(comparison: web.Comparison) -> str:
    """The revision with the most evidence against the release; empty if no single one stands out."""
    worst = max(comparison.strata, key=lambda s: s.evidence, default=None)
    return worst.name if worst and worst.new.hurt and worst.evidence > 1 else ""


def asked(seen: Glance) -> Ask | None:
    """What a person is asked, where one is due."""
    case = seen.case
    if case.phase is not Phase.ASKING or case.paused_by:
        return None  # what is paused waits to be resumed; a no would end it
    number, left = case.wave + 1, sum(s.total - s.drawn for s in seen.strata.values())
    if number <= len(case.plan.waves):
        hint = "Open it, and it is drawn at once. Leave it at that, and the rollout ends here; who has it keeps it."
        return Ask(f"Does wave {number} open?", f"Open wave {number}", "Leave it at that", hint)
    devices = web.things(left, "held-back device")
    hint = "Leave it at that, and the rollout ends here; held-back devices stay as they are."
    return Ask(f"Do the {devices} get {case.version}?", f"Update the {devices}", "Leave it at that", hint)


def _hurt(one: Hurt, comparison: web.Comparison, when: Mapping[str, float], back: bool) -> HurtDevice:
    event = next((e for e in comparison.events if e.device == one.device and e.new), None)
    at = when.get(one.device, 0.0)
    age = at - one.booted_at if one.booted_at is not None and at >= one.booted_at else None
    home = back and one.home and one.state in ("booted", "confirmed")
    word = f"back on {one.version}" if home else f"{one.state.replace('_', ' ')}{f' {one.version}' if back else ''}"
    return HurtDevice(one.device, one.booted_at, at, age, event.evidence if event else None, one.state, word)


def _rollback(seen: Glance) -> Rollback | None:
    undoing = seen.undoing
    if undoing is None:
        return None
    versions = web.listed(*undoing.versions) if undoing.versions else ""
    wave = groups.one_group("Rollback", undoing.counts)
    return Rollback(undoing.id, versions, wave, over=undoing.phase in OVER, sentence=undoing.blocked)


def _enough(case: Rollout, experiment: health.Experiment, now: float) -> Enough | None:
    if case.phase is not Phase.GOOD_ENOUGH:
        return None
    age = experiment.age_covered_s(case.ended_at or now)
    return Enough(experiment.e_ok or 0.0, case.plan.tolerated, experiment.device_days, age)


def _next(facts: Facts | None) -> str:
    title = facts.title if facts else "the next wave"
    return f"{title[:1].lower()}{title[1:]}"


def _opens(kind: str, number: int) -> str:
    return "remainder" if kind == "remainder" else f"wave {number}"


def _fresh(kept: Kept) -> bool:
    return kept.until is None or time.monotonic() < kept.until


def _bound(kept: dict[int, T]) -> dict[int, T]:
    """Room for one more: the one that came first goes."""
    while len(kept) >= MOST:
        kept.pop(next(iter(kept)))
    return kept
