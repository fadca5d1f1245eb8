"""The serving clock: a value handed in, never asked of the machine by a room.

There are three clocks. *Real* time (``real_now``) is for TLS, sessions and tokens. The *serving* clock counts
deadlines, soak and silence; it runs only while the server serves. The device's own clock is kept and never trusted.
All are seconds since 1970 in UTC, as floats.
"""

import time
from typing import Protocol

from fleetloop.core.errors import ConflictError

HOUR = 3600.0
DAY = 24 * HOUR


class Clock(Protocol):
    """The serving clock."""

    def now(self) -> float:
        """Seconds since 1970, UTC; never goes back."""
        ...


class RealClock:
    """Runs with the machine, never backwards within a process."""

    def __init__(self) -> None:
        self._last = 0.0

    def now(self) -> float:
        """The machine's time, or the last one told if the machine was set back."""
        self._last = max(self._last, time.time())
        return self._last


class SteppedClock:
    """Stands still until a conductor moves it."""

    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> float:
        """The instant it was moved to."""
        return self._at

    def move(self, to: float) -> None:
        """Raises `ConflictError` for a time that is over; the same instant again is allowed."""
        if to < self._at:
            raise ConflictError(f"the clock stands at {self._at:.3f} and never goes back; asked for {to:.3f}")
        self._at = to


def real_now() -> float:
    """The machine's time, for what expires in the real world."""
    return time.time()
