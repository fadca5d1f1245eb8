"""What devices and the house say to each other, whatever protocol carries it."""

from dataclasses import dataclass
from enum import Enum


class Mode(Enum):
    """How hard a device is asked (hawkBit's words)."""

    FORCED = "forced"
    ATTEMPT = "attempt"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class File:
    """The one artifact of an order. ``key`` is its number in links; digests are lower-case hex; ``size`` in bytes.

    ``modified``: when it was published, whole seconds since 1970; 0: unknown, then ``Last-Modified`` is not said.
    """

    key: int
    name: str
    size: int
    sha256: str
    sha1: str
    md5: str
    modified: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """What a device should do now. ``action`` is the attempt's number (1 … 2^31-1).

    ``tag`` changes whenever the order changes, so that caches notice. ``cancel``: stop this action instead of doing it.
    """

    action: int
    file: File
    product: str
    version: str
    component: str = "application"
    download: Mode = Mode.FORCED
    update: Mode = Mode.FORCED
    tag: int = 0
    cancel: bool = False


class Execution(Enum):
    """hawkBit's execution words of a report."""

    CLOSED = "closed"
    PROCEEDING = "proceeding"
    CANCELED = "canceled"
    SCHEDULED = "scheduled"
    REJECTED = "rejected"
    RESUMED = "resumed"
    DOWNLOAD = "download"
    DOWNLOADED = "downloaded"


class Finished(Enum):
    """hawkBit's result words of a report."""

    SUCCESS = "success"
    FAILURE = "failure"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Report:
    """What a device says about an attempt: a claim. ``device_time`` (seconds) is kept and never trusted.

    ``broken``: the text was not JSON; what could be recovered is here.
    """

    execution: Execution
    finished: Finished
    details: tuple[str, ...] = ()
    code: int | None = None
    device_time: float | None = None
    broken: bool = False


class Outcome(Enum):
    """What became of a report; the value is hawkBit's status."""

    TAKEN = 200
    UNKNOWN = 404
    NOT_CANCELLING = 405
    OVER = 410


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A device's regular summary. ``crashes`` counts up over its life; ``self_test`` is True for passed."""

    version: str
    hardware_revision: str
    boot_id: str
    uptime_s: float
    reset: str
    crashes: int
    self_test: bool


class Admission(Enum):
    """What the guard says to a token."""

    KNOWN = "known"
    NEW = "new"
    REFUSED = "refused"
