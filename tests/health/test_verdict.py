"""The claims of the mathematics, enumerated on small fleets, and the verdict on whole records."""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.health.lines import BOOTED, FAILED, HOUR, RECORDED, STARTED, crash, fold, installed, opened, polls, raw

from fleetloop.health import (
    Draw,
    Enrol,
    Event,
    Experiment,
    Install,
    Line,
    Plan,
    Poll,
    Silences,
    Silent,
    Verdict,
    Wave,
    cut_number,
    encode,
    parse,
    read_record,
    verdict_of_log,
)
from fleetloop.health.silence import Watchers

GOLDEN = Path(__file__).parents[1] / "golden"
Schedule = Sequence[tuple[float, str]]

# Exactness: whoever fails when, the mean of E over all draws is 1


def experiment_of(
    drawn: Iterable[str], names: Sequence[str], events: Schedule, more: Sequence[Line] = ()
) -> Experiment:
    """One wave at 0; a device's revision is its first letter. ``events`` happen whatever was drawn."""
    lines: list[Line] = [Enrol(0, name, name[0]) for name in names]
    lines += [Wave(0, 1), *(Draw(0, name, 1) for name in drawn), *polls(0, names), *polls(2 * HOUR, names)]
    return fold(sorted([*lines, *more, *(crash(at, name) for at, name in events)], key=lambda line: line.at))


def pooled(experiment: Experiment) -> float:
    return experiment.e_pooled


def whole(experiment: Experiment) -> float:
    return experiment.e_value


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("of", [pooled, whole])
def test_in_a_closed_cohort_the_mean_over_all_draws_is_exactly_one(
    count: int, of: Callable[[Experiment], float]
) -> None:
    names = [f"a{i}" for i in range(8)]
    events = [(3 * HOUR + i, name) for i, name in enumerate(names[:count])]
    values = [of(experiment_of(drawn, names, events)) for drawn in combinations(names, 3)]
    assert fmean(values) == pytest.approx(1, abs=1e-12)


def test_events_at_one_instant_are_exact_too() -> None:
    names = [f"a{i}" for i in range(10)]
    values = [
        pooled(experiment_of(drawn, names, [(3 * HOUR, n) for n in names[:3]])) for drawn in combinations(names, 3)
    ]
    assert fmean(values) == pytest.approx(1, abs=1e-12)


def test_ordering_ties_by_arm_would_not_be() -> None:
    """Why ``fold`` never does: the same three tied events, new ones first, have a mean of 1.08."""
    names = [f"a{i}" for i in range(10)]

    def ordered(drawn: Iterable[str]) -> list[tuple[float, str]]:
        return [(3 * HOUR, name) for name in sorted(names[:3], key=lambda name: name not in drawn)]

    values = [pooled(experiment_of(drawn, names, ordered(drawn))) for drawn in combinations(names, 3)]
    assert fmean(values) > 1.05


def test_windows_and_revisions_keep_it_exact() -> None:
    """Two revisions, devices that fail in the window, that are heard late, and that leave."""
    names = ["a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3"]
    events = [(HOUR, "a0"), (2.5 * HOUR, "b0"), (3 * HOUR, "a1"), (3 * HOUR, "b1"), (4 * HOUR, "a2")]
    values = [
        whole(experiment_of((*a, *b), names, events))
        for a in combinations(names[:4], 2)
        for b in combinations(names[4:], 1)
    ]
    assert fmean(values) == pytest.approx(1, abs=1e-12)


def two_waves(first: Iterable[str], names: Sequence[str], events: Schedule, late: Schedule = ()) -> list[Line]:
    everyone = [*names, *(name for _, name in late)]
    lines: list[Line] = [Enrol(0, name, name[0]) for name in names]
    lines += [Wave(0, 1), *(Draw(0, name, 1) for name in first), *polls(0, names), *polls(2 * HOUR, names)]
    lines += [Enrol(at, name, name[0]) for at, name in late]
    lines += [crash(at, name) for at, name in events if at < 6 * HOUR]
    lines.sort(key=lambda line: line.at)
    return [*lines, Wave(6 * HOUR, 2), *polls(6 * HOUR, everyone), *polls(8 * HOUR, everyone)]


def finish(lines: list[Line], second: Iterable[str], events: Schedule) -> Experiment:
    draws: list[Line] = [Draw(6 * HOUR, name, 2) for name in second]
    opening = next(i for i, line in enumerate(lines) if line == Wave(6 * HOUR, 2))
    rest = [crash(at, name) for at, name in events if at > 8 * HOUR]
    return fold([*lines[: opening + 1], *draws, *lines[opening + 1 :], *rest])


