import pytest
from tests.health.lines import BOOTED, FAILED, HOUR, STARTED, fold, opened, polls

from fleetloop.health import Draw, Enrol, Event, Install, Leave, Plan, Poll, RecordError, Silences, Silent, Wave
from fleetloop.health.silence import Watchers

PLAN = Plan()


def watch(*lines: Poll | Event | Install | Leave) -> Watchers:
    watchers = Watchers(PLAN)
    for line in lines:
        watchers.note(line)
    return watchers


def test_a_device_is_silent_once_until_it_is_heard_again() -> None:
    watchers = watch(Poll(0, "d1"))
    assert list(watchers.due(3 * HOUR - 1)) == []
    assert list(watchers.due(9 * HOUR)) == [Silent(3 * HOUR, "d1")]
    assert list(watchers.due(20 * HOUR)) == []
    watchers.note(Poll(20 * HOUR, "d1"))
    assert list(watchers.due(30 * HOUR)) == [Silent(23 * HOUR, "d1")]


def test_each_contact_moves_the_silence() -> None:
    watchers = watch(Poll(0, "d1"), Event(2 * HOUR, "d1", "crash"), Poll(4 * HOUR, "d1"))
    assert list(watchers.due(30 * HOUR)) == [Silent(7 * HOUR, "d1")]


def test_what_is_due_comes_in_order_of_time_then_device() -> None:
    watchers = watch(Poll(0, "d9"), Poll(0, "d1"), Poll(1, "d0"), Poll(2, "d9"))
    assert [(line.at - 3 * HOUR, line.device) for line in watchers.due(9 * HOUR)] == [(0, "d1"), (1, "d0"), (2, "d9")]


def test_while_an_install_is_pending_its_deadline_counts_instead() -> None:
    watchers = watch(Poll(0, "d1"), Install(60, "d1", STARTED), Poll(2 * HOUR, "d1"), Install(2 * HOUR, "d1", STARTED))
    assert list(watchers.due(4 * HOUR + 59)) == []
    assert list(watchers.due(9 * HOUR)) == [Install(4 * HOUR + 60, "d1", FAILED)]
    assert list(watchers.due(99 * HOUR)) == []


def test_after_the_boot_the_silence_runs_from_it_though_it_ends_before_the_deadline() -> None:
    watchers = watch(Install(0, "d1", STARTED), Install(600, "d1", BOOTED))
    assert list(watchers.due(9 * HOUR)) == [Silent(600 + 3 * HOUR, "d1")]


def test_who_left_is_not_waited_for() -> None:
    assert list(watch(Poll(0, "d1"), Leave(1, "d1")).due(9 * HOUR)) == []


def test_a_silence_is_booked_before_the_line_that_is_read() -> None:
    lines = [*opened({"a": 4}, {"a": 2}), *polls(4 * HOUR, ["a-1", "a-2", "a-3"]), Poll(5 * HOUR, "a-0")]
    experiment = fold(lines, PLAN)
    assert [(event.at, event.device, event.what) for event in experiment.events] == [(5 * HOUR, "a-0", "silent")]


def test_a_missed_deadline_is_a_failed_install_and_never_evidence_of_the_comparison() -> None:
    lines = [*opened({"a": 4}, {"a": 2}), Install(2 * HOUR, "a-0", STARTED)]
    for hour in range(3, 12):
        lines += polls(hour * HOUR, ["a-1", "a-2", "a-3"])
    experiment = fold(lines, PLAN)
    assert (experiment.guard.failed, experiment.events) == (1, [])


def test_a_device_that_was_never_heard_is_not_silent() -> None:
    experiment = fold([Enrol(0, "d1", "a"), Wave(0, 1), Draw(0, "d1", 1)], PLAN)
    experiment.advance(99 * HOUR)
    assert experiment.hurt == 0


def test_after_leaving_not_even_a_late_poll_brings_a_device_back() -> None:
    lines = [
        *opened({"a": 4}, {"a": 2}),
        Install(2 * HOUR, "a-0", STARTED),
        Leave(3 * HOUR, "a-0"),
        Poll(3 * HOUR, "a-0"),
    ]
    experiment = fold(lines, PLAN)
    experiment.advance(3.5 * HOUR)
    assert (experiment.hurt, experiment.guard.failed, experiment.guard.in_flight) == (0, 0, 0)


def test_a_silence_that_is_recorded_counts_unless_the_device_installs() -> None:
    lines = [
        *opened({"a": 4}, {"a": 2}),
        Install(2 * HOUR, "a-1", STARTED),
        Silent(5 * HOUR, "a-1"),
        Silent(5 * HOUR, "a-0"),
    ]
    assert [event.device for event in fold(lines).events] == ["a-0"]


def test_a_derived_record_must_not_state_silences() -> None:
    with pytest.raises(RecordError, match="recorded"):
        fold([*opened({"a": 2}, {"a": 1}), Silent(5 * HOUR, "a-0")], PLAN)


def test_a_recorded_record_derives_nothing() -> None:
    experiment = fold(opened({"a": 4}, {"a": 2}), Plan(silences=Silences.RECORDED))
    experiment.advance(99 * HOUR)
    assert experiment.events == []
