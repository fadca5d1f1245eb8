"""How many devices a wave takes of each hardware revision, and when it soaks.

Three bounds hold at once: the fleet is never past the wave's cumulative share (but for its first device), each revision
keeps its held-back share, and a wave takes devices of each revision in proportion, one at least where the rest allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fleetloop.rollouts.model import Facts, Plan, Tally

SLACK = 1e-9
"""Shares are floats: 7 % of 100 must be 7."""


@dataclass(frozen=True)
class Count:
    """Devices of one stratum in the selection, and how many of them earlier waves drew."""

    total: int
    drawn: int = 0


def wave_sizes(plan: Plan, strata: Mapping[str, Count]) -> tuple[dict[str, int], ...]:
    """Devices to draw of each stratum for each wave to come, as things stand: the plan's waves, then the remainder.

    The last is empty if the plan has no remainder wave.
    """
    made: list[dict[str, int]] = []
    for number in range(1, len(plan.waves) + 2):
        sizes = wave_size(plan, number, strata)
        strata = {key: Count(c.total, c.drawn + sizes[key]) for key, c in strata.items()}
        made.append(sizes)
    return tuple(made)


def wave_size(plan: Plan, number: int, strata: Mapping[str, Count]) -> dict[str, int]:
    """Devices to draw of each stratum when wave ``number`` opens; one more than the plan's waves is the remainder.

    Late joiners are in ``total``: they come in with the wave that opens next, by the same share.
    """
    if number > len(plan.waves):
        return {key: c.total - c.drawn if plan.remainder else 0 for key, c in strata.items()}
    share = plan.waves[number - 1] / 100
    goal = _goal(share, sum(c.total for c in strata.values()))
    aims = {key: share * c.total for key, c in strata.items()}
    tops = {key: c.total - _up(c.total * plan.held_back / 100) for key, c in strata.items()}
    taken = {key: max(c.drawn, min(max(1, int(aims[key] + SLACK)), tops[key])) for key, c in strata.items()}
    _trim(taken, strata, aims, goal)
    _fill(taken, tops, aims, goal)
    return {key: taken[key] - c.drawn for key, c in strata.items()}


def booted_needed(plan: Plan, drawn: int) -> int:
    """Devices of a wave that must have booted before its soak starts."""
    return _up(plan.soak_after * drawn)


def soaks(plan: Plan, tally: Tally) -> bool:
    """Whether the wave's soak may start: enough have booted, or all that still could have ended."""
    return tally.booted >= booted_needed(plan, tally.drawn) or tally.settled >= tally.drawn


def may_hand(facts: Facts) -> int:
    """How many more devices may be handed the release now."""
    return max(0, facts.plan.in_flight(facts.booted) - facts.in_flight)


def _goal(share: float, total: int) -> int:
    return max(1, int(share * total + SLACK)) if total else 0


def _up(value: float) -> int:
    return -int(-(value - SLACK) // 1)


def _trim(taken: dict[str, int], strata: Mapping[str, Count], aims: Mapping[str, float], goal: int) -> None:
    """One of each stratum and what earlier waves rounded up may be too many: fewer where most are ahead of the share.

    The only device of a stratum goes last.
    """
    while sum(taken.values()) > goal:
        new = [key for key in taken if taken[key] > strata[key].drawn]
        if not new:
            return
        taken[max(new, key=lambda key: (taken[key] > 1, taken[key] - aims[key], key))] -= 1


def _fill(taken: dict[str, int], tops: Mapping[str, int], aims: Mapping[str, float], goal: int) -> None:
    """The rest goes where a stratum is furthest behind its share."""
    while sum(taken.values()) < goal:
        free = [key for key in taken if taken[key] < tops[key] and taken[key] < aims[key]]
        if not free:
            return
        taken[max(free, key=lambda key: (aims[key] - taken[key], key))] += 1
