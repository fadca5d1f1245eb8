import math
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.health.evidence import GRID, Evidence
from fleetloop.health.interval import estimate, interval

EVENTS = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300), st.booleans()), max_size=40)


def evidence_of(events: list[tuple[int, int, bool]]) -> Evidence:
    evidence = Evidence()
    for a, b, new in events:
        evidence.add(a, b, new=new)
    return evidence


def likelihood(ratio: float, evidence: Evidence) -> float:
    chances = [ratio * q / (1 - q + ratio * q) for q in evidence.shares]
    return math.prod(p if new else 1 - p for p, new in zip(chances, evidence.news, strict=True))


@given(EVENTS)
def test_the_lower_end_is_above_one_exactly_when_the_evidence_is_20(events: list[tuple[int, int, bool]]) -> None:
    evidence = evidence_of(events)
    found = interval(evidence.shares, evidence.new)
    assert (found.lower > 1) == (evidence.value >= 20)


@given(EVENTS)
def test_both_ends_solve_their_equation(events: list[tuple[int, int, bool]]) -> None:
    evidence = evidence_of(events)
    lower, upper = interval(evidence.shares, evidence.new)
    if lower > 1e-6:
        ratio = fmean(likelihood(lower * m, evidence) for m in GRID) / likelihood(lower, evidence)
        assert ratio == pytest.approx(20, rel=1e-4)
    if upper is not None and upper < 1e6:
        ratio = fmean(likelihood(upper / m, evidence) for m in GRID) / likelihood(upper, evidence)
        assert ratio == pytest.approx(20, rel=1e-4)
    assert upper is None or lower <= upper


@given(EVENTS)
def test_exchanging_the_arms_turns_the_interval_over(events: list[tuple[int, int, bool]]) -> None:
    here = evidence_of(events)
    there = evidence_of([(b, a, not new) for a, b, new in events])
    lower, upper = interval(here.shares, here.new)
    turned = interval(there.shares, there.new)
    assert (turned.upper is None) == (lower == 0)
    if upper is not None:
        assert turned.lower == pytest.approx(1 / upper, rel=1e-6)


@given(EVENTS)
def test_the_estimate_lies_inside_and_maximises(events: list[tuple[int, int, bool]]) -> None:
    evidence = evidence_of(events)
    lower, upper = interval(evidence.shares, evidence.new)
    likely = estimate(evidence.shares, evidence.new)
    if likely is None or likely == 0:
        assert likely == 0 or evidence.new == len(events)
        return
    assert lower <= likely * (1 + 1e-6)
    assert upper is None or likely <= upper * (1 + 1e-6)
    best = likelihood(likely, evidence)
    assert best >= likelihood(likely * 1.1, evidence) * (1 - 1e-9)
    assert best >= likelihood(likely / 1.1, evidence) * (1 - 1e-9)


def test_one_event_bounds_nothing_and_two_bound_one_side() -> None:
    assert interval([], 0) == (0.0, None)
    assert interval([0.5], 1) == (0.0, None)
    lower, upper = interval([0.5, 0.5], 2)
    assert lower > 0
    assert upper is None
