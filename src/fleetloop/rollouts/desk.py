"""What every device should do now, in memory: polls are answered from here and touch no database.

Told only after commits, in the event loop; built again from the tables at the start.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from fleetloop import health
from fleetloop.core.db import Reader
from fleetloop.rollouts import book, store
from fleetloop.rollouts.cases import Attempt, Deployment, Rollout
from fleetloop.rollouts.draft import Draft
from fleetloop.rollouts.engine import duty
from fleetloop.rollouts.lives import Fresh, Live, Lives
from fleetloop.rollouts.model import PENDING, Duty, Intent, State
from fleetloop.rollouts.plan import RETRIED
from fleetloop.wire import File, Order

FIRST, PROOF = 1, 2
"""Contacts that a window needs: the first since the wave opened, and one at least W later."""


@dataclass(slots=True)
class Window:
    """How far a device has come since ``wave`` opened."""

    wave: int
    stage: int
    first: float


@dataclass
class Watch:
    """An open rollout: its verdict so far, its devices and their windows."""

    rollout: Rollout
    experiment: health.Experiment
    members: dict[str, str]
    """Revision of each enrolled device."""
    opened_at: float = 0.0
    windows: dict[str, Window] = field(default_factory=dict[str, Window])
    waiting: dict[str, None] = field(default_factory=dict[str, None])
    """Drawn, not handed; in an order, so that a look at all of them goes through memory in one direction."""
    called: list[Live] = field(default_factory=list[Live])
    """Those of them that may be handed it now."""
    pending: set[str] = field(default_factory=set[str])
    """Installs in flight."""
    overdue: set[str] = field(default_factory=set[str])
    """Handed, and past the install deadline: failed for the guard, in flight no more."""
    booted: set[str] = field(default_factory=set[str])
    """Ever booted in this rollout."""
    hurt: frozenset[str] = frozenset()
    stopped: bool = False
    """Nothing is handed any more."""
    condemned: bool = False
    """By the verdict."""
    dirty: bool = True
    draft: Draft | None = None
    """Of the wave to come."""

    def drop(self, device: str) -> None:
        """It left the selection."""
        self.members.pop(device, None)

    def contact(self, device: str, now: float) -> int:
        """Which contact of its window this is: `FIRST`, `PROOF`, or 0 for one that says nothing new."""
        wave, window = self.rollout.wave, self.windows.get(device)
        known = window is not None and window.wave == wave
        if window and known and (window.stage == PROOF or now - window.first < self.rollout.plan.window_s):
            return 0  # almost every contact
        if not wave or device not in self.members:
            return 0
        if window is None or not known:
            self.windows[device] = Window(wave, FIRST, now)
            return FIRST
        window.stage = PROOF
        return PROOF


class Desk:
    """``files`` gives an artifact's file by its key."""

    def __init__(self, files: Callable[[int], File]) -> None:
        self._files = files
        self.watches: dict[int, Watch] = {}
        self.live = Lives(self._fresh)
        self.installed: dict[str, int] = {}
        self.noted: set[int] = set()
        """Rollouts whose record has lines that no tick has booked."""
        self.joined = True
        """Somebody may have come late, or strayed: a tick looks."""
        self.on_change: Callable[[Live], None] = lambda _: None
        self.on_wave: Callable[[Watch, float], None] = lambda _watch, _at: None
        self.on_end: Callable[[Deployment, Attempt], None] = lambda _deployment, _attempt: None
        self.failed: list[tuple[Deployment, Attempt]] = []
        """As loaded: what ended badly in rollouts that are still open, and may be tried again."""
        self.editions: Counter[int] = Counter()
        """Goes up whenever something of a rollout changes: pages made of an older one are stale."""
        self.news: set[str] = set()
        """What pages may have looked at and has changed since it was last told: `rollout/12`, `device/cc-0417`."""
        self.news_of: list[Collection[str]] = []
        """Devices of which the same is true, for each wave that was opened."""

    def changed(self, rollout: int) -> None:
        """Something of this rollout is new, and so for the one that it undoes."""
        watch = self.watches.get(rollout)
        for one in (rollout, watch.rollout.undoes if watch else None):
            if one is not None:
                self.editions[one] += 1
                self.news.add(f"rollout/{one}")

    def load(self, reader: Reader) -> None:
        """Build everything from the tables; every open rollout's record is folded again."""
        self.watches.clear()
        self.live.clear()
        self.failed.clear()
        self.installed = store.last_installed(reader)
        self.noted.update(r.id for r in store.open_rollouts(reader))
        going = store.open_rollouts(reader)
        for rollout in going:
            self.watch(reader, rollout)
            self.failed += store.ended_badly(reader, rollout.id, RETRIED)
        for deployment, attempt in store.open_deployments(reader):
            if deployment.rollout not in {rollout.id for rollout in going}:
                self.adopt(self.revive(reader, deployment))
                self.update(deployment, attempt)

    def watch(self, reader: Reader, rollout: Rollout) -> Watch:
        """Start to watch ``rollout``, from its record, with its deployments that are open."""
        self.watches[rollout.id] = watch = self._from_record(reader, rollout)
        for deployment, attempt in store.open_deployments(reader, rollout.id):
            self.update(deployment, attempt)
        return watch

    def revive(self, reader: Reader, deployment: Deployment) -> Watch | None:
        """For a deployment that is open again though its rollout is over and forgotten: what `adopt` then takes."""
        if not deployment.open or deployment.rollout in self.watches:
            return None
        case = store.rollout(reader, deployment.rollout)
        return None if case is None else self._from_record(reader, case)

    def adopt(self, watch: Watch | None) -> None:
        """Watch a rollout that is over until its deployments have ended again; nobody is handed anything of it."""
        if watch is not None and watch.rollout.id not in self.watches:
            watch.stopped = True
            self.watches[watch.rollout.id] = watch

    def _from_record(self, reader: Reader, rollout: Rollout) -> Watch:
        experiment = health.Experiment(book.verdict_plan(rollout))
        for line in book.lines(reader, rollout):
            experiment.feed(line)
        members = {m.device: m.revision for m in store.members(reader, rollout.id)}
        opened = [w.opened_at for w in store.waves(reader, rollout.id)]
        watch = Watch(rollout, experiment, members, opened_at=opened[-1] if opened else 0.0)
        for device, ident, at in book.contacts(reader, rollout.id):
            _, wave, stage = ident.split("-")
            window = watch.windows.get(device)
            if int(stage) == FIRST:
                watch.windows[device] = Window(int(wave), FIRST, at)
            elif window and window.wave == int(wave):
                window.stage = PROOF
        watch.booted = store.booted_devices(reader, rollout.id)
        return watch

    def update(self, deployment: Deployment, attempt: Attempt) -> None:
        """A deployment changed: show its device what is now to be done."""
        device = deployment.device
        self.changed(deployment.rollout)
        self.news.add(f"device/{device}")
        watch = self.watches.get(deployment.rollout)
        if watch is None:
            return
        watch.dirty = True
        watch.waiting.pop(device, None)
        watch.pending.discard(device)
        if deployment.booted_at is not None:
            watch.booted.add(device)
        if deployment.state in (State.INSTALLED, State.BOOTED, State.CONFIRMED):
            self.installed[device] = attempt.id
        if not deployment.open:
            known = self.live.get(device)
            if known and known.deployment.id == deployment.id:
                self.live.drop(device)
            self.on_end(deployment, attempt)
            return
        live = Live(deployment, attempt, self._order(watch, deployment, attempt))
        self._place(watch, live)
        self.live.set(live)
        self.on_change(live)

    def opened(self, watch: Watch, fresh: Fresh) -> None:
        """A wave drew these devices. `on_wave` sets one clock for all of them."""
        self.changed(watch.rollout.id)
        self.news_of.append(fresh.places.keys())
        watch.dirty, watch.draft = True, None
        for some in (watch.pending, watch.overdue):
            if some:
                some.difference_update(fresh.places)
        self.live.add(fresh)
        if not watch.stopped:
            watch.waiting.update(dict.fromkeys(fresh.places))
        self.on_wave(watch, fresh.at)

    def _fresh(self, deployment: Deployment, attempt: Attempt) -> Live:
        return Live(deployment, attempt, self._order(self.watches[deployment.rollout], deployment, attempt))

    def _place(self, watch: Watch, live: Live) -> None:
        deployment = live.deployment
        if deployment.state is State.WAITING:
            watch.overdue.discard(deployment.device)
            if not watch.stopped:
                watch.waiting[deployment.device] = None
            return
        live.shown = live.order
        if deployment.state in PENDING and deployment.device not in watch.overdue:
            watch.pending.add(deployment.device)

    def _order(self, watch: Watch, deployment: Deployment, attempt: Attempt) -> Order | None:
        todo = duty(deployment.state, deployment.intent, closed=attempt.closed_at is not None)
        if todo is Duty.NOTHING:
            return None
        return Order(
            action=attempt.id,
            file=self._files(deployment.artifact),
            product=watch.rollout.product,
            version=deployment.version,
            component=deployment.component,
            tag=attempt.id * len(Intent) + list(Intent).index(deployment.intent),
            cancel=todo is Duty.CANCEL,
        )

    def stop(self, rollout: int) -> None:
        """From now on nobody is handed this rollout's release: before anything is written."""
        self.changed(rollout)
        watch = self.watches.get(rollout)
        if watch is None:
            return
        watch.stopped = True
        self.hide(watch)
        watch.waiting.clear()

    def show(self, watch: Watch, devices: Iterable[Live]) -> None:
        """Let these waiting devices be handed their order at their next poll."""
        watch.called = [*devices]
        for live in watch.called:
            live.shown = live.order

    def hide(self, watch: Watch) -> None:
        """Let no waiting device of ``watch`` be handed its order for now."""
        for live in watch.called:
            live.shown = None
        watch.called.clear()

    def stands(self, device: str, action: int) -> bool:
        """Whether this action is what the device should be doing."""
        live = self.live.get(device)
        if live is None or live.shown is None or live.attempt.id != action or live.shown.cancel:
            return False
        return not (self.watches[live.deployment.rollout].stopped and live.deployment.state is State.WAITING)

    def expire(self, device: str) -> None:
        """Its install deadline is over: it is in flight no more."""
        if live := self.live.get(device):
            watch = self.watches[live.deployment.rollout]
            watch.overdue.add(device)
            watch.pending.discard(device)
            watch.dirty = True

    def drop(self, rollout: int) -> None:
        """Stop watching a rollout that is over and has no open deployment."""
        watch = self.watches.get(rollout)
        idle = watch is not None and watch.stopped and not watch.pending and not watch.waiting
        if idle and not self.live.any_of(rollout):
            del self.watches[rollout]
