import pytest
from tests.health.lines import HOUR, RECORDED, crash, fold, opened, raw

from fleetloop.health import Draw, End, Enrol, Plan, Poll, RecordError, Silences, Wave, read_record
from fleetloop.health.fold import REVISIONS_MAX


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([Poll(5, "d1")], "Line 2 of the record: expected an enrolled device, got 'd1'"),
        ([Enrol(5, "d1", "a"), Enrol(5, "d1", "a")], "Line 3 of the record: expected a device not yet enrolled"),
        ([Enrol(5, "d1", "a"), Poll(4, "d1")], "Line 3 of the record: expected `at` to be 5.0 or later, got 4.0"),
        ([Wave(0, 1), Wave(0, 1)], "Line 3 of the record: expected a wave after wave 1, got 1"),
        ([RECORDED], "Line 2 of the record: expected one plan, as the first line, got another"),
    ],
)
def test_a_line_that_fits_nothing_before_it_is_refused(lines: list[Poll], words: str) -> None:
    with pytest.raises(RecordError) as caught:
        read_record(raw(RECORDED, lines))
    assert words in str(caught.value)


@pytest.mark.parametrize("record", [[], [b"\n"], [b'{"at":0,"kind":"wave","number":1}\n']])
def test_a_record_starts_with_its_plan(record: list[bytes]) -> None:
    with pytest.raises(RecordError, match="the plan as the first line"):
        read_record(record)


def test_empty_lines_are_passed_over_but_counted() -> None:
    with pytest.raises(RecordError, match="Line 4"):
        read_record([*raw(RECORDED, []), b"\n", b" \n", b"{}"])


def test_the_number_of_revisions_is_bounded() -> None:
    experiment = fold([Enrol(0, f"d{i}", f"r{i}") for i in range(REVISIONS_MAX)])
    with pytest.raises(RecordError, match="at most 1000 revisions"):
        experiment.feed(Enrol(0, "more", "more"))


def test_nothing_is_read_after_the_end() -> None:
    experiment = fold([*opened({"a": 4}, {"a": 2}), End(3 * HOUR), crash(4 * HOUR, "a-0"), Poll(1, "unknown")])
    assert experiment.ended
    assert (experiment.events, experiment.now) == ([], 3 * HOUR)


def test_the_end_books_what_was_due() -> None:
    experiment = fold([*opened({"a": 4}, {"a": 2}), End(9 * HOUR)], Plan())
    assert [event.at for event in experiment.events] == [5 * HOUR] * 2  # the others have nobody left to compare with


def test_crashed_counts_drawn_devices_whatever_the_comparison_does_with_them() -> None:
    lines = [Enrol(0, "d1", "a"), Enrol(0, "d2", "a"), crash(1, "d1"), Wave(2, 1), Draw(2, "d1", 1), crash(3, "d2")]
    experiment = fold([*lines, crash(4, "d1"), crash(5, "d1")], Plan(silences=Silences.RECORDED))
    assert experiment.crashed == 1


def test_device_days_are_those_of_new_devices_at_risk() -> None:
    lines = [*opened({"a": 6}, {"a": 2}), crash(14 * HOUR, "a-0"), crash(26 * HOUR, "a-1"), Poll(99 * HOUR, "a-2")]
    experiment = fold(lines)
    assert experiment.device_days == pytest.approx((12 + 24) / 24)
    (exposure,) = experiment.exposures
    assert (exposure.wave, exposure.held_back_days) == (1, pytest.approx(4 * 97 / 24))
