"""The install guard: what happens to a new device from the offer to W later, whichever arm it would have been in.

A device counts once, with its first install: retries of a device that failed are no new draw from the fleet.
"""

import math
from dataclasses import dataclass

from fleetloop.health.evidence import FAILURES, install_evidence

DECLARED = 0.05
"""Failing share a product declares while it has too few installs on record."""
ENOUGH = 300
"""Installs on record from which they are used."""
LEAST = 0.01


@dataclass(slots=True)
class _Try:
    started: float
    pending: bool = True
    failed: bool = False
    booted_at: float | None = None


class Guard:
    """Installs of one rollout."""

    def __init__(self, p0: float, window_s: float) -> None:
        self._p0 = p0
        self._window_s = window_s
        self._tries: dict[str, _Try] = {}
        self.failed = 0
        self.booted = 0
        self.in_flight = 0
        """Handed, neither booted nor failed."""

    @property
    def started(self) -> int:
        """Devices handed an install."""
        return len(self._tries)

    @property
    def value(self) -> float:
        """Evidence that installs fail too often."""
        return install_evidence(self.started, self.failed, self._p0)

    @property
    def room(self) -> int:
        """How many more devices may be handed the release now: in flight at most 5, or a quarter of those booted."""
        return max(0, max(5, self.booted // 4) - self.in_flight)

    def start(self, device: str, at: float) -> None:
        """The release was handed to the device."""
        known = self._tries.setdefault(device, _Try(at, pending=False))
        self.in_flight += not known.pending
        known.pending = True

    def boot(self, device: str, at: float) -> None:
        """The device was seen on the new version."""
        if known := self._tries.get(device):
            self.settle(device)
            self.booted += known.booted_at is None
            known.booted_at = at if known.booted_at is None else known.booted_at

    def fail(self, device: str) -> bool:
        """The install failed, at once or within the window; whether that is news."""
        known = self._tries.get(device)
        if known is None or known.failed:
            return False
        known.failed = True
        self.failed += 1
        return True

    def settle(self, device: str) -> None:
        """The install is no longer in flight."""
        if (known := self._tries.get(device)) and known.pending:
            known.pending = False
            self.in_flight -= 1

    def pending(self, device: str) -> bool:
        """Whether the device is installing."""
        known = self._tries.get(device)
        return known is not None and known.pending

    def covers(self, device: str, at: float) -> bool:
        """Whether what happens to the device now is the guard's: from the offer until W later."""
        known = self._tries.get(device)
        return known is not None and at < known.started + self._window_s

    def booted_at(self, device: str) -> float | None:
        """When the device was first seen on the new version."""
        known = self._tries.get(device)
        return None if known is None else known.booted_at


def upper_bound(failures: int, installs: int, confidence: float = 0.95) -> float:
    """Clopper-Pearson: the share at which so few failures would come up with chance 1 - confidence."""
    if failures >= installs:
        return 1.0
    low, high = failures / installs, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(failures, installs, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(failures: int, installs: int, share: float) -> float:
    """Chance of at most so many failures, each with chance ``share``."""
    odds, stay = math.log(share / (1 - share)), installs * math.log1p(-share) if share < 1 else -math.inf
    whole = math.lgamma(installs + 1)
    ways = (whole - math.lgamma(k + 1) - math.lgamma(installs - k + 1) for k in range(failures + 1))
    return math.fsum(math.exp(stay + k * odds + way) for k, way in enumerate(ways))


def frozen_p0(failures: int, installs: int, declared: float = DECLARED) -> float:
    """Failing share that the guard takes for healthy, frozen at a rollout's start.

    ``failures`` within the window among the product's last 1,000 ``installs``; with fewer than 300 on record the
    product's declared ``install_failure``. At most the guard's largest alternative, where it is mute.
    """
    if installs < ENOUGH:
        return declared
    return min(max(LEAST, upper_bound(failures, installs)), FAILURES[-1])
