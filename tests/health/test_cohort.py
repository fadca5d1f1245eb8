"""The rules of the window, of groups and of who is at risk, read off the figures of an experiment."""

from dataclasses import replace

import pytest
from tests.health.lines import HOUR, RECORDED, crash, fold, opened, polls

from fleetloop.health import Draw, Enrol, Event, Experiment, Leave, Line, Poll, Wave


def at_risk(experiment: Experiment) -> tuple[int, int]:
    """Held back and new."""
    rows = experiment.rows()
    return sum(row.held_back_at_risk for row in rows), sum(row.new_at_risk for row in rows)


def start(*more: Line) -> Experiment:
    """Four devices, a-0 drawn; nobody has been heard since the opening."""
    names = [f"a-{i}" for i in range(4)]
    return fold([*(Enrol(0, n, "a") for n in names), *polls(0, names), Wave(HOUR, 1), Draw(HOUR, "a-0", 1), *more])


def test_a_device_enters_with_its_first_contact_w_after_its_first_contact_since_the_opening() -> None:
    assert at_risk(start(Poll(2 * HOUR, "a-0"))) == (0, 0)
    assert at_risk(start(Poll(2 * HOUR, "a-0"), Poll(4 * HOUR - 1, "a-0"))) == (0, 0)
    assert at_risk(start(Poll(2 * HOUR, "a-0"), Poll(4 * HOUR, "a-0"))) == (0, 1)
    assert at_risk(start(Poll(2 * HOUR, "a-1"), Poll(9 * HOUR, "a-1"))) == (1, 0)


def test_contacts_before_the_opening_start_no_window() -> None:
    assert at_risk(start(Poll(4 * HOUR, "a-1"))) == (0, 0)


def test_who_has_a_bad_event_in_the_window_leaves_without_evidence_until_it_may_reenter() -> None:
    early = [*polls(2 * HOUR, ["a-0", "a-1", "a-2"]), crash(3 * HOUR, "a-0"), crash(3 * HOUR, "a-1")]
    experiment = start(*early, *polls(6 * HOUR, ["a-0", "a-1", "a-2"]))
    assert at_risk(experiment) == (1, 0)
    assert experiment.hurt == 0
    experiment.feed(Wave(9 * HOUR, 2))
    for line in (*polls(9 * HOUR, ["a-0", "a-1", "a-2"]), *polls(11 * HOUR, ["a-0", "a-1", "a-2"])):
        experiment.feed(line)
    assert at_risk(experiment) == (2, 0)


def test_an_event_that_is_itself_the_contact_that_ends_the_window_leaves_no_evidence() -> None:
    lines = [*polls(2 * HOUR, ["a-0", "a-1"]), Poll(4 * HOUR, "a-1"), crash(4 * HOUR, "a-0"), Poll(5 * HOUR, "a-0")]
    experiment = start(*lines)
    assert (at_risk(experiment), experiment.hurt) == ((1, 0), 0)


def test_an_event_reported_twice_counts_once_and_is_still_a_contact() -> None:
    again = Event(1.5 * HOUR, "a-2", "crash", "e1")
    experiment = start(
        again,
        Wave(2 * HOUR, 2),
        Event(2 * HOUR, "a-2", "crash", "e1"),
        Event(4 * HOUR, "a-2", "crash", "e1"),
    )
    assert at_risk(experiment) == (1, 0)


def test_at_an_opening_all_leave_and_enter_again_through_the_window() -> None:
    experiment = fold(opened({"a": 6}, {"a": 2}))
    assert at_risk(experiment) == (4, 2)
    experiment.feed(Wave(3 * HOUR, 2))
    assert at_risk(experiment) == (0, 0)


def test_a_held_back_device_re_enters_in_the_next_waves_group_and_a_new_one_never() -> None:
    names = [f"a-{i}" for i in range(6)]
    lines = [*opened({"a": 6}, {"a": 2}), crash(3 * HOUR, "a-0"), crash(3 * HOUR, "a-4"), crash(3 * HOUR, "a-5")]
    lines += [Wave(4 * HOUR, 2), Draw(4 * HOUR, "a-4", 2), *polls(4 * HOUR, names), *polls(6 * HOUR, names)]
    experiment = fold(lines)
    assert at_risk(experiment) == (3, 2)
    for line in (crash(7 * HOUR, "a-4"), crash(7 * HOUR, "a-1")):
        experiment.feed(line)
    assert [(e.device, e.group, e.a, e.b) for e in experiment.events[3:]] == [("a-4", 2, 1, 1), ("a-1", 0, 2, 1)]


