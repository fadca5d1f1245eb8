import math

import pytest
from tests.web.sample import at

from fleetloop.web import words

NOW = at("11-11 03:19:40")


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0.0"), (0.3999, "0.3"), (1.499, "1.4"), (1.5, "1.5"), (1.73, "1.7"), (19.99, "19"), (20.0, "20"), (43.18, "43"), (142.6, "142"), (12_345.6, "12,345"), (math.inf, "over 1,000,000")],
)  # fmt: skip
def test_evidence_is_cut_and_never_rounded_up(value: float, said: str) -> None:
    assert words.e_value(value) == said


def test_a_decimal_that_binary_cannot_hold_is_not_cut_below_itself() -> None:
    assert words.cut(2.9, 1) == "2.9"
    assert words.cut(0.1 + 0.2, 1) == "0.3"


@pytest.mark.parametrize(("value", "said"), [(1.29, "× 1.2"), (0.99, "× 0.9"), (37.9, "× 37"), (0.0, "× 0.0")])
def test_a_lower_end_is_cut(value: float, said: str) -> None:
    assert words.at_least(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(5.41, "× 5.5"), (36.1, "× 37"), (157.0, "× 157"), (math.inf, "no upper end")]
)
def test_an_upper_end_is_rounded_up(value: float, said: str) -> None:
    assert words.at_most(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59.9, "59 s"), (60, "1 min"), (2799, "46 min"), (3600, "1 h"), (68_460, "19 h 01 min"), (88_680, "24 h 38 min"), (820_800, "9 d 12 h"), (172_800, "2 days"), (-5, "0 s")],
)  # fmt: skip
def test_durations_are_cut_to_two_units(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), [(86_400, "24 h"), (7200, "2 h"), (345_600, "4 days"), (1800, "30 min")])
def test_a_chosen_length_keeps_its_unit(seconds: float, said: str) -> None:
    assert words.span(seconds) == said


def test_a_time_has_its_instant_for_machines_and_on_hover() -> None:
    assert words.when(at("11-11 03:05:07")) == (
        '<time datetime="2026-11-11T03:05:07Z" title="Wed 2026-11-11 03:05:07 UTC">Wed 03:05</time>'
    )


@pytest.mark.parametrize(
    ("other", "said"),
    [("11-11 03:05:07", "14 min ago"), ("11-11 03:19:11", "29 s ago"), ("11-11 00:41:00", "2 h 38 min ago"), ("11-06 14:05:00", "4 days ago"), ("11-12 03:58:00", "in 24 h 38 min"), ("11-11 03:19:40", "now")],
)  # fmt: skip
def test_news_is_relative(other: str, said: str) -> None:
    assert f">{said}</time>" in words.relative(at(other), NOW)


@pytest.mark.parametrize(
    ("other", "said"),
    [("11-11 01:36:40", "01:36"), ("11-10 23:41:16", "Tue 23:41"), ("11-02 09:12:00", "Mon 2 Nov 09:12")],
)
def test_the_shortest_clock_that_cannot_be_mistaken(other: str, said: str) -> None:
    assert f">{said}</time>" in words.near(at(other), NOW)


@pytest.mark.parametrize(
    ("rate", "said"),
    [(0.01, "1 bad event per 100 device-days"), (0.03, "3 bad events per 100 device-days"), (0.5, "5 bad events per 10 device-days"), (0.0025, "25 bad events per 10,000 device-days")],
)  # fmt: skip
def test_a_tolerated_rate_in_whole_events(rate: float, said: str) -> None:
    assert words.per_device_days(rate) == said


def test_counts_sizes_and_lists() -> None:
    assert words.of(41_180, 1_000_000) == "41,180 of 1,000,000"
    assert (words.things(1, "device"), words.things(0, "device")) == ("1 device", "0 devices")
    assert (words.size(990), words.size(48_120), words.size(2_100_000)) == ("990 B", "48.1 kB", "2.1 MB")
    assert (words.listed("a"), words.listed("a", "b", "c")) == ("a", "a, b and c")