STAGGERED = [
    [(3 * HOUR, "a0"), (9 * HOUR, "a1"), (9 * HOUR, "a0"), (10 * HOUR, "a2")],
    [(3 * HOUR, "a0"), (4 * HOUR, "a1"), (9 * HOUR, "a1"), (9 * HOUR, "a0"), (9 * HOUR, "a2"), (10 * HOUR, "a3")],
    [(1 * HOUR, "a0"), (3 * HOUR, "a5"), (9 * HOUR, "a0"), (9 * HOUR, "a5"), (9 * HOUR, "a4"), (10 * HOUR, "a3")],
]


@pytest.mark.parametrize("events", STAGGERED)
@pytest.mark.parametrize("late", [(), ((3 * HOUR, "a8"), (4 * HOUR, "a9"))])
@pytest.mark.parametrize("patient", [False, True])
def test_staggered_entry_is_exact(events: Schedule, late: Schedule, patient: bool) -> None:
    """Two waves, re-entry in the second, late joiners; ``patient``: the second opens only while E is below 1.5."""
    names = [f"a{i}" for i in range(6)]
    means = []
    for first in combinations(names, 2):
        lines = two_waves(first, names, events, late)
        before = fold(line for line in lines if line.at < 6 * HOUR)
        if patient and before.e_value >= 1.5:
            means.append(before.e_value)
            continue
        waiting = [name for name in (*names, *(name for _, name in late)) if name not in first]
        again = [*events, *((11 * HOUR + i, name) for i, (_, name) in enumerate(late))]
        means.append(fmean(whole(finish(lines, second, again)) for second in combinations(waiting, 2)))
    assert fmean(means) == pytest.approx(1, abs=1e-12)


def test_an_install_that_starts_late_errs_on_the_safe_side() -> None:
    """Installs are rationed: a new device at risk may be handed the release hours later, and W is then the guard's."""
    names = [f"a{i}" for i in range(6)]
    events = [(3.5 * HOUR, "a0"), (4 * HOUR, "a1"), (7 * HOUR, "a2")]
    means = []
    for drawn in combinations(names, 3):
        more = [line for i, name in enumerate(drawn) for line in installed((2.5 + i) * HOUR, name)]
        means.append(pooled(experiment_of(drawn, names, events, more)))
    assert fmean(means) <= 1


# The worked example of the rollout page

LOOKED = [0.8, 0.6, 0.5, 0.4, 0.3, 0.5, 0.6, 1.0, 1.7, 3.2, 6.9, 16.5, 43.3]  # the page cuts; it has 43.1
UPPER = [157, 23, 10, 6, 10, 13, 17, 21, 25, 29, 33, 37]


def looked() -> list[Line]:
    """Revisions a 240, b 160, c 100; waves of 5 and 25 %; a few devices offline or not installed are never at risk."""
    fleet = {"a": 240, "b": 160, "c": 100}
    names = {revision: [f"{revision}-{i}" for i in range(count)] for revision, count in fleet.items()}
    everyone = [name for many in names.values() for name in many]
    offline = {"a-0", "a-12", "a-13", "b-8", "b-157", "b-158", "b-159"}
    heard = [name for name in everyone if name not in offline]
    lines: list[Line] = [Enrol(0, name, name[0]) for name in everyone]
    waves = [
        (0.0, 1, {"a": (0, 12), "b": (0, 8), "c": (0, 5)}),
        (25 * HOUR, 2, {"a": (12, 60), "b": (8, 40), "c": (5, 25)}),
    ]
    for at, number, cuts in waves:
        drawn = [name for revision, (low, high) in cuts.items() for name in names[revision][low:high]]
        lines += [Wave(at, number), *(Draw(at, name, number) for name in drawn), *polls(at, heard)]
        lines += [Install(at, name, STARTED) for name in drawn if name not in offline]
        failed = ["c-0"] if number == 1 else ["a-14", "b-9"]
        lines += [
            Install(at + 900, name, FAILED if name in failed else BOOTED) for name in drawn if name not in offline
        ]
        lines += polls(at + 2 * HOUR, heard)
        if number == 1:
            lines.append(crash(11 * HOUR, "a-200"))
    before = [(31, "a-201"), (37, "b-100"), (41, "b-101"), (43, "b-102")]
    hurt = [(44 + i / 2, f"b-{20 + i}") for i in range(8)]
    return [*lines, *(crash(hour * HOUR, name) for hour, name in (*before, *hurt))]


