"""Evidence: numbers that start at 1 and, if the release changes nothing, stay below 1/alpha with chance 1 - alpha.

Each is an e-process; so is any mean of them, which is why a rollout has one number and one bound.
"""

import math
from collections.abc import Iterable
from statistics import fmean

GRID = (1.5, 2.0, 3.0, 6.0, 15.0)
"""Hazard ratios the evidence is spread over."""
FAILURES = (0.03, 0.05, 0.10, 0.20, 0.40, 0.80)
"""Shares of failing installs the guard is spread over."""
MARGINS = (0.05, 0.1, 0.25, 0.5)
POOLED, REVISIONS, GUARD, TENTHS = 6, 3, 1, 10
"""What each part weighs in a rollout's E. Whole numbers, so that E starts at 1 to the last bit."""
SHOWN = 20.0
"""*Good enough* is shown from here; the interval's ends are 5 % each by the same number."""
_TOP = 690.0  # exp of more is no float; nothing is decided up there


def exp(value: float) -> float:
    """E to the power of ``value``, as large as a float can be."""
    return math.exp(min(value, _TOP))


def mean_exp(logs: Iterable[float]) -> float:
    """Mean of e to the power of each."""
    return fmean(exp(value) for value in logs)


class Evidence:
    """Evidence that new devices fail more often than held-back ones of the same stratum."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        """Per comparable event, the share of new devices among those at risk: its chance to fall on *new*."""
        self.news: list[bool] = []
        self.value = 1.0
        self._logs = [0.0] * len(GRID)

    def add(self, a: int, b: int, *, new: bool) -> None:
        """Count one bad event with ``a`` held-back and ``b`` new devices at risk just before it, both above 0."""
        share = b / (a + b)
        self.shares.append(share)
        self.news.append(new)
        for i, ratio in enumerate(GRID):
            self._logs[i] += (math.log(ratio) if new else 0.0) - math.log1p((ratio - 1) * share)
        self.value = mean_exp(self._logs)

    @property
    def new(self) -> int:
        """Events that fell on new devices."""
        return sum(self.news)

    @property
    def expected(self) -> float:
        """Events on new devices to be expected were the release no worse."""
        return math.fsum(self.shares)


def install_evidence(started: int, failed: int, p0: float) -> float:
    """Evidence that installs fail more often than ``p0``; a started install counts as a success until it fails."""
    logs = [
        failed * math.log(p / p0) + (started - failed) * (math.log1p(-p) - math.log1p(-p0)) for p in FAILURES if p > p0
    ]
    return mean_exp(logs) if logs else 1.0


def good_enough(tolerated: float, device_days: float, hurt: int) -> float:
    """Evidence that new devices have fewer first bad events per device-day than ``tolerated``."""
    expected = tolerated * device_days
    return mean_exp((1 - margin) * expected + hurt * math.log(margin) for margin in MARGINS)
