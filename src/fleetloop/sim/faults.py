"""What goes wrong outside the release: radio, power, liars. Rates as plain data, and the draws that follow from them.

Every draw is a hash of (seed, device, time since the start): the order in which devices are served cannot change one,
and the same seed gives the same story whatever the date.
"""

import hashlib
from dataclasses import dataclass

from fleetloop.core.clock import DAY, HOUR

SILENCE_S = 3.25 * HOUR, 8 * HOUR
"""Shortest and longest radio silence; even the shortest is longer than the three hours after which a server wonders."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Rates from 0 to 1.

    ``silence``: share of device-days on which the radio is gone for over three hours. ``power``: share of device-days
    with a power cut. ``cut``: share of downloads that a power cut ends. ``liars``: share of devices that report
    success and come back with what they had.
    """

    silence: float = 0.0
    power: float = 0.0
    cut: float = 0.0
    liars: float = 0.0


def draw(*words: object) -> int:
    """64 bits that depend on ``words`` alone."""
    text = "/".join(map(str, words))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def share(*words: object) -> float:
    """A number in [0, 1) that depends on ``words`` alone."""
    return draw(*words) / 2**64


@dataclass(frozen=True, slots=True)
class Luck:
    """The faults of one fleet. Times are seconds since 1970; days are counted from ``start``."""

    seed: int
    start: float
    faults: Faults

    def silent(self, device: str, at: float) -> bool:
        """Whether the device's radio is gone at ``at``."""
        if not self.faults.silence:
            return False
        today = int((at - self.start) // DAY)
        return any(begin <= at < end for begin, end in filter(None, (self.silence(device, today - i) for i in (0, 1))))

    def silence(self, device: str, day: int) -> tuple[float, float] | None:
        """(begin, end) of the radio silence that begins on this day, if one does."""
        begin = self._moment("silence", self.faults.silence, device, day)
        if begin is None:
            return None
        short, long = SILENCE_S
        return begin, begin + short + (long - short) * share(self.seed, device, day, "silence for")

    def power_cut(self, device: str, after: float, until: float) -> float | None:
        """The first power cut in (``after``, ``until``], to the second."""
        if not self.faults.power:
            return None
        first, last = (int((t - self.start) // DAY) for t in (after, until))
        cuts = (self._moment("power", self.faults.power, device, day) for day in range(first, last + 1))
        return next((cut for cut in cuts if cut is not None and after < cut <= until), None)

    def broken_off(self, device: str, at: float, got: int, size: int) -> int | None:
        """Byte at which a power cut ends the download that begins at ``at`` with ``got`` of ``size`` bytes there."""
        if share(self.seed, device, at - self.start, "cut") >= self.faults.cut:
            return None
        return got + int((size - got) * share(self.seed, device, at - self.start, "cut at"))

    def lies(self, device: str) -> bool:
        """Whether this device's second slot is one that never boots, and its client says success all the same."""
        return share(self.seed, device, "liar") < self.faults.liars

    def _moment(self, what: str, rate: float, device: str, day: int) -> float | None:
        if day < 0 or share(self.seed, device, day, what) >= rate:
            return None
        return self.start + day * DAY + int(DAY * share(self.seed, device, day, what, "when"))
