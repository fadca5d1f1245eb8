"""Reading a rollout's record line by line: who is at risk when, and what then happens to whom.

What the text of the record leaves open, decided here: `at` never goes backwards; a device that joins after the first
opening waits for the next one; a bad event before the first opening leaves no evidence either, and its device is in
the first wave's group; a bad event of a new device within W of the offer is a failed install; a device counts once
in the guard; an install of a device that was not drawn is a contact and no more; lines after `end`, and of a device
that left, are not read.
"""

from collections.abc import Iterable

from fleetloop.health.cohort import Cohort, Member
from fleetloop.health.model import (
    Draw,
    End,
    Enrol,
    Event,
    Install,
    InstallState,
    Leave,
    Line,
    Plan,
    Poll,
    RecordError,
    Silences,
    Silent,
    Wave,
)
from fleetloop.health.silence import Watchers
from fleetloop.health.tally import Tally

REVISIONS_MAX = 1_000
"""Most revisions of a rollout; E looks at each after every bad event."""
_OfDevice = Draw | Poll | Install | Event | Silent | Leave


class Fold:
    """Reads the record: who is at risk when, and what then happens to whom."""

    def __init__(self, plan: Plan) -> None:
        """Start with nobody enrolled and E = 1."""
        self.plan = plan
        self.crashed = 0
        """Drawn devices that reported a bad event, in the comparison or not."""
        self.now = float("-inf")
        """Time of the last line."""
        self.ended = False
        self._cohort = Cohort(plan.window_s)
        self._tally = Tally(plan)
        self._watchers = Watchers(plan) if plan.silences is Silences.DERIVED else None
        self._watched: list[list[float]] = []  # per wave: its number, device-seconds at risk of new and of held back
        self._told: set[tuple[str, str]] = set()
        self._crashed: set[str] = set()
        self._number = 1

    def feed(self, line: Line, number: int = 0) -> None:
        """Read the record's next line; ``number`` is for errors and defaults to one more than the last.

        Raises:
            RecordError: time goes backwards, or the line fits nothing that came before.
        """
        self._number = number or self._number + 1
        if self.ended:
            return
        self.advance(line.at)
        match line:
            case Wave():
                self._open(line)
            case Enrol():
                self._enrol(line)
            case End():
                self.ended = True
            case _:
                self._read(line)
        if self._watchers is not None:
            self._watchers.note(line)

    def draw(self, at: float, wave: int, devices: Iterable[str]) -> None:
        """As one `Draw` line for each device, by lot: a wave may draw 100,000.

        Raises:
            RecordError: as `feed`.
        """
        if self._watchers is not None:
            for device in devices:
                self.feed(Draw(at, device, wave))
            return
        self.advance(at)
        if self.ended:
            return
        drawn = [*map(self._cohort.members.get, devices)]
        if not all(drawn):
            raise self._refuse("enrolled devices", "one that is not")
        self._number += len(drawn)
        self._cohort.draw_all((member for member in drawn if member is not None and not member.gone), wave)

    def advance(self, at: float) -> None:
        """Book the silences and install deadlines due by ``at``, in order of time, then device id.

        Raises:
            RecordError: ``at`` is before the last line.
        """
        if at < self.now:
            raise self._refuse(f"`at` to be {self.now} or later", f"{at}")
        for booked in self._watchers.due(at) if self._watchers is not None else ():
            self._pass(booked.at)
            self._follow(booked, self._cohort.members[booked.device])
        self._pass(at)

    def moves(self, device: str, at: float) -> bool:
        """Whether a poll now would open or end a window: only such polls belong into a record of silences recorded."""
        member = self._cohort.members.get(device)
        return member is not None and self._cohort.moves(member, at)

    def _refuse(self, expected: str, came: str) -> RecordError:
        return RecordError(self._number, expected, came)

    def _pass(self, at: float) -> None:
        if self._watched and at > self.now:
            watched = self._watched[-1]
            watched[1] += self._cohort.new * (at - self.now)
            watched[2] += self._cohort.held_back * (at - self.now)
        self.now = at

    def _open(self, line: Wave) -> None:
        if line.number <= self._cohort.wave:
            raise self._refuse(f"a wave after wave {self._cohort.wave}", f"{line.number}")
        self._cohort.open(line.number)
        self._watched.append([line.number, 0.0, 0.0])

    def _enrol(self, line: Enrol) -> None:
        known = self._cohort.members.get(line.device)
        if known is not None and known.gone:
            return
        if known is not None:
            raise self._refuse("a device not yet enrolled", repr(line.device))
        if line.revision not in self._tally.revisions and len(self._tally.revisions) >= REVISIONS_MAX:
            raise self._refuse(f"at most {REVISIONS_MAX} revisions", repr(line.revision))
        self._cohort.enrol(line.device, line.revision, randomised=line.randomised)
        self._tally.enrol(line.revision, line.at)

    def _read(self, line: _OfDevice) -> None:
        member = self._cohort.members.get(line.device)
        if member is None:
            raise self._refuse("an enrolled device", repr(line.device))
        if isinstance(line, Silent) and self._watchers is not None:
            raise self._refuse('no `silent` line unless the plan says "silences":"recorded"', "one")
        self._follow(line, member)

    def _follow(self, line: _OfDevice, member: Member) -> None:
        if member.gone:
            return
        match line:
            case Poll():
                self._cohort.contact(member, line.at)
            case Install():
                self._install(line, member)
            case Event():
                self._event(line, member)
            case Silent():
                self._silent(line, member)
            case Draw():
                self._cohort.draw(member, line.wave, randomised=line.randomised)
            case Leave():
                self._leave(line, member)

    def _install(self, line: Install, member: Member) -> None:
        self._cohort.contact(member, line.at)
        if not member.new:
            return
        match line.state:
            case InstallState.STARTED:
                self._tally.guard.start(line.device, line.at)
            case InstallState.BOOTED:
                self._tally.guard.boot(line.device, line.at)
            case InstallState.FAILED:
                self._tally.guard.settle(line.device)
                self._fail(line, member)

    def _event(self, line: Event, member: Member) -> None:
        told = None if line.id is None else (line.device, line.id)
        if told in self._told:
            self._cohort.contact(member, line.at)
            return
        if told is not None:
            self._told.add(told)
        if member.new and line.device not in self._crashed:
            self._crashed.add(line.device)
            self.crashed += 1
        self._bad(line, member)

    def _silent(self, line: Silent, member: Member) -> None:
        if not self._tally.guard.pending(line.device):  # its clock is paused while it installs
            self._bad(line, member)

    def _leave(self, line: Leave, member: Member) -> None:
        self._cohort.withdraw(member)
        member.gone = True
        self._tally.guard.settle(line.device)

    def _bad(self, line: Event | Silent, member: Member) -> None:
        if member.new and self._tally.guard.covers(line.device, line.at):
            self._fail(line, member)
        elif before := self._cohort.strike(member):
            self._tally.strike(line, member, before)

    def _fail(self, line: Install | Event | Silent, member: Member) -> None:
        self._cohort.strike(member)
        self._tally.fail(line.device, line.at)
