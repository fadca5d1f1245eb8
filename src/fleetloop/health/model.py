"""Nouns of the verdict: its frozen plan, the lines of its record, and what it finds.

Times are seconds of the serving clock at receipt. The lines are those of the record format; see ``record.py``
for their JSON.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from fleetloop.core.errors import InputError


class RecordError(InputError):
    """A line of a rollout's record is not what was expected."""

    code = "bad-record"

    def __init__(self, number: int, expected: str, came: object) -> None:
        """``number`` counts the lines of the record from 1."""
        shown = came if isinstance(came, str) else repr(came)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        super().__init__(f"Line {number} of the record: expected {expected}, got {shown}.", line=number)
        self.number = number


class Arm(StrEnum):
    """Which side of the comparison a device is on."""

    NEW = "new"
    HELD_BACK = "held back"


class Verdict(StrEnum):
    """What the record says, by itself, of the release."""

    STOP = "stop"
    HOLD = "hold"
    NOT_TWICE_AS_BAD = "not_twice_as_bad"
    INCONCLUSIVE = "inconclusive"


class Silences(StrEnum):
    """Whether silences and install deadlines follow from the polls, or stand in the record themselves."""

    DERIVED = "derived"
    RECORDED = "recorded"


class InstallState(StrEnum):
    """What became of an install: handed to the device, seen on the new version, or not."""

    STARTED = "started"
    BOOTED = "booted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is frozen at the start; changing any of it during a rollout voids the guarantee.

    Raises:
        InputError: a value is outside its bounds.
    """

    alpha: float = 0.05
    """Chance of stopping a healthy rollout, at most: the rollout stops at E >= 1/alpha."""
    hold: float = 1.5
    """E from which the next wave waits."""
    window_s: float = 7200.0
    """W: from first contact after a wave's opening until a device may enter the comparison."""
    silent_s: float = 10800.0
    install_deadline_s: float = 14400.0
    p0: float = 0.01
    """Share of installs that fail on a healthy release, at most (``frozen_p0``)."""
    silences: Silences = Silences.DERIVED
    comparison: bool = True
    """False for a product's first release: it has no control, and E is the install guard's alone."""
    tolerated: float | None = None
    """First bad events per device-day that the product tolerates; needed for *good enough*."""

    def __post_init__(self) -> None:
        shares = (("alpha", self.alpha), ("p0", self.p0))
        spans = (("window_s", self.window_s), ("silent_s", self.silent_s), ("hold", self.hold))
        spans = (*spans, ("install_deadline_s", self.install_deadline_s), ("tolerated", self.tolerated or 0.0))
        for name, value in shares:
            if not 0 < value < 1:
                raise InputError(f"{name} must be above 0 and below 1, got {value}.")
        for name, value in spans:
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} must be a number from 0, got {value}.")

    @property
    def limit(self) -> float:
        """E at which the rollout stops, for good."""
        return 1 / self.alpha


@dataclass(frozen=True, slots=True)
class Enrol:
    """A device joins the rollout on its old release."""

    at: float
    device: str
    revision: str
    randomised: bool = True


@dataclass(frozen=True, slots=True)
class Wave:
    """A wave opens."""

    at: float
    number: int


@dataclass(frozen=True, slots=True)
class Draw:
    """A device becomes *new*, by lot or (``randomised`` false) by hand."""

    at: float
    device: str
    wave: int
    randomised: bool = True


@dataclass(frozen=True, slots=True)
class Poll:
    """A contact that says nothing else. The version is for people; a new device stays new whatever it reports."""

    at: float
    device: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Install:
    """An install moves."""

    at: float
    device: str
    state: InstallState


@dataclass(frozen=True, slots=True)
class Event:
    """A bad event that a device reports; the same ``id`` counts once."""

    at: float
    device: str
    what: str
    id: str | None = None
    device_time: float | None = None


@dataclass(frozen=True, slots=True)
class Silent:
    """A device was found silent for ``silent_s``. Only in records whose silences are recorded."""

    at: float
    device: str


@dataclass(frozen=True, slots=True)
class Leave:
    """A device is retired, or updated by hand: from here on it is not watched."""

    at: float
    device: str


@dataclass(frozen=True, slots=True)
class End:
    """The rollout is over; what follows is not read."""

    at: float


Line = Enrol | Wave | Draw | Poll | Install | Event | Silent | Leave | End


class Interval(NamedTuple):
    """Times as bad as held back: 5 % on each side, at any time. ``upper`` is None where there is no end."""

    lower: float
    upper: float | None


@dataclass(frozen=True, slots=True)
class Comparable:
    """A bad event with devices of both arms at risk in its stratum.

    ``a`` held-back and ``b`` new devices were at risk just before it; ``e_after`` is the rollout's E just after.
    """

    at: float
    device: str
    revision: str
    group: int
    arm: Arm
    what: str
    a: int
    b: int
    e_after: float


class Step(NamedTuple):
    """E just after a bad event of the comparison or a failed install."""

    at: float
    e_value: float


@dataclass(frozen=True, slots=True)
class Row:
    """One hardware revision in figures. Devices picked by hand and devices that left are not in it."""

    revision: str
    new: int
    held_back: int
    new_at_risk: int
    held_back_at_risk: int
    new_events: int
    held_back_events: int
    expected_new: float
    e_value: float
    """Evidence of this revision alone: information, decides nothing."""
    interval: Interval
    estimate: float | None
    """Most likely times as bad; None where no held-back device had an event."""


class Exposure(NamedTuple):
    """Device-days at risk in the comparison during one wave."""

    wave: int
    new_days: float
    held_back_days: float
