import re
from dataclasses import replace

import pytest
from tests.web import sample as s

from fleetloop.insights import view


def words(marked: str) -> str:
    return re.sub(r"<[^>]+>", "", marked)


def test_the_worst_comes_first() -> None:
    page = view.present(s.OVERVIEW, s.PAGE_AT)
    assert (
        words(page.gate.sentence) == "coldcell 1.1.0 stopped 14 min ago. Going back to 1.0.0: 41 of 115 devices done."
    )
    assert (
        page.gate.detail
        == "rev-b: 8 of 40 new devices crashed, 3 of 120 held back. No device has been handed it since."
    )
    assert page.way == ("/rollouts/12", "Open the rollout")


def test_a_stop_that_was_undone_is_no_news() -> None:
    calm = replace(s.OVERVIEW, rollouts=(replace(s.OVERVIEW.rollouts[0], closed=True),))
    page = view.present(calm, s.PAGE_AT)
    assert page.gate.state == "confirmed"
    assert page.gate.sentence == "Nothing is wrong, and nothing waits."
    assert page.way is None


def test_nothing_watched_is_not_healthy() -> None:
    page = view.present(view.Overview("coldcell", 0, 0, 0, 3600.0), s.PAGE_AT)
    assert page.gate.state == "waiting"
    assert page.stages[3].quiet == "nothing is watched yet"


@pytest.mark.parametrize(
    ("phase", "state"),
    [("held", "waiting"), ("waiting for a person", "waiting"), ("running", "booted"), ("paused", "cancelled")],
)
def test_what_runs_has_its_sentence(phase: str, state: str) -> None:
    one = replace(s.OVERVIEW.rollouts[0], phase=phase, sentence="Wave 3 waits.")
    page = view.present(replace(s.OVERVIEW, rollouts=(one,)), s.PAGE_AT)
    assert (page.gate.state, page.gate.sentence) == (state, "coldcell 1.1.0: Wave 3 waits.")


def test_a_share_has_its_interval() -> None:
    low, high = view.wilson(149, 160)
    assert (round(low, 3), round(high, 3)) == (0.881, 0.961)
    assert view.wilson(0, 0) == (0.0, 1.0)
    assert view.wilson(100, 100)[1] == pytest.approx(1.0)


def test_devices_without_a_release_are_told_what_to_do() -> None:
    page = view.present(view.Overview("coldcell", 40, 1, 40, 3600.0), s.PAGE_AT)
    assert (page.gate.state, page.gate.sentence) == ("waiting", "Nothing has been published yet.")
    assert "fleetloop publish" in page.gate.detail
    release = view.Release("coldcell", "1.0.0", "waiting", "published, not rolled out")
    page = view.present(view.Overview("coldcell", 40, 1, 40, 3600.0, releases=(release,)), s.PAGE_AT)
    assert page.gate.sentence == "coldcell 1.0.0 is published, and goes nowhere yet."
    assert page.gate.detail == "To roll it out: fleetloop rollout start coldcell 1.0.0"


def test_an_inconclusive_release_that_is_everywhere_is_not_none() -> None:
    ended = view.Release("coldcell", "1.1.1", "cancelled", "confirmed on 100 of 100, inconclusive", reached=True)
    over = replace(s.OVERVIEW.rollouts[0], phase="finished: inconclusive")
    page = view.present(replace(s.OVERVIEW, rollouts=(over,), releases=(ended,)), s.PAGE_AT)
    assert page.gate.detail == "1.1.1 is confirmed on 100 of 100, inconclusive."
    assert (page.stages[0].strong, page.stages[0].quiet) == ("1.1.1", "is the newest; inconclusive")
