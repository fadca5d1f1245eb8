"""Charts against golden files: `UPDATE_GOLDEN=1 pytest tests/web` writes them anew; look at the difference."""

import os
import re
from pathlib import Path

import pytest
from tests.web import sample

from fleetloop.web import lane_plot, strip
from fleetloop.web.chart import LEAST, MOST, Part, Ratio, bar, log_place, mini, mini_share
from fleetloop.web.lanes import Lane, Phase, Span, Spot
from fleetloop.web.plot import Axis, Mark, Point, Story, evidence_plot, level, ratio_plot, rung, steps
from fleetloop.web.states import LOOKS

GOLDEN = Path(__file__).parents[1] / "golden" / "web"
AXIS = Axis(0.0, 36_000.0)
STORY = Story(
    AXIS,
    (Point(-50.0, 0.9, Ratio(0.0, float("inf"))), Point(7200.0, 1.73, Ratio(0.36, 21.0, 2.9)), Point(14_400.0, 43.18, Ratio(1.2, 37.0, 6.0))),
    18_000.0, (Mark(3600.0, "wave 2 opens"), Mark(18_000.0, kind="limit")), stopped=True,
)  # fmt: skip


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    lines = text.replace("><", ">\n<") + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines)
    assert lines == path.read_text()


def test_a_bar_of_states() -> None:
    parts = [Part("hurt", 8), Part("booted", 83, "booted, soaking"), Part("installed", 1), Part("offline", 8)]
    golden("bar.svg", bar("b1", "Wave 2, 100 devices", parts))


def test_evidence_over_time() -> None:
    golden(
        "evidence.svg",
        evidence_plot("e", "Evidence that 1.1.0 is worse", "It passed 20.", STORY, [(14_400.0, 43.18, "43: stopped")]),
    )


def test_times_as_bad_over_time() -> None:
    golden("ratio.svg", ratio_plot("r", "How many times as bad?", "6 times.", STORY))


def test_segments_add_up_to_the_whole_bar() -> None:
    drawn = bar("b", "x", [Part("confirmed", 1), Part("failed", 1), Part("held-back", 1)])
    widths = re.findall(r'<rect class="(?!tex|edge)[\w-]+" x="[\d.]+%" width="([\d.]+)%"', drawn)
    assert sum(map(float, widths)) == pytest.approx(100.0, abs=0.01)


def test_an_empty_bar_says_so() -> None:
    assert '<desc id="b-d">none</desc>' in bar("b", "Wave 3, 0 devices", [])


def test_a_word_that_does_not_fit_is_left_to_the_key() -> None:
    drawn = bar("b", "x", [Part("confirmed", 97), Part("failed", 3)])
    assert ">97 confirmed</text>" in drawn
    assert ">3</text>" in drawn
    assert ">3 failed</text>" not in drawn


@pytest.mark.parametrize("state", list(LOOKS))
def test_every_state_can_be_drawn_from_the_sprite(state: str) -> None:
    sprite = (Path(sample.__file__).parents[2] / "src/fleetloop/web/templates/sprite.html").read_text()
    drawn = bar("b", "x", [Part(state, 1)])
    for used in re.findall(r"url\(#([\w-]+)\)", drawn):
        assert f'id="{used}"' in sprite
    assert f'id="g-{LOOKS[state].glyph or state}"' in sprite


def test_places_on_a_log_axis() -> None:
    assert (log_place(LEAST), log_place(MOST), log_place(0.0), log_place(1e9)) == (0.0, 1.0, 0.0, 1.0)
    assert log_place(1.0) == pytest.approx(2 / 7)


def test_evidence_has_its_hold_and_stop_lines_in_order_whatever_the_limit() -> None:
    for limit in (20.0, 100.0):
        assert 0 <= level(1e12, limit) < level(limit, limit) < level(1.5, limit) < level(0.5, limit) <= 120


def test_a_ratio_beyond_the_axis_leaves_the_picture() -> None:
    assert (rung(1.0), rung(2.0)) == (130.0, 105.0)
    assert rung(float("inf")) < 0
    assert rung(0.0) > 190


def test_steps_stay_steps() -> None:
    assert steps(AXIS, [(0.0, 10.0), (18_000.0, 5.0)], 36_000.0) == "M0.0 10.0H500.0V5.0H1000.0"


def test_an_interval_without_ends_reaches_both_edges() -> None:
    drawn = mini("cannot tell", Ratio(0.0, float("inf")))
    assert 'class="whisker" x1="0.000%" x2="100.000%"' in drawn
    assert "dot" not in drawn


def test_ticks_are_few_and_round() -> None:
    for hours in (1, 5, 26, 24 * 9, 24 * 60):
        ticks = Axis(1234.0, 1234.0 + hours * 3600).ticks()
        assert len(ticks) <= 10
        assert all(at % 3600 == 0 for at, _ in ticks)


def test_lanes_hold_what_lies_on_the_axis() -> None:
    rows = [
        Lane("version", (Span(-10.0, 9000.0, "v1", "1.0.0"), Span(9000.0, 36_000.0, "v4", "1.1.0"))),
        Lane(
            "boots", spots=(Spot(9000.0, "booted", "boot <after> update", "booted"), Spot(99_000.0, "hurt", "too late"))
        ),
    ]
    drawn = lane_plot("l", "cc-1", "desc", AXIS, rows, [Mark(18_000.0, "stopped", "limit")])
    assert 'class="v1" rx="2" x="0.00%" width="25.00%"' in drawn
    assert "boot &lt;after&gt; update" in drawn
    assert "too late" not in drawn
    assert ">stopped</text>" in drawn


def test_a_strip_shows_phases_end_to_end() -> None:
    drawn = strip(
        "s",
        "t",
        "d",
        [Phase(0, 50, "timed-out", "detect", "50 s", "held"), Phase(50, 100, "hurt", "stop", "50 s", "stopped")],
        "first",
        [(10.0, "crash 1")],
    )
    assert drawn.count("<rect") == 2
    assert "crash 1" in drawn
    assert ">held</text>" in drawn


def test_a_share_keeps_inside_its_scale() -> None:
    drawn = mini_share("x", 0.2, 0.9, 1.0)
    assert 'x1="0.000%" x2="100.000%"' in drawn


def test_words_at_the_end_of_phases_do_not_run_into_each_other() -> None:
    day = 86400.0
    phases = (
        Phase(0.0, 2 * day, "hurt", "stop", "2 d", "Fri 19:40 stopped"),
        Phase(2 * day, 2.03 * day, "booted", "restore", "1 h", "Fri 20:50 back"),
    )
    drawn = strip("p", "Phases", "said", phases, "Wed 13:20 first")
    assert "Fri 20:50 back" in drawn
    assert "Fri 19:40 stopped" not in drawn
    apart = strip(
        "p", "Phases", "said", (phases[0], Phase(2 * day, 4 * day, "booted", "restore", "2 d", "back")), "first"
    )
    assert "Fri 19:40 stopped" in apart
