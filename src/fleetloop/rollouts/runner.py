"""A tick: what is due happens, what was heard is booked, and every open rollout is looked at.

First everything due, in order of time and device; then the evidence; then the gates. What a tick decides rests on what
is committed, so a restart decides the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fleetloop import health, releases
from fleetloop.core.clock import Clock
from fleetloop.core.db import Database, Reader, Tx
from fleetloop.core.plug import load
from fleetloop.core.serving import Served
from fleetloop.rollouts import book, draft, later, store, undo
from fleetloop.rollouts.cases import Entry, OpenWave, Rollout, RolloutEnded, Sort
from fleetloop.rollouts.contacts import Clocks
from fleetloop.rollouts.desk import Desk, Watch
from fleetloop.rollouts.draft import Draft
from fleetloop.rollouts.later import offer_of
from fleetloop.rollouts.model import (
    ENDED,
    OVER,
    Action,
    Facts,
    OnStop,
    Open,
    Phase,
    State,
    Step,
    Tally,
    Wave,
)  # fmt: skip
from fleetloop.rollouts.opening import open_wave
from fleetloop.rollouts.phase import Standing, ask, onward
from fleetloop.rollouts.seam import GATES, Gate
from fleetloop.rollouts.waves import may_hand, soaks
from fleetloop.rollouts.words import stuck_sentence

BAD_ENDS = {s.value for s in ENDED - {State.CONFIRMED}}


Booked = tuple[dict[int, list[health.Line]], set[int]]
"""Lines by rollout, and the rollouts whose record has more that is not due yet."""


@dataclass
class Look:
    """What is known of one rollout in this tick."""

    watch: Watch
    waves: list[OpenWave]
    counts: dict[tuple[int, str, bool], int]
    booted: dict[int, int]
    left: int = 0
    """Held-back devices, once the plan's waves are all open."""