def test_the_worked_example() -> None:
    experiment = fold(looked())
    assert [event.e_after for event in experiment.events] == pytest.approx([value + 0.05 for value in LOOKED], abs=0.06)
    assert cut_number(experiment.events[-1].e_after) == "43"
    assert (len(experiment.events), experiment.new_events, experiment.held_events) == (13, 8, 5)
    assert round(experiment.expected_new, 1) == 2.9
    assert experiment.verdict == Verdict.STOP
    assert experiment.stopped_at == experiment.events[-1].at
    lower, upper = experiment.interval()
    assert cut_number(lower) == "1.2"
    assert upper is not None
    rows = {row.revision: row for row in experiment.rows()}
    assert [(rows[r].new, rows[r].held_back) for r in "abc"] == [(60, 180), (40, 120), (25, 75)]
    assert [(rows[r].new_events, rows[r].held_back_events) for r in "abc"] == [(0, 2), (8, 3), (0, 0)]


def test_the_interval_over_time_of_the_worked_example() -> None:
    experiment = fold(looked())
    found = [experiment.interval_after(count) for count in range(1, 14)]
    assert found[0] == (0.0, None)
    assert [upper for _, upper in found[1:]] == pytest.approx(UPPER, rel=0.05)
    assert [cut_number(lower) for lower, _ in found[7:]] == ["0.1", "0.3", "0.5", "0.7", "0.9", "1.2"]
    assert found[-1] == experiment.interval()


# The verdict


def test_the_verdict_says_not_twice_as_bad_and_inconclusive() -> None:
    lines = opened({"a": 200}, {"a": 100})
    assert fold(lines).verdict == Verdict.INCONCLUSIVE
    calm = [*lines, *(crash((3 + i) * HOUR, f"a-{100 + i}") for i in range(12))]
    assert fold(calm).verdict == Verdict.NOT_TWICE_AS_BAD
    worse = [*lines, *(crash((3 + i) * HOUR, f"a-{i}") for i in range(3))]
    assert fold(worse).verdict == Verdict.HOLD


def test_a_stop_is_final() -> None:
    lines = [*opened({"a": 200}, {"a": 40}), *(crash((3 + i) * HOUR, f"a-{i}") for i in range(6))]
    experiment = fold([*lines, *(crash((20 + i) * HOUR, f"a-{100 + i}") for i in range(60))])
    assert experiment.e_value < 1.5
    assert experiment.e_max >= 20
    assert experiment.verdict == Verdict.STOP
    assert experiment.stopped_at is not None
    assert experiment.stopped_at < 9 * HOUR


def test_e_is_six_tenths_pooled_three_revisions_and_one_guard() -> None:
    lines = opened({"a": 20, "b": 20, "c": 20}, {"a": 5, "b": 5, "c": 5})
    lines += [*installed(2 * HOUR, "a-4"), crash(3 * HOUR, "b-0"), crash(4 * HOUR, "b-1"), crash(4 * HOUR, "c-7")]
    found = fold(lines)
    mean = fmean(found.e_by_revision.values())
    assert found.e_value == pytest.approx(0.6 * found.e_pooled + 0.3 * mean + 0.1 * found.e_guard, rel=1e-12)
    assert sorted(found.e_by_revision) == ["a", "b", "c"]
    assert found.e_by_revision["a"] == 1


def test_the_age_covered_is_what_nine_in_ten_new_devices_have_reached() -> None:
    lines = opened({"a": 40}, {"a": 20})
    for i in range(20):
        lines += list(installed(2 * HOUR + i * 60, f"a-{i}"))
    experiment = fold([*lines, Poll(26 * HOUR + 19 * 60, "a-39")])
    assert experiment.age_covered_s(experiment.now) == pytest.approx(24 * HOUR + 2 * 60)
    assert experiment.age_covered_s(experiment.now + HOUR) == pytest.approx(25 * HOUR + 2 * 60)
    assert Experiment(RECORDED).age_covered_s(HOUR) == 0


def test_good_enough_needs_a_tolerated_rate_and_enough_device_days() -> None:
    lines = opened({"a": 80}, {"a": 40})
    assert fold(lines).e_ok is None
    plan = Plan(silences=Silences.RECORDED, tolerated=0.1)
    assert not fold([*lines, Poll(10 * HOUR, "a-79")], plan).good_enough
    assert fold([*lines, Poll(30 * HOUR, "a-79")], plan).good_enough
    assert not fold([*lines, *(crash(9 * HOUR, f"a-{i}") for i in range(4)), Poll(30 * HOUR, "a-79")], plan).good_enough


def test_comparable_means_some_stratum_has_devices_of_both_arms() -> None:
    assert fold(opened({"a": 4, "b": 4}, {"a": 2})).comparable
    assert not fold(opened({"a": 4, "b": 4}, {"a": 4})).comparable
    assert not fold(opened({"a": 4, "b": 4}, {})).comparable


