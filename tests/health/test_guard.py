from itertools import product
from math import comb

import pytest
from tests.health.lines import BOOTED, FAILED, HOUR, STARTED, crash, fold, installed, opened

from fleetloop.health import Install, Silences, frozen_p0
from fleetloop.health.evidence import install_evidence
from fleetloop.health.guard import Guard, upper_bound
from fleetloop.health.model import Plan


@pytest.mark.parametrize("p0", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("waits", [(1, 1, 1, 1), (3, 1, 2, 1), (9, 9, 9, 9), (5, 4, 3, 2)])
def test_whatever_the_delays_the_guard_stays_below_one_in_the_mean(p0: float, waits: tuple[int, ...]) -> None:
    """Install i starts at time i and, if it fails, says so ``waits[i]`` later. Looked at whenever it is highest."""
    at_each_time, highest = [0.0] * 15, 0.0
    for fates in product((False, True), repeat=4):
        chance, seen = 1.0, []
        for fails in fates:
            chance *= p0 if fails else 1 - p0
        for now in range(15):
            started = min(now + 1, 4)
            failed = sum(fails and i + waits[i] <= now for i, fails in enumerate(fates))
            seen.append(install_evidence(started, failed, p0))
            at_each_time[now] += chance * seen[-1]
        highest += chance * (max(seen) >= 20)
    assert max(at_each_time) <= 1 + 1e-12
    assert highest <= 0.05


def test_counting_only_reported_outcomes_would_not_be_safe() -> None:
    """The same fates with failures reporting first: the mean is above one, which is what the rule above prevents."""
    mean = sum(comb(4, k) * 0.01**k * 0.99 ** (4 - k) * install_evidence(max(k, 1), k, 0.01) for k in range(5))
    assert mean > 1.05


def test_a_device_counts_once_and_in_flight_ends_with_boot_or_failure() -> None:
    guard = Guard(0.01, 7200)
    guard.start("d1", 0)
    guard.start("d1", 10)
    guard.start("d2", 0)
    assert (guard.started, guard.in_flight) == (2, 2)
    guard.boot("d1", 20)
    guard.boot("d1", 30)
    assert (guard.booted, guard.in_flight, guard.booted_at("d1")) == (1, 1, 20)
    assert guard.fail("d2")
    guard.settle("d2")
    guard.start("d2", 40)
    guard.settle("d2")
    assert not guard.fail("d2")
    assert not guard.fail("never handed")
    assert (guard.started, guard.failed, guard.in_flight) == (2, 1, 0)


def test_the_window_of_the_guard_is_from_the_offer_until_w_later() -> None:
    guard = Guard(0.01, 7200)
    guard.start("d1", 100)
    assert guard.covers("d1", 100)
    assert guard.covers("d1", 7299.9)
    assert not guard.covers("d1", 7300)


def test_a_bad_event_within_w_of_the_offer_is_a_failed_install_and_no_evidence() -> None:
    lines = [*opened({"a": 6}, {"a": 3}), *installed(3 * HOUR, "a-0"), crash(4 * HOUR, "a-0"), crash(6 * HOUR, "a-1")]
    experiment = fold(lines)
    assert experiment.guard.failed == 1
    assert [(event.device, event.a, event.b) for event in experiment.events] == [("a-1", 3, 2)]


def test_a_failed_install_leaves_the_comparison_without_evidence() -> None:
    failed = [Install(3 * HOUR, "a-0", STARTED), Install(6 * HOUR, "a-0", FAILED), crash(7 * HOUR, "a-0")]
    experiment = fold([*opened({"a": 6}, {"a": 3}), *failed, crash(8 * HOUR, "a-4")])
    assert [(event.device, event.a, event.b) for event in experiment.events] == [("a-4", 3, 2)]
    assert experiment.guard.failed == 1
    assert experiment.hurt == 0


def test_an_install_of_a_device_that_was_not_drawn_is_only_a_contact() -> None:
    experiment = fold([*opened({"a": 4}, {"a": 2}), Install(3 * HOUR, "a-3", BOOTED), Install(3 * HOUR, "a-3", FAILED)])
    assert (experiment.guard.started, experiment.guard.failed) == (0, 0)


def test_enough_failed_installs_stop() -> None:
    lines = opened({"a": 40}, {"a": 20})
    for i in range(20):
        lines.append(Install(2 * HOUR, f"a-{i}", STARTED))
    for i in range(6):
        lines.append(Install(2 * HOUR + i, f"a-{i}", FAILED))
    experiment = fold(lines)
    assert experiment.verdict == "stop"
    assert experiment.stopped_at is not None
    assert experiment.stopped_at <= 2 * HOUR + 5


def test_a_first_release_is_judged_by_its_installs_alone() -> None:
    plan = Plan(silences=Silences.RECORDED, comparison=False, p0=0.05)
    experiment = fold([*opened({"a": 8}, {"a": 4}), crash(3 * HOUR, "a-0"), crash(3 * HOUR, "a-1")], plan)
    assert (experiment.e_value, experiment.events, experiment.hurt) == (1.0, [], 2)
    experiment.feed(Install(4 * HOUR, "a-2", STARTED))
    experiment.feed(Install(4 * HOUR, "a-2", FAILED))
    assert experiment.e_value == experiment.e_guard == install_evidence(1, 1, 0.05)


@pytest.mark.parametrize(("failures", "installs"), [(0, 300), (0, 497), (3, 500), (12, 1000), (50, 1000)])
def test_the_upper_bound_is_where_so_few_failures_have_a_chance_of_one_in_twenty(failures: int, installs: int) -> None:
    share = upper_bound(failures, installs)
    chance = sum(comb(installs, k) * share**k * (1 - share) ** (installs - k) for k in range(failures + 1))
    assert chance == pytest.approx(0.05, rel=1e-6)


def test_p0_is_frozen_from_the_record_or_declared() -> None:
    assert frozen_p0(0, 299) == 0.05
    assert frozen_p0(0, 299, 0.02) == 0.02
    assert frozen_p0(0, 300) == 0.01
    assert frozen_p0(0, 1000) == 0.01
    assert frozen_p0(30, 1000) == pytest.approx(0.0405, abs=1e-4)
    assert frozen_p0(1000, 1000) == 0.8


def test_room_is_five_or_a_quarter_of_those_booted() -> None:
    guard = Guard(0.01, 7200)
    assert guard.room == 5
    for i in range(85):
        guard.start(f"d{i}", 0)
        guard.boot(f"d{i}", 1)
    for i in range(85, 104):
        guard.start(f"d{i}", 2)
    assert guard.room == 2
    for i in range(104, 110):
        guard.start(f"d{i}", 2)
    assert guard.room == 0


def test_the_failures_that_would_stop_are_those_that_do() -> None:
    lines = [*opened({"a": 300}, {"a": 107}), *(Install(2 * HOUR, f"a-{i}", STARTED) for i in range(107))]
    wanted = fold(lines).failures_to_stop
    assert wanted is not None
    failures = [Install(3 * HOUR, f"a-{i}", FAILED) for i in range(wanted)]
    assert fold([*lines, *failures[:-1]]).verdict != "stop"
    assert fold([*lines, *failures]).verdict == "stop"
    assert fold(opened({"a": 3}, {"a": 1})).failures_to_stop is None