def test_the_order_of_a_wave_and_its_draws_does_not_matter() -> None:
    names = [f"a-{i}" for i in range(6)]
    head = [*opened({"a": 6}, {"a": 2}), crash(3 * HOUR, "a-4"), crash(3 * HOUR, "a-5")]
    tail = [*polls(4 * HOUR, names), *polls(6 * HOUR, names), crash(7 * HOUR, "a-4")]
    draws = [Draw(4 * HOUR, "a-4", 2), Draw(4 * HOUR, "a-2", 2)]
    after = fold([*head, Wave(4 * HOUR, 2), *draws, *tail])
    before = fold([*head, *draws, Wave(4 * HOUR, 2), *tail])
    assert after.events == before.events
    assert after.events[-1].group == 2


def test_a_late_joiner_enters_with_the_next_wave_in_its_group() -> None:
    lines = [
        *opened({"a": 4}, {"a": 2}),
        Enrol(3 * HOUR, "late", "a"),
        *polls(3 * HOUR, ["late"]),
        *polls(6 * HOUR, ["late"]),
    ]
    experiment = fold(lines)
    assert at_risk(experiment) == (2, 2)
    for line in (Wave(7 * HOUR, 2), *polls(7 * HOUR, ["late"]), *polls(9 * HOUR, ["late"]), crash(10 * HOUR, "late")):
        experiment.feed(line)
    assert (experiment.events, at_risk(experiment)) == ([], (0, 0))


def test_devices_picked_by_hand_are_outside_the_comparison() -> None:
    names = [f"a-{i}" for i in range(4)]
    lines: list[Line] = [Enrol(0, name, "a") for name in names]
    lines += [Wave(0, 1), Draw(0, "a-0", 1, randomised=False), *polls(0, names), *polls(2 * HOUR, names)]
    experiment = fold([*lines, crash(3 * HOUR, "a-0"), crash(3 * HOUR, "a-1")])
    assert at_risk(experiment) == (2, 0)
    assert (experiment.events, experiment.comparable) == ([], False)
    assert experiment.crashed == 1


def test_a_device_drawn_late_starts_a_window_of_its_own() -> None:
    experiment = fold([*opened({"a": 4}, {"a": 1}), Draw(3 * HOUR, "a-1", 1)])
    assert at_risk(experiment) == (2, 1)
    for line in (*polls(4 * HOUR, ["a-1"]), *polls(6 * HOUR, ["a-1"])):
        experiment.feed(line)
    assert at_risk(experiment) == (2, 2)


def test_who_leaves_is_censored() -> None:
    experiment = fold(
        [*opened({"a": 4}, {"a": 2}), Leave(3 * HOUR, "a-0"), crash(4 * HOUR, "a-0"), crash(4 * HOUR, "a-2")]
    )
    assert [(e.device, e.a, e.b) for e in experiment.events] == [("a-2", 2, 1)]
    experiment.feed(Enrol(5 * HOUR, "a-0", "a"))
    experiment.feed(Wave(5 * HOUR, 2))
    assert [(row.new, row.held_back) for row in experiment.rows()] == [(1, 2)]


def test_numbers_at_risk_fall_with_each_of_several_events_at_once() -> None:
    tied = [crash(3 * HOUR, name) for name in ("a-0", "a-3", "a-1")]
    experiment = fold([*opened({"a": 5}, {"a": 2}), *tied])
    assert [(e.a, e.b) for e in experiment.events] == [(3, 2), (3, 1), (2, 1)]


def test_only_the_polls_that_open_or_end_a_window_move_anything() -> None:
    experiment = start()
    assert experiment.moves("a-0", 2 * HOUR)
    experiment.feed(Poll(2 * HOUR, "a-0"))
    assert not experiment.moves("a-0", 3 * HOUR)
    assert experiment.moves("a-0", 4 * HOUR)
    experiment.feed(Poll(4 * HOUR, "a-0"))
    assert not experiment.moves("a-0", 5 * HOUR)
    assert not experiment.moves("unknown", 5 * HOUR)


def test_with_no_window_the_first_contact_is_enough() -> None:
    lines = [Enrol(0, "d1", "a"), Wave(0, 1), Poll(0, "d1")]
    assert at_risk(fold(lines, replace(RECORDED, window_s=0))) == (1, 0)


@pytest.mark.parametrize("drawn", [0, 4])
def test_an_event_without_both_arms_is_no_evidence(drawn: int) -> None:
    experiment = fold([*opened({"a": 4, "b": 4}, {"a": drawn, "b": 2}), crash(3 * HOUR, "a-0")])
    assert (experiment.events, experiment.e_value) == ([], 1.0)
    assert experiment.hurt == (drawn > 0)
