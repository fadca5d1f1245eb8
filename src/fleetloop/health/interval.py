"""How many times as bad: an interval that holds at every moment, and the most likely ratio.

    lower = largest r with mean over m of L(r*m)/L(r) >= 20; upper = smallest r with mean over m of L(r/m)/L(r) >= 20.

log L is concave in log r, so each mean is monotone in r and is bisected. With the arms exchanged r becomes 1/r: the
upper end is one over the lower end of the mirrored events.
"""

import math
from collections.abc import Callable, Sequence

from fleetloop.health.evidence import GRID, SHOWN, mean_exp
from fleetloop.health.model import Interval

_FINE = 1e-10
_FAR = 100.0  # in log ratio; nothing a fleet can show lies beyond


def _log_likelihood(log_ratio: float, shares: Sequence[float], new: int) -> float:
    over = math.exp(log_ratio) - 1
    return new * log_ratio - sum(map(math.log1p, [over * share for share in shares]))


def _bisect(holds: Callable[[float], bool]) -> float:
    """Largest log ratio at which ``holds`` (true below, false above); starts at 0 and stays on its side of it."""
    step = 1.0 if holds(0.0) else -1.0
    near, far = 0.0, step
    while holds(far) == (step > 0) and abs(far) < _FAR:
        near, far = far, far * 2
    low, high = min(near, far), max(near, far)
    while high - low > _FINE:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def least(shares: Sequence[float], new: int) -> float:
    """Lower end of the ratio; 0 where there is none. ``shares``: of new devices at risk, one an event."""
    if mean_exp(new * math.log(m) for m in GRID) < SHOWN:
        return 0.0  # what L(r*m)/L(r) tends to as r goes to 0

    def holds(x: float) -> bool:
        here = _log_likelihood(x, shares, new)
        return mean_exp(_log_likelihood(x + math.log(m), shares, new) - here for m in GRID) >= SHOWN

    return math.exp(_bisect(holds))


def interval(shares: Sequence[float], new: int) -> Interval:
    """Both ends, 5 % on each side. ``lower`` is above 1 exactly when the evidence is 20 or more."""
    other = least([1 - share for share in shares], len(shares) - new)
    return Interval(least(shares, new), 1 / other if other > 0 else None)


def estimate(shares: Sequence[float], new: int) -> float | None:
    """The most likely ratio: 0 if no event fell on a new device, None if none (or no other) fell on a held-back one."""
    if new == len(shares):
        return None
    if new == 0:
        return 0.0

    def below(x: float) -> bool:
        ratio = math.exp(x)
        return sum(ratio * share / (1 + (ratio - 1) * share) for share in shares) <= new

    return math.exp(_bisect(below))
