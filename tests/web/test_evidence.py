from dataclasses import replace

import pytest
from tests.web import sample as s

from fleetloop.web.chart import Ratio
from fleetloop.web.evidence import effect, ends, events_table, held_since, meaning, scale, share_sentence, strata_table

INF = float("inf")


@pytest.mark.parametrize(
    ("value", "here", "said"),
    [(0.884, "none", "0.8"), (1.49, "none", "1.4"), (1.5, "hold", "1.5"), (19.99, "hold", "19"), (20.0, "stop", "20")],
)
def test_the_step_that_e_has_reached(value: float, here: str, said: str) -> None:
    steps = scale(replace(s.STOPPED_COMPARISON, evidence=value))
    assert [(step.name, step.small) for step in steps if step.here] == [(here, said)]


def test_the_end_stands_apart() -> None:
    assert scale(s.GOOD_COMPARISON, ended="good enough")[-1].kind == "end good"
    assert scale(s.STOPPED_COMPARISON, stopped=True)[-1].small == "not reached"


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Ratio(1.22, 37.0, 5.96), "× 6, at least × 1.2"),
        (Ratio(0.0, 5.5, 0.64), "× 0.6, at most × 5.5"),
        (Ratio(0.36, 21.0, 2.9), "cannot tell"),
        (Ratio(0.0, INF), "cannot tell"),
        (None, "cannot tell"),
    ],
)
def test_the_size_of_the_effect(ratio: Ratio | None, said: str) -> None:
    assert effect(ratio) == said


def test_an_open_end_is_said() -> None:
    assert ends(Ratio(0.05, INF)) == "cannot tell"
    assert ends(Ratio(0.05, 582.0)) == "at most × 582"
    assert ends(Ratio(0.14, INF)) == "× 0.1 to no upper end"


def test_the_share_is_said_with_what_was_expected() -> None:
    assert share_sentence(s.STOPPED_COMPARISON) == (
        "8 of 13 comparable bad events were on new devices, 2.9 expected: "
        "at least 1.2 times as bad, at most 37, of all bad events."
    )
    assert share_sentence(s.GOOD_COMPARISON) == "3 of 12 comparable bad events were on new devices, 3.7 expected."


def test_what_e_means_is_not_said_below_the_hold_line() -> None:
    assert meaning(s.GOOD_COMPARISON, "1.1.1") == ""
    assert meaning(s.STOPPED_COMPARISON, "1.1.0").startswith("43 means: were 1.1.0 no worse")


def test_no_events_is_never_a_share() -> None:
    rows = strata_table(s.STOPPED_COMPARISON, "rev-b").rows
    assert "no bad events" in rows[2].cells[3]
    assert "%" not in rows[2].cells[1]
    assert [row.hot for row in rows] == [False, True, False, False]
    assert rows[-1].cells[0] == '<span class="id">All</span>'


def test_events_stand_in_order_of_receipt() -> None:
    table = events_table(s.STOPPED_COMPARISON)
    assert len(table.rows) == 13
    assert table.rows[-1].cells[4:] == ("32 : 117", "× 1.2 to × 37", "43.1")


def test_since_when_it_is_held() -> None:
    assert held_since(s.STOPPED_COMPARISON) == s.at("11-11 01:36:40")
    assert held_since(s.RUNNING_COMPARISON) is None
    assert held_since(s.GOOD_COMPARISON) == s.at("11-13 23:47:12")
