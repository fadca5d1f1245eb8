import pytest

from fleetloop.core.clock import DAY, HOUR
from fleetloop.rollouts.words import clock, most, span, until

WEDNESDAY = 1_794_380_400.0  # 2026-11-11 07:00 UTC


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1 min"), (60, "1 min"), (61, "2 min"), (HOUR, "1 h"), (24 * HOUR + 38 * 60, "24 h 38 min"),
     (3 * DAY, "3 d"), (3 * DAY + 1, "3 d 1 h"), (4 * DAY - HOUR, "3 d 23 h")],
)  # fmt: skip
def test_spans_are_rounded_up(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_clocks() -> None:
    assert clock(WEDNESDAY, WEDNESDAY - DAY) == "Wed 07:00"
    assert clock(WEDNESDAY, WEDNESDAY - 7 * DAY) == "Wed 11 Nov 07:00"
    assert until(WEDNESDAY, WEDNESDAY - 90 * 60) == "Wed 07:00, in 1 h 30 min"


def test_counts() -> None:
    assert most(1062, 1100) == "1,062 of 1,100"
