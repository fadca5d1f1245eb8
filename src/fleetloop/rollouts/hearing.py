"""What facts of lower rooms mean for rollouts: versions seen, boots, bad events, devices that leave."""

from collections.abc import Callable, Sequence

from fleetloop import fleet, health, telemetry
from fleetloop.core.db import Tx
from fleetloop.core.facts import Fact, Recorded
from fleetloop.core.listen import Listener
from fleetloop.rollouts import store
from fleetloop.rollouts.cases import Attempt, Deployment, Sort, WentSilent
from fleetloop.rollouts.desk import Desk, Watch
from fleetloop.rollouts.dispatch import COMPONENT
from fleetloop.rollouts.model import Event, State
from fleetloop.rollouts.moves import apply, note

Case = tuple[Deployment, Attempt]


class Hearing:
    """Hears with the desk at hand: lines go to the record of every open rollout that has the device."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._hear: dict[type[Fact], Callable[[Tx, Fact], None]] = {
            fleet.VersionSeen: self._version,
            telemetry.Rebooted: self._rebooted,
            telemetry.Crashed: self._crashed,
            telemetry.SelfTestFailed: self._self_test,
            fleet.DeviceRetired: self._retired,
            fleet.DeviceAdded: self._joined,
            fleet.DeviceChanged: self._joined,
        }

    @property
    def listener(self) -> Listener:
        """For the wiring."""
        return Listener("rollouts", tuple(self._hear), self.hear)

    def hear(self, tx: Tx, facts: Sequence[Recorded]) -> None:
        """Handle facts in order."""
        for recorded in facts:
            self._hear[type(recorded.fact)](tx, recorded.fact)
            self._desk.news.add(f"device/{getattr(recorded.fact, 'device', '')}")

    def _version(self, tx: Tx, fact: Fact) -> None:
        if not isinstance(fact, fleet.VersionSeen):
            return
        case = self._last(tx, fact.device, fact.at)
        if case is None or case[0].ended:
            self._joined(tx, fact)
            self._by_hand(tx, fact, case)
        if case is None or (case[0].ended and fact.previous == fact.version):  # it ended so, knowing that
            return
        deployment, attempt, change = apply(tx, self._desk, case, sighting(case[0], fact.version), fact.at)
        weak = fact.source == "attribute" and change.moved and change.state is State.BOOTED
        if weak and not deployment.weak:
            changed = store.change(tx, deployment, weak=True)
            tx.after(lambda: self._desk.update(changed, attempt))

    def _rebooted(self, tx: Tx, fact: Fact) -> None:
        """The old version in a boot after the install report: it fell back."""
        if not isinstance(fact, telemetry.Rebooted) or (case := self._last(tx, fact.device, fact.at)) is None:
            return
        deployment = case[0]
        if deployment.state is State.INSTALLED and fact.at > deployment.since and fact.version == deployment.previous:
            apply(tx, self._desk, case, Event.BOOTED_OLD, fact.at)

    def _crashed(self, tx: Tx, fact: Fact) -> None:
        if isinstance(fact, telemetry.Crashed):
            self._bad(tx, fact.device, "crash", fact.id, fact.at)

    def _self_test(self, tx: Tx, fact: Fact) -> None:
        if isinstance(fact, telemetry.SelfTestFailed):
            self._bad(tx, fact.device, "self-test", fact.id, fact.at)

    def _bad(self, tx: Tx, device: str, what: str, ident: str, at: float) -> None:
        for watch in list(self._desk.watches.values()):
            if watch.stopped or device not in watch.members or what not in watch.rollout.plan.events:
                continue
            line = health.Event(at, device, what, ident)
            note(tx, self._desk, watch, line, f"{what}-{ident}")
        case = self._last(tx, device, at)
        if case:
            apply(tx, self._desk, case, self._kind(case[1], case[0], at), at)

    def _kind(self, attempt: Attempt, deployment: Deployment, at: float) -> Event:
        watch = self._desk.watches.get(deployment.rollout)
        window = watch.rollout.plan.window_s if watch else 0.0
        inside = attempt.handed_at is not None and at - attempt.handed_at < window
        return Event.BAD_IN_WINDOW if inside else Event.BAD_EVENT

    def silent(self, tx: Tx, device: str, since: float, at: float) -> None:
        """A silence that a tick found."""
        tx.record(WentSilent(at, device, since))
        for watch in list(self._desk.watches.values()):
            if watch.stopped or device not in watch.members or "silent" not in watch.rollout.plan.events:
                continue
            note(tx, self._desk, watch, health.Silent(at, device), f"silent-{since:.3f}")
        case = self._last(tx, device, at)
        if case and case[0].state in (State.BOOTED, State.CONFIRMED):
            apply(tx, self._desk, case, self._kind(case[1], case[0], at), at)

    def _by_hand(self, tx: Tx, fact: fleet.VersionSeen, case: Case | None) -> None:
        """A held-back device that somebody updated by hand leaves the experiment."""
        if fact.previous in ("", fact.version):
            return
        for watch in list(self._desk.watches.values()):
            held = fact.device in watch.members and not watch.stopped and watch.rollout.kind is Sort.UPDATE
            if held and (case is None or case[0].rollout != watch.rollout.id):
                self._leave(tx, watch, fact.device, fact.at)

    def _joined(self, tx: Tx, _: Fact) -> None:
        tx.after(lambda: setattr(self._desk, "joined", True))

    def _retired(self, tx: Tx, fact: Fact) -> None:
        if not isinstance(fact, fleet.DeviceRetired):
            return
        for watch in list(self._desk.watches.values()):
            if fact.device in watch.members and not watch.stopped:
                self._leave(tx, watch, fact.device, fact.at)
        case = self._last(tx, fact.device, fact.at)
        if case:
            apply(tx, self._desk, case, Event.RETIRED, fact.at)

    def _leave(self, tx: Tx, watch: Watch, device: str, at: float) -> None:
        store.leave(tx, watch.rollout.id, device)
        note(tx, self._desk, watch, health.Leave(at, device), "leave")
        tx.after(lambda: watch.drop(device))

    def version(self, tx: Tx, device: str) -> str:
        """What the device showed last; empty if it never told."""
        return fleet.get_device(tx, device).version

    def _last(self, tx: Tx, device: str, at: float) -> Case | None:
        """The device's newest deployment, unless it was made after what happened."""
        case = store.last_of(tx, device, COMPONENT)
        return None if case is None or case[1].made_at > at else case


def sighting(deployment: Deployment, version: str) -> Event:
    """Which event it is that a device shows ``version``."""
    if version == deployment.version:
        return Event.SEEN_TARGET
    return Event.SEEN_OLD if version == deployment.previous else Event.SEEN_OTHER
