"""Who is compared with whom: strata, waves, the window, and the numbers at risk.

*Stratum* = hardware revision x group; group = the wave at whose opening a device was last enrolled as held back (0 at
the start). The labels in a stratum are a uniform draw at every moment, whoever failed when.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleetloop.health.model import Arm


@dataclass(slots=True)
class Stratum:
    """Numbers at risk."""

    held_back: int = 0
    new: int = 0


@dataclass(slots=True)
class Member:
    """A device of the rollout, as the comparison sees it."""

    revision: str
    randomised: bool
    out: bool
    """Had its bad event, or joined late: waits for the next opening (held back), or for good (new)."""
    group: int = 0
    new: bool = False
    gone: bool = False
    first: float | None = None
    """First contact since the last opening."""
    stratum: Stratum | None = None
    """Where it is at risk; None while it is outside the comparison."""

    @property
    def arm(self) -> Arm:
        """The side it is on."""
        return Arm.NEW if self.new else Arm.HELD_BACK

    @property
    def eligible(self) -> bool:
        """Whether it is at risk, or will be after its window."""
        return self.randomised and not self.out and not self.gone


class Cohort:
    """All devices of one rollout."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._strata: dict[tuple[str, int], Stratum] = {}
        self.members: dict[str, Member] = {}
        self.wave = 0
        self.new = 0
        """New devices at risk now."""
        self.held_back = 0
        """Held-back devices at risk now."""

    def enrol(self, device: str, revision: str, *, randomised: bool) -> None:
        """A device joins, held back; after the first opening it enters with the next one."""
        self.members[device] = Member(revision, randomised, out=self.wave > 0)

    def open(self, number: int) -> None:
        """A wave opens: all leave the comparison, and held-back devices that were out re-enter in its group."""
        self.wave = number
        self._strata.clear()
        self.new = self.held_back = 0
        for member in self.members.values():
            if member.first is not None:  # else it is in no stratum either
                member.stratum = member.first = None
            if member.out and not member.new:
                self._renew(member, number)

    def draw(self, member: Member, wave: int, *, randomised: bool) -> None:
        """The device becomes new, for good. A draw may stand before its wave's own line."""
        self.withdraw(member)
        if wave > self.wave and member.out and not member.new:
            self._renew(member, wave)
        member.new, member.first = True, None
        member.randomised = member.randomised and randomised

    def draw_all(self, members: Iterable[Member], wave: int) -> None:
        """Draw each of them, by lot."""
        for member in members:
            if member.first is not None or member.out or wave > self.wave:
                self.draw(member, wave, randomised=True)
            else:  # most of 100,000: outside the comparison since their wave opened
                member.new = True

    def moves(self, member: Member, at: float) -> bool:
        """Whether a contact now would open or end the device's window."""
        if self.wave == 0 or member.stratum is not None or not member.eligible:
            return False
        return member.first is None or at >= member.first + self._window_s

    def contact(self, member: Member, at: float) -> None:
        """The device is heard: its window opens, or is over."""
        if not self.moves(member, at):
            return
        if member.first is None:
            member.first = at
        if at >= member.first + self._window_s:
            self._admit(member)

    def strike(self, member: Member) -> Stratum | None:
        """Take a device with a bad event out; the numbers at risk just before it, or None if it was outside."""
        stratum = member.stratum
        before = Stratum(stratum.held_back, stratum.new) if stratum else None
        self.withdraw(member)
        member.out = True
        return before

    def withdraw(self, member: Member) -> None:
        """Take a device out of the numbers at risk."""
        if member.stratum is not None:
            self._count(member, member.stratum, -1)
            member.stratum = None

    def eligible(self) -> Iterator[tuple[str, Member]]:
        """Devices that are in the comparison, or will be after their window."""
        return ((device, member) for device, member in self.members.items() if member.eligible)

    def _renew(self, member: Member, wave: int) -> None:
        member.out, member.group = False, wave

    def _admit(self, member: Member) -> None:
        member.stratum = self._strata.setdefault((member.revision, member.group), Stratum())
        self._count(member, member.stratum, 1)

    def _count(self, member: Member, stratum: Stratum, by: int) -> None:
        if member.new:
            stratum.new += by
            self.new += by
        else:
            stratum.held_back += by
            self.held_back += by
