"""Facts that heartbeats show. ``at`` is the serving clock at receipt; the device's own clock orders nothing."""

from dataclasses import dataclass

from fleetloop.core.facts import Fact


@dataclass(frozen=True)
class Crashed(Fact):
    """The firmware crashed, or a watchdog reset it.

    ``count`` crashes since the last heartbeat; ``crashes`` is the device's own counter. ``version`` is what the device
    runs now. ``uptime_s``: what it last told of the boot that ended so, hence a lower bound. ``id``: the same for a
    repetition of the same news.
    """

    device: str
    crashes: int
    count: int
    reset: str
    boot_id: str
    version: str
    uptime_s: float
    id: str


@dataclass(frozen=True)
class SelfTestFailed(Fact):
    """The device's self-test of this boot failed."""

    device: str
    boot_id: str
    version: str
    id: str


@dataclass(frozen=True)
class Rebooted(Fact):
    """The device shows a new boot id; after a crash there is a `Crashed` beside it."""

    device: str
    boot_id: str
    reset: str
    version: str


@dataclass(frozen=True)
class Happening:
    """One line of a device's timeline. ``what``: crash, reboot or self-test."""

    at: float
    what: str
    text: str
    version: str