# Whole records


def random_record(seed: int) -> list[Line]:
    """Two waves on thirty devices with hourly polls, some lost, some devices lost, crashes and installs."""
    chance = random.Random(seed)
    names = [f"{revision}{i}" for i in range(15) for revision in "ab"]
    lines: list[Line] = [Enrol(0, name, name[0]) for name in names]
    dead: set[str] = set()
    drawn: set[str] = set()
    handed: dict[str, str] = {}
    for hour in range(40):
        if hour in {1, 20}:
            new = chance.sample([name for name in names if name not in drawn], 8)
            drawn.update(new)
            lines += [Wave(hour * HOUR, 1 + hour // 20), *(Draw(hour * HOUR, name, 1 + hour // 20) for name in new)]
        for i, name in enumerate(names):
            at = hour * HOUR + i
            if chance.random() < 0.01:
                dead.add(name)
            if name in dead or chance.random() < 0.05:
                continue
            lines.append(Poll(at, name))
            if chance.random() < 0.03:
                lines.append(Event(at, name, "crash", f"e{hour}"))
            if name in drawn and name not in handed:
                handed[name] = chance.choice(["booted", "booted", "failed", "lost"])
                lines.append(Install(at, name, STARTED))
            elif handed.get(name) in {"booted", "failed"}:
                lines.append(Install(at, name, BOOTED if handed[name] == "booted" else FAILED))
                handed[name] = "done"
    return lines


def figures(experiment: Experiment) -> tuple[object, ...]:
    guard = experiment.guard
    installs = (guard.started, guard.failed, guard.booted, guard.in_flight)
    return (experiment.e_value, experiment.e_max, experiment.events, experiment.rows(), experiment.exposures, installs)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 900), max_size=5))
def test_fed_in_chunks_with_looks_between_is_the_same_as_fed_whole(seed: int, cuts: list[int]) -> None:
    lines = random_record(seed)
    whole_one = read_record(raw(Plan(), lines))
    chunked = Experiment(Plan())
    for i, line in enumerate(lines):
        if i in cuts:
            figures(chunked), chunked.interval(), chunked.verdict, chunked.age_covered_s(chunked.now)
        chunked.feed(parse(encode(line), i + 2))  # type: ignore[arg-type]
    assert figures(chunked) == figures(whole_one)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_record_with_silences_recorded_says_the_same_as_the_polls_it_came_from(seed: int) -> None:
    derived, recorded, watchers = Experiment(Plan()), Experiment(RECORDED), Watchers(Plan())
    kept = 0
    for line in random_record(seed):
        derived.feed(line)
        for booked in watchers.due(line.at):
            recorded.feed(booked)
        watchers.note(line)
        if not isinstance(line, Poll) or recorded.moves(line.device, line.at):
            recorded.feed(line)
            kept += isinstance(line, Poll)
    assert (derived.e_value, derived.events, derived.rows()) == (recorded.e_value, recorded.events, recorded.rows())
    assert kept <= 30 * 2 * 2
    assert any(isinstance(line, Silent) for line in watchers.due(99 * HOUR))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_stop_is_exactly_e_ever_20(seed: int) -> None:
    experiment = Experiment(Plan())
    highest = 1.0
    for line in random_record(seed):
        experiment.feed(line)
        highest = max(highest, experiment.e_value)
    assert experiment.e_max == pytest.approx(max([1.0, *(step.e_value for step in experiment.steps)]))
    assert experiment.e_max >= highest * (1 - 1e-12) or highest < 1.000001
    assert (experiment.verdict == Verdict.STOP) == (experiment.e_max >= 20)


@pytest.mark.parametrize("record", sorted(GOLDEN.glob("record-*.jsonl")), ids=lambda path: path.stem)
def test_golden_records(record: Path) -> None:
    with record.open("rb") as lines:
        found = verdict_of_log(lines)
    expected = json.loads(record.with_suffix(".json").read_text())
    assert found["verdict"] == expected["verdict"]
    assert found["e_value"] == pytest.approx(expected["e_value"], rel=1e-9)
    for end, wanted in zip(found["hr_interval"], expected["hr_interval"], strict=True):  # type: ignore[call-overload]
        assert end == (wanted if wanted is None else pytest.approx(wanted, rel=1e-6))
    assert list(found) == ["verdict", "e_value", "hr_interval"]


def test_there_are_golden_records_of_every_verdict() -> None:
    found = {json.loads(path.read_text())["verdict"] for path in GOLDEN.glob("record-*.json")}
    assert found == {verdict.value for verdict in Verdict}
