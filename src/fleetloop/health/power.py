"""What a rollout will be able to see, said before it starts; and what it could have shown, said at its end.

From simulation: how many comparable bad events on *new* devices E needs to reach 20, by the share of new devices at
risk and the true ratio. A wave adds (its expected events / the events it needs); a regression is seen when the sum
reaches 1 at the 90th percentile, and the devices hurt until the stop are counted at the median.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleetloop.health.evidence import GUARD, POOLED, REVISIONS, TENTHS
from fleetloop.health.model import Exposure

RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0)
_SHARES = (0.05, 0.20, 0.50, 0.80)
_MEDIAN = ((51, 19, 9, 5, 4), (64, 23, 11, 7, 4), (99, 37, 18, 12, 10), (237, 87, 46, 29, 20))
_TENTH = ((123, 39, 17, 9, 5), (146, 47, 21, 12, 7), (238, 86, 37, 22, 14), (601, 211, 99, 61, 38))
BY_HAND = 20
"""Below so many devices nobody is held back, and a person opens each wave."""
SMALL = 50
DAY_S = 86_400.0


def default_shares(devices: int) -> tuple[float, ...]:
    """Shares of the fleet that are new once each wave is open; the remainder follows after the verdict."""
    if devices < BY_HAND:
        return (0.25, 0.5, 1.0)
    return (0.25, 0.5, 0.75) if devices <= SMALL else (0.05, 0.25, 0.5, 0.8)


@dataclass(frozen=True, slots=True)
class Scheme:
    """A rollout as planned. ``rate``: first bad events per device-day on the old release."""

    devices: Mapping[str, int]
    """Per hardware revision."""
    shares: tuple[float, ...]
    """New devices once each wave is open, of all; rising."""
    soak_s: float
    rate: float
    alpha: float = 0.05

    @property
    def total(self) -> int:
        """Devices of all revisions."""
        return sum(self.devices.values())

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """Device-days of each wave's soak."""
        days = self.soak_s / DAY_S
        return tuple(
            Exposure(wave, share * self.total * days, (1 - share) * self.total * days)
            for wave, share in enumerate(self.shares, 1)
        )


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a scheme will see."""

    ratio: float | None
    """Smallest ratio that will be seen; None: not even 10."""
    hurt: int
    """Devices hurt until the stop at that ratio, about."""
    stops: bool
    """Whether the comparison can reach the limit at all."""
    by_hand: bool
    first_wave: int
    first_wave_needs: int
    """Devices with which wave 1 would have 4 events in its soak if the release were 10 times as bad."""


def needed(share: float, ratio: float, *, sure: bool) -> float:
    """Events on new devices until E is 20: the median, or (``sure``) the 90th percentile.

    Between the table's rows log events is linear in the log odds of ``share``; below 5 % the first row holds.
    """
    if share >= 1:
        return math.inf
    table = _TENTH if sure else _MEDIAN
    column = RATIOS.index(ratio)
    points = [math.log(s / (1 - s)) for s in _SHARES]
    here = max(math.log(share / (1 - share)), points[0]) if share > 0 else points[0]
    i = max(k for k in range(len(points) - 1) if points[k] <= here)
    part = (here - points[i]) / (points[i + 1] - points[i])
    low, high = math.log(table[i][column]), math.log(table[i + 1][column])
    return math.exp(low + part * (high - low))


def smallest_ratio(exposures: Sequence[Exposure], rate: float) -> float | None:
    """The smallest ratio of the table that 9 of 10 such rollouts see; None if not even the largest."""
    for ratio in RATIOS:
        if sum(events / need for events, need in _waves(exposures, rate, ratio, sure=True)) >= 1:
            return ratio
    return None


def foresee(scheme: Scheme) -> Foresight:
    """What the scheme will be able to see."""
    ratio = smallest_ratio(scheme.exposures, scheme.rate)
    per_device = scheme.rate * scheme.soak_s / DAY_S
    return Foresight(
        ratio=ratio,
        hurt=0 if ratio is None else _hurt(scheme, ratio),
        stops=largest_e(scheme) >= 1 / scheme.alpha,
        by_hand=scheme.total < BY_HAND,
        first_wave=round(scheme.shares[0] * scheme.total),
        first_wave_needs=math.ceil(0.4 / per_device) if per_device > 0 else scheme.total,
    )


def largest_e(scheme: Scheme) -> float:
    """The largest E the comparison can ever show: C(a+b, b) a stratum, at the best of its waves."""
    return max(_ceiling([(n, round(share * n)) for n in scheme.devices.values()]) for share in scheme.shares)


def _ceiling(strata: Sequence[tuple[int, int]]) -> float:
    logs = [math.lgamma(n + 1) - math.lgamma(b + 1) - math.lgamma(n - b + 1) for n, b in strata]
    top = 600.0  # far above any limit, and still a float
    pooled, each = math.exp(min(sum(logs), top)), [math.exp(min(log, top)) for log in logs]
    return (POOLED * pooled + REVISIONS * sum(each) / max(len(each), 1) + GUARD) / TENTHS


def _waves(exposures: Sequence[Exposure], rate: float, ratio: float, *, sure: bool) -> list[tuple[float, float]]:
    """Per wave, expected events on new devices and those needed."""
    watched = [(e.new_days, e.new_days / (e.new_days + e.held_back_days)) for e in exposures if e.new_days > 0]
    return [(days * rate * ratio, needed(share, ratio, sure=sure)) for days, share in watched]


def _hurt(scheme: Scheme, ratio: float) -> int:
    done = hurt = 0.0
    for events, need in _waves(scheme.exposures, scheme.rate, ratio, sure=False):
        part = min(1.0, (1 - done) * need / events) if events > 0 else 0.0
        done, hurt = done + part * events / need, hurt + part * events
    return math.ceil(hurt)
