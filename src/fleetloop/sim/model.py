"""Nouns of the simulation: a device as it leaves the factory, a population of them, an offer of the server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from fleetloop.sim.faults import Faults, share


@dataclass(frozen=True, slots=True)
class Unit:
    """One device as it leaves the factory. ``attributes`` are what it tells the server when asked."""

    id: str
    token: str
    revision: str
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Limits:
    """Thousandths of a degree Celsius: the compressor stops below ``low`` and starts above ``high``."""

    low: int = 2000
    high: int = 6000


@dataclass(frozen=True)
class Population:
    """All devices of one simulation, and how they are built.

    ``factory``: host library by revision, with which they leave the factory. ``start``: when they are first switched
    on; a free simulation takes its own start. ``poll_s``: time between contacts (0: what the server says). ``grid_s``:
    contacts fall on multiples of it after the start. ``boot_s``: how long a start takes. ``trial_s``: how long a new
    version must run before the way back is given up.
    """

    devices: tuple[Unit, ...]
    factory: Mapping[str, str]
    start: float = 0.0
    seed: int = 1
    tenant: str = "DEFAULT"
    poll_s: int = 3600
    grid_s: int = 300
    boot_s: int = 30
    trial_s: int = 120
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)

    def on_grid(self, at: float) -> float:
        """``at``, or the next contact time of the grid."""
        return self.start + ceil((at - self.start) / self.grid_s) * self.grid_s

    def next_poll(self, device: str, after: float, poll_s: float) -> float:
        """The device's first poll later than ``after``: its place in the interval is its own, and stays."""
        first = self.start + int(poll_s * share(self.seed, device, "place"))
        due = first + max(0, ceil((after - first) / poll_s)) * poll_s
        while self.on_grid(due) <= after:
            due += poll_s
        return self.on_grid(due)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server asks for: one artifact. ``href`` of its bytes; ``download`` and ``update`` as hawkBit says them."""

    action: str
    version: str
    name: str
    size: int
    sha256: str
    href: str
    download: str = "forced"
    update: str = "forced"
