"""The clocks of devices: deadlines, healthy soaks, silences, tries that come again, and who will call next."""

import heapq
from collections.abc import Callable, Iterator, Sequence

from fleetloop.core.clock import Clock
from fleetloop.core.db import Tx
from fleetloop.core.serving import Served, keep
from fleetloop.rollouts import store
from fleetloop.rollouts.cases import Attempt, Deployment, Sort
from fleetloop.rollouts.desk import Desk, Live, Watch
from fleetloop.rollouts.draw import place
from fleetloop.rollouts.hearing import Hearing, sighting
from fleetloop.rollouts.model import OVER, PENDING, Event, Intent, Phase, State
from fleetloop.rollouts.moves import again, apply
from fleetloop.rollouts.plan import next_attempt
from fleetloop.rollouts.timers import Due, Timers

Fired = tuple[float, Due, str]
GRACE_POLLS = 2


class Clocks:
    """``last_contact`` and ``version`` answer from memory; ``flushers`` write what other rooms hold in memory."""

    def __init__(
        self,
        clock: Clock,
        served: Served,
        desk: Desk,
        hearing: Hearing,
        last_contact: Callable[[str], float | None],
        flushers: Sequence[Callable[[Tx], None]] = (),
    ) -> None:
        self._clock = clock
        self._served = served
        self._desk = desk
        self._hearing = hearing
        self._last_contact = last_contact
        self._flushers = flushers
        self._timers = Timers()
        self._silent: dict[str, float] = {}
        self._watched: set[tuple[int, int]] = set()
        desk.on_change, desk.on_wave, desk.on_end = self.changed, self.opened, self.ended

    def load(self) -> None:
        """Set every timer of what is open."""
        self._watched.clear()
        for live in self._desk.live.values():
            self.changed(live)
        for deployment, attempt in self._desk.failed:
            self.ended(deployment, attempt)

    def ended(self, deployment: Deployment, attempt: Attempt) -> None:
        """A deployment is over: if it ended badly, it is tried again after a while."""
        watch = self._desk.watches.get(deployment.rollout)
        if watch is None or watch.stopped:
            return
        later = next_attempt(watch.rollout.plan, deployment.state, attempt.number, deployment.since)
        if later is not None:
            self._timers.set(Due.RETRY, str(deployment.id), later)

    def watched(self, watch: Watch) -> None:
        """A rollout began, or took in late joiners: its devices' silences count."""
        known = any(rollout == watch.rollout.id for rollout, _ in self._watched)
        self._watched.add((watch.rollout.id, watch.rollout.wave))
        for device in watch.members:
            if not (known and self._timers.has(Due.SILENT, device)):
                self._timers.set(Due.SILENT, device, self._silence(device, watch))

    def opened(self, watch: Watch, at: float) -> None:
        """A wave was drawn: one timer for all that wait; when it is due each gets its own."""
        limit = watch.rollout.plan.deadlines.of(State.WAITING, Intent.RUN)
        if limit is not None:
            due = self._graced(self._served.due(at, limit), watch.rollout.plan.poll_s)
            self._timers.set(Due.WAVE, str(watch.rollout.id), due)

    def _all_wait(self, rollout: int) -> None:
        watch = self._desk.watches.get(rollout)
        for device in sorted(watch.waiting) if watch else ():
            if (live := self._desk.live.get(device)) is not None:
                self.changed(live)

    def changed(self, live: Live) -> None:
        """A deployment moved: when is it looked at again?"""
        device = live.deployment.device
        for kind in (Due.DEADLINE, Due.INSTALL, Due.HEALTHY):
            self._timers.clear(kind, device)
            due = self._due(live, kind)
            if due is not None:
                self._timers.set(kind, device, due)

    def _due(self, live: Live, kind: Due) -> float | None:
        """When ``kind`` is due for a deployment as it stands; None if it does not apply."""
        deployment, attempt = live.deployment, live.attempt
        case = self._desk.watches[deployment.rollout].rollout
        plan = case.plan
        if kind is Due.HEALTHY:
            if case.phase is Phase.STOPPED and case.kind is Sort.UPDATE:
                return None  # nobody is confirmed on a stopped release by time alone
            healthy = deployment.healthy_since if deployment.state is State.BOOTED else None
            return None if healthy is None else self._served.due(healthy, plan.soak_s)
        if kind is Due.INSTALL:
            flying = attempt.handed_at if deployment.state in PENDING else None
            return (
                None if flying is None else self._graced(self._served.due(flying, plan.install_deadline_s), plan.poll_s)
            )
        limit = plan.deadlines.of(deployment.state, deployment.intent)
        return None if limit is None else self._graced(self._served.due(deployment.since, limit), plan.poll_s)

    def _graced(self, due: float, poll_s: float) -> float:
        """After an outage nothing is due earlier than two poll intervals after the return."""
        back = self._served.last_return()
        return max(due, back + GRACE_POLLS * poll_s) if due > back else due

    def _silence(self, device: str, watch: Watch) -> float:
        plan = watch.rollout.plan
        heard = self._last_contact(device)
        since = watch.rollout.started_at if heard is None else heard
        return self._graced(self._served.due(since, plan.silent_s), plan.poll_s)

    def due(self, now: float) -> Iterator[Fired]:
        """What really is due at ``now``, in order of time, then by device; what moved meanwhile is set again."""
        for watch in self._desk.watches.values():
            if (watch.rollout.id, watch.rollout.wave) not in self._watched:
                self.watched(watch)
        fired: list[Fired] = []
        for at, kind, key in self._timers.pop(now):
            again = self._again(kind, key, now)
            if again is None:
                continue
            if again > now:
                self._timers.set(kind, key, again)
            else:
                fired.append((max(at, again) if again > 0 else at, kind, key))
        yield from sorted(fired, key=lambda f: (f[0], place("", "", 0, f[2]), f[1].name))

    def _again(self, kind: Due, key: str, now: float) -> float | None:
        """When this is really due; None if it no longer is."""
        if kind is Due.RETRY:
            return now
        if kind is Due.WAVE:
            return self._all_wait(int(key))
        if kind is Due.SILENT:
            return self._silent_due(key, now)
        live = self._desk.live.get(key)
        return None if live is None else self._due(live, kind)

    def _silent_due(self, device: str, now: float) -> float | None:
        watches = [w for w in self._desk.watches.values() if device in w.members and w.rollout.phase not in OVER]
        if not watches:
            return None
        live = self._desk.live.get(device)
        if live is not None and live.deployment.state in PENDING:
            return now + watches[0].rollout.plan.silent_s  # its silence is paused while it installs
        heard = self._last_contact(device)
        if self._silent.get(device) == _since(heard):
            return now + watches[0].rollout.plan.silent_s  # told already; it has not come back
        return min(self._silence(device, w) for w in watches)

    def fire(self, tx: Tx, fired: Fired, now: float) -> None:
        """What is due happens now."""
        _, kind, key = fired
        if kind is Due.SILENT:
            self._fall_silent(tx, key, now)
        elif kind is Due.RETRY:
            self._retry(tx, int(key), now)
        elif live := self._desk.live.get(key):
            self._move(tx, live, kind, now)

    def _move(self, tx: Tx, live: Live, kind: Due, now: float) -> None:
        found = store.attempt(tx, live.attempt.id, live.deployment.device)
        if found is None:
            return
        attempt, deployment = found
        events = {Due.HEALTHY: Event.HEALTHY, Due.INSTALL: Event.INSTALL_DUE}
        event = events.get(kind) or self._deadline(tx, live)
        apply(tx, self._desk, (deployment, attempt), event, now)
        if kind is Due.INSTALL:
            tx.after(lambda: self._desk.expire(deployment.device))

    def _deadline(self, tx: Tx, live: Live) -> Event:
        """The last version the device showed tells which end this is."""
        shown = self._hearing.version(tx, live.deployment.device)
        old = sighting(live.deployment, shown) is Event.SEEN_OLD
        return Event.DEADLINE_OLD if old else Event.DEADLINE

    def _retry(self, tx: Tx, number: int, now: float) -> None:
        deployment = store.deployment(tx, number)
        watch = self._desk.watches.get(deployment.rollout)
        newest = store.last_of(tx, deployment.device, deployment.component)
        if watch is None or watch.stopped or not deployment.ended or newest is None or newest[0].id != number:
            return
        again(tx, self._desk, deployment, newest[1].number + 1, now)

    def _fall_silent(self, tx: Tx, device: str, now: float) -> None:
        since = _since(self._last_contact(device))
        self._hearing.silent(tx, device, since, now)

        def learn() -> None:
            self._silent[device] = since
            self._timers.set(Due.SILENT, device, now + 1.0)

        tx.after(learn)

    def next(self) -> float:
        """The earliest timer."""
        return self._timers.next()

    def next_to_call(self, watch: Watch, free: int, now: float) -> list[Live]:
        """``free`` waiting devices, those expected to call now first, by hash; those that stay away hold no place.

        A device is expected a poll interval after its last contact; some call more often than they are told.
        Chosen before the instant's contacts come, so their order decides nothing.
        """
        devices = watch.waiting if free >= len(watch.waiting) else self._first(watch, free, now)
        return [live for device in devices if (live := self._desk.live.get(device)) is not None]

    def _first(self, watch: Watch, free: int, now: float) -> list[str]:
        poll = watch.rollout.plan.poll_s
        waiting = self._near([*watch.waiting], free, now, poll) if free else ()
        turns = [(self._turn(device, now, poll), device) for device in waiting]
        last = max(heapq.nsmallest(free, (turn for turn, _ in turns)), default=(0, 0.0))
        near = [(turn, self._place(watch, device), device) for turn, device in turns if turn <= last]
        return [device for _, _, device in heapq.nsmallest(free, near)]

    def _near(self, devices: list[str], free: int, now: float, poll: float) -> list[str]:
        """Without most of those whose turn surely comes later: there may be 100,000, and this is done at each tick."""
        heard = [*map(self._last_contact, devices)]
        low, high = now - (1 + GRACE_POLLS) * poll, now - poll
        known = [at for at in heard if at is not None and at >= low]
        if len(known) < free:
            return devices
        due = [at for at in known if at <= high]
        if len(due) >= free:
            low = heapq.nlargest(free, due)[-1]
        else:
            high = heapq.nsmallest(free, known)[-1]
        return [
            device for device, at in zip(devices, heard, strict=True) if at is not None and low - 1 <= at <= high + 1
        ]

    def _turn(self, device: str, now: float, poll: float) -> tuple[int, float]:
        """First those that are due, then those that may call early, last those that stay away."""
        heard = self._last_contact(device)
        over = float("inf") if heard is None else now - (heard + poll)
        return (2 if over > GRACE_POLLS * poll else 1 if over < 0 else 0), abs(over)

    def _place(self, watch: Watch, device: str) -> int:
        return place(watch.rollout.seed, str(watch.rollout.id), watch.rollout.wave, device)

    def commit(self, tx: Tx, now: float) -> None:
        """The clock, and what other rooms hold in memory, with this tick."""
        for flush in self._flushers:
            flush(tx)
        keep(tx, now)


def _since(heard: float | None) -> float:
    """Since when a device is silent; 0 for one that was never heard."""
    return 0.0 if heard is None else heard