class Runner:
    """Ticks every open rollout. One at a time: whoever ticks holds the loop's only runner."""

    def __init__(self, db: Database, clock: Clock, served: Served, desk: Desk, clocks: Clocks) -> None:
        self._db = db
        self._clock = clock
        self._served = served
        self._desk = desk
        self._clocks = clocks
        self._until: dict[int, float] = {}
        self.gates: dict[str, Gate] = {name: gate(name) for name in GATES}

    async def tick(self, now: float) -> None:
        """Everything that is due, booked and decided at ``now``; the clock is committed with what was decided."""
        if self._desk.joined:
            await self._join(now)
        due = list(self._clocks.due(now))
        await self.prepare()
        watches = [w for w in self._desk.watches.values() if w.rollout.phase not in OVER]
        noted = [w for w in watches if w.rollout.id in self._desk.noted]
        if due or noted:
            self._desk.noted.clear()  # before: a line that comes meanwhile rings again
            booked, more = await self._db.write(lambda tx: self._book(tx, due, watches, now))
            self._desk.noted.update(more)
            for watch in watches:
                self._feed(watch, booked[watch.rollout.id])
        looked = [w for w in watches if w.dirty or now >= self._until.get(w.rollout.id, now)]
        for watch in looked:
            watch.dirty = False
            self._judge(watch)
        before = [(watch, watch.rollout, watch.hurt) for watch in looked]
        await self._db.write(lambda tx: self._end(tx, before, now))
        for watch in looked:
            self._desk.changed(watch.rollout.id)
        self._hand_out(now)

    async def prepare(self) -> None:
        """Draw the waves to come while nobody waits for it."""
        for watch in list(self._desk.watches.values()):
            case = watch.rollout
            idle = case.phase in OVER or watch.stopped or case.kind is Sort.ROLLBACK or not draft.due(case)
            if watch.draft is not None and not watch.dirty:
                continue
            if not idle and (made := await self._db.read(lambda reader, w=watch: _drafted(reader, w))):
                watch.draft = made

    def _end(self, tx: Tx, looked: Sequence[tuple[Watch, Rollout, frozenset[str]]], now: float) -> None:
        """A job may run twice: each time it begins with what memory held before."""
        for watch, case, hurt in looked:
            watch.rollout, watch.hurt = case, hurt
            self._mark(tx, watch)
            self._decide(tx, watch, now)
        self._clocks.commit(tx, now)

    async def _join(self, now: float) -> None:
        """Late joiners get the newest good release, strays of a stopped one the way back."""
        self._desk.joined = False
        late, astray = await self._db.read(lambda reader: (later.waiting(reader), later.straying(reader)))
        for case, offer, members in late:
            sentence = f"{len(members):,} devices joined late."
            watch = await self._again(case, Phase.REMAINDER, sentence, now)
            await self._db.write(lambda tx, w=watch, o=offer: open_wave(tx, self._desk, w, o, now, everybody=True))
        for case in astray:
            await self._again(case, Phase.RUNNING, "Devices show the stopped release again.", now)

    async def _again(self, case: Rollout, phase: Phase, sentence: str, now: float) -> Watch:
        reopened = await self._db.write(lambda tx: later.reopen(tx, case, phase, sentence, now))
        watch = await self._db.read(lambda reader: self._desk.watch(reader, reopened))
        self._clocks.watched(watch)
        return watch

    def next(self) -> float:
        """The next instant at which something is due by itself."""
        open_ones = [self._until.get(i, 0.0) for i, w in self._desk.watches.items() if w.rollout.phase not in OVER]
        return min([self._clocks.next(), *(u for u in open_ones if u > self._clock.now())])

    def _book(self, tx: Tx, due: Sequence[Any], watches: Sequence[Watch], now: float) -> Booked:
        for one in due:
            self._clocks.fire(tx, one, now)
        booked = {w.rollout.id: book.book(tx, w.rollout.id, now) for w in watches}
        return booked, {number for number in booked if book.waiting(tx, number)}

    def _feed(self, watch: Watch, lines: Sequence[health.Line]) -> None:
        for line in lines:
            watch.experiment.feed(line)
            watch.dirty = True

    def _mark(self, tx: Tx, watch: Watch) -> None:
        """New devices whose first bad event the comparison counted are *hurt*."""
        now_hurt = watch.experiment.hurt_devices
        if fresh := sorted(now_hurt - watch.hurt):
            store.hurt(tx, watch.rollout.id, fresh)
            watch.hurt = now_hurt

    def _judge(self, watch: Watch) -> None:
        """A stop holds from here on, before anything is written."""
        plan, experiment = watch.rollout.plan, watch.experiment
        if experiment.e_max >= plan.limit or (plan.crash_limit and experiment.crashed >= plan.crash_limit):
            watch.condemned = True
            self._desk.stop(watch.rollout.id)

    def _decide(self, tx: Tx, watch: Watch, now: float) -> None:
        if watch.condemned:
            self._stop(tx, watch, now)
        elif watch.stopped:
            return  # a person's stop, or a newer release: it is written by whoever said so
        elif watch.rollout.kind is Sort.ROLLBACK:
            self._roll_back(tx, watch, now)
        else:
            self._advance(tx, watch, now)

    def _stop(self, tx: Tx, watch: Watch, now: float) -> None:
        case = watch.rollout
        if case.phase in OVER:
            return
        sentence = health.stopped_sentence(watch.experiment)
        stopped = undo.stop(tx, self._desk, case, "verdict", sentence, now)
        if case.kind is Sort.UPDATE and case.plan.on_stop is OnStop.ROLLBACK:
            undone = undo.begin(tx, stopped, case.plan.poll_s, "the plan", now)
            tx.after(lambda: self._learn(undone))

    def _learn(self, case: Rollout) -> None:
        self._desk.watches[case.id] = Watch(case, health.Experiment(book.verdict_plan(case)), {})

    def _advance(self, tx: Tx, watch: Watch, now: float) -> None:
        look = self._seen(tx, watch, now)
        standing = self._standing(look, now)
        step = onward(standing)
        case = self._holding(tx, watch, standing, now)
        self._until[case.id] = step.until or float("inf")
        self._say(tx, watch, case, step, now)
        if step.action in (Action.OPEN, Action.OPEN_REMAINDER):
            release = releases.get_release(tx, case.product, case.version)
            open_wave(tx, self._desk, watch, offer_of(tx, release), now)
            self._until[case.id] = now
        elif step.action is Action.FINISH:
            self._finish(tx, watch, step, now)

    def _seen(self, tx: Tx, watch: Watch, now: float) -> Look:
        number = watch.rollout.id
        look = Look(watch, store.waves(tx, number), store.counts(tx, number), store.ever_booted(tx, number))
        if watch.rollout.wave >= len(watch.rollout.plan.waves):
            look.left = sum(count.total - count.drawn for count in store.strata(tx, number).values())
        last = look.waves[-1] if look.waves else None
        if last and last.booted_at is None and soaks(watch.rollout.plan, tally(look, last)):
            store.soak_started(tx, number, last.number, now)
            look.waves[-1] = replace(last, booted_at=now)
            text = f"{look.booted.get(last.number, 0):,} of {last.drawn:,} of wave {last.number} booted, soak started"
            store.write(tx, number, Entry(now, "soak", text, ""))
        return look

    def _standing(self, look: Look, now: float) -> Standing:
        watch = look.watch
        case, experiment = watch.rollout, watch.experiment
        facts = self.facts(look, now)
        drawn = sum(w.drawn for w in look.waves)
        done = sum(n for (_, state, _), n in look.counts.items() if State(state) in ENDED)
        number = case.wave + 1
        ratio = health.smallest_ratio(experiment.exposures, case.plan.tolerated)
        return Standing(
            phase=Phase.RUNNING if case.phase is Phase.ASKING else case.phase,
            facts=facts,
            answer=ask(self.gates.values(), facts),
            good_enough=health.enough_sentence(experiment, now) if experiment.good_enough else "",
            inconclusive=health.inconclusive_sentence(ratio),
            left=look.left,
            unsettled=drawn - done,
            drawn=drawn,
            decision={number: True, -number: False}.get(case.go),
        )

    def facts(self, look: Look, now: float) -> Facts:
        """What the gates of the next wave are told."""
        case = look.watch.rollout
        last = look.waves[-1] if look.waves else None
        return Facts(
            plan=case.plan,
            now=now,
            number=case.wave + 1,
            last=None if last is None else self._wave(look, last, now),
            in_flight=len(look.watch.pending),
            booted=sum(look.booted.values()),
            evidence=look.watch.experiment.e_value,
            held=health.held_sentence(look.watch.experiment),
            held_since=case.held_since,
            paused_by=case.paused_by,
            opened_by=case.go_by if case.go == case.wave + 1 else "",
        )

    def _wave(self, look: Look, last: OpenWave, now: float) -> Wave:
        soaking = None if last.booted_at is None else now - self._served.between(last.booted_at, now)
        return Wave(last.number, last.opened_at, tally(look, last), soaking)

    def _holding(self, tx: Tx, watch: Watch, standing: Standing, now: float) -> Rollout:
        """Note when a wave that is due begins to be held, and when it is let go."""
        case = watch.rollout
        due = isinstance(ask([self.gates[name] for name in GATES[: GATES.index("evidence")]], standing.facts), Open)
        held = due and standing.facts.evidence >= case.plan.hold and case.wave > 0
        if held == (case.held_since is not None):
            return case
        e = health.cut_number(standing.facts.evidence)
        entry = Entry(now, "hold", f"Held: evidence {e}", standing.facts.held)
        if not held:
            entry = Entry(now, "hold", f"No longer held: evidence {e}", "")
        store.write(tx, case.id, entry)
        return self._change(tx, watch, held_since=now if held else None)

    def _say(self, tx: Tx, watch: Watch, case: Rollout, step: Step, now: float) -> None:
        if step.action is Action.FINISH:
            return
        if step.phase is Phase.ASKING and watch.rollout.phase is not Phase.ASKING:
            store.write(tx, case.id, Entry(now, "ask", "A person decides", step.sentence))
        if (step.phase, step.sentence) != (case.phase, case.blocked):
            self._change(tx, watch, phase=step.phase, blocked=step.sentence)

    def _change(self, tx: Tx, watch: Watch, **fields: Any) -> Rollout:
        watch.rollout = replace(watch.rollout, **fields)
        store.change_rollout(tx, watch.rollout.id, **fields)
        return watch.rollout

    def _finish(self, tx: Tx, watch: Watch, step: Step, now: float) -> None:
        case = self._change(tx, watch, phase=step.phase, blocked=step.sentence, ended_at=now)
        store.write(tx, case.id, Entry(now, "end", step.phase.value.capitalize(), step.sentence))
        tx.record(RolloutEnded(now, case.id, case.product, case.version, step.phase.value))
        tx.after(lambda: self._over(case.id))

    def _over(self, rollout: int) -> None:
        self._desk.stop(rollout)
        self._desk.drop(rollout)

    def _roll_back(self, tx: Tx, watch: Watch, now: float) -> None:
        case = watch.rollout
        stopped = store.rollout(tx, case.undoes or 0)
        if stopped is None:
            return
        revisions = sorted({m.revision for m in store.members(tx, stopped.id)})
        back = undo.strays(tx, stopped, revisions, set(watch.members), case.id)
        able = [b for b in back if b.member.artifact]
        if able:
            undo.send(tx, self._desk, watch, able, now)
            self._until[case.id] = now
            return
        look = self._seen(tx, watch, now)
        waits = any(d.state is not State.BOOTED for d, _ in store.open_deployments(tx, stopped.id))
        facts = self.facts(look, now)
        if not look.waves and waits:
            step = Step(Phase.RUNNING, Action.WAIT, "No device runs it yet; some may still boot it.")
            self._say(tx, watch, case, step, now)
            return
        step = self._undone(look, facts, stopped, len(back))
        if waits and step.action is Action.FINISH:
            step = Step(
                Phase.RUNNING, Action.WAIT, "All are back; devices that were installing may still need the way back."
            )
        self._say(tx, watch, case, step, now)
        if step.action is Action.FINISH:
            self._finish(tx, watch, step, now)

    def _undone(self, look: Look, facts: Facts, stopped: Rollout, stuck: int) -> Step:
        done = sum(n for (_, state, _), n in look.counts.items() if State(state) in ENDED)
        drawn = sum(w.drawn for w in look.waves)
        if not drawn and stuck:
            return Step(Phase.ROLLED_BACK, Action.FINISH, stuck_sentence(stuck, stopped.version))
        if not drawn:
            return Step(Phase.ROLLED_BACK, Action.FINISH, f"No device ran {stopped.version}: nothing to take back.")
        step = onward(Standing(look.watch.rollout.phase, facts, Open(), unsettled=drawn - done, drawn=drawn))
        if stuck:
            step = replace(step, sentence=f"{step.sentence} {stuck_sentence(stuck, stopped.version)}")
        return step

    def _hand_out(self, now: float) -> None:
        """Who may be handed the release until the next tick: as many as the limit of installs in flight allows."""
        for watch in list(self._desk.watches.values()):
            if not watch.waiting:
                continue
            self._desk.hide(watch)
            if watch.stopped or watch.rollout.paused_by:
                continue
            plan = watch.rollout.plan
            free = may_hand(Facts(plan, now, 1, in_flight=len(watch.pending), booted=len(watch.booted)))
            self._desk.show(watch, self._clocks.next_to_call(watch, free, now))


def _drafted(reader: Reader, watch: Watch) -> Draft | None:
    """A new draft, if it needs one."""
    case = watch.rollout
    if not draft.stale(reader, case, watch.draft):
        return None
    return draft.prepare(reader, case, offer_of(reader, releases.get_release(reader, case.product, case.version)))


def gate(name: str) -> Gate:
    """The gate in ``gates/NAME.py``."""
    made: type[Any] = load("fleetloop.rollouts.gates", name, Gate)
    return made()


def tally(look: Look, wave: OpenWave) -> Tally:
    """Devices of one wave by what became of them."""
    mine = dict.fromkeys(State, 0)
    for (number, state, _), n in look.counts.items():
        if number == wave.number:
            mine[State(state)] += n
    ended = sum(n for state, n in mine.items() if state.value in BAD_ENDS)
    settled = ended + mine[State.CONFIRMED] + mine[State.BOOTED]
    return Tally(wave.drawn, look.booted.get(wave.number, 0), mine[State.CONFIRMED], settled, ended)
