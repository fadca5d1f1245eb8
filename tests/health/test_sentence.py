from dataclasses import replace

import pytest
from tests.health.lines import FAILED, HOUR, RECORDED, STARTED, crash, fold, installed, opened
from tests.health.test_verdict import looked

from fleetloop.health import (
    Install,
    Interval,
    Plan,
    Poll,
    Scheme,
    Silences,
    counts_sentence,
    cut_number,
    enough_sentence,
    first_release_sentence,
    held_sentence,
    inconclusive_sentence,
    interval_words,
    meaning_sentence,
    not_comparable_sentence,
    planned_sentence,
    raised_number,
    size_words,
    stopped_sentence,
    watched_sentence,
)

FLEET = Scheme({"a": 1000}, (0.05, 0.25, 0.5, 0.8), 86_400, 0.01)


@pytest.mark.parametrize(
    ("value", "cut", "raised"),
    [
        (0.0, "0.0", "0.0"),
        (1.49, "1.4", "1.5"),
        (1.5, "1.5", "1.5"),
        (2.9, "2.9", "2.9"),
        (9.99, "9.9", "10"),
        (19.99, "19", "20"),
        (43.1, "43", "44"),
        (1234.5, "1,234", "1,235"),
        (1e300, "over 1,000,000", "over 1,000,000"),
    ],
)
def test_numbers_claim_no_more_than_was_seen(value: float, cut: str, raised: str) -> None:
    assert (cut_number(value), raised_number(value)) == (cut, raised)


def test_stopped() -> None:
    assert stopped_sentence(fold(looked())) == (
        "Stopped: 8 of 13 comparable bad events were on new devices, 2.9 expected; at least 1.2 times as bad, "
        "at most 38, of all bad events (evidence 43)."
    )


def test_held() -> None:
    lines = looked()
    experiment = fold(lines[:-4])
    assert held_sentence(experiment) == (
        "Held: 4 of 9 comparable bad events were on new devices, 2.0 expected (evidence 1.7, stops at 20). "
        "The next wave waits."
    )
    assert counts_sentence(experiment) == "4 of 9 comparable bad events were on new devices, 2.0 expected."
    assert counts_sentence(fold(lines[:500])) == "No comparable bad events yet: cannot tell."


def test_stopped_by_failed_installs_says_so() -> None:
    lines = opened({"a": 40}, {"a": 20})
    lines += [Install(2 * HOUR, f"a-{i}", STARTED) for i in range(20)]
    lines += [Install(2 * HOUR, f"a-{i}", FAILED) for i in range(6)]
    sentence = stopped_sentence(fold(lines))
    assert sentence.startswith("Stopped: 6 of 20 installs failed, usual is at most 1 % (evidence ")
    first = fold(lines[:-4], replace(RECORDED, comparison=False, p0=0.05))
    assert held_sentence(first).startswith("Held: 2 of 20 installs failed, usual is at most 5 % (evidence ")


def test_a_stop_without_an_upper_end() -> None:
    experiment = fold([*opened({"a": 200}, {"a": 20}), *(crash((3 + i) * HOUR, f"a-{i}") for i in range(5))])
    assert "times as bad, no upper end, of all bad events" in stopped_sentence(experiment)


@pytest.mark.parametrize(
    ("found", "likely", "events", "words"),
    [
        (Interval(1.26, 37), 5.9, 13, "× 6, at least × 1.2"),
        (Interval(1.26, None), None, 13, "at least × 1.2"),
        (Interval(0.0, 5.41), 0.62, 12, "× 0.6, at most × 5.5"),
        (Interval(0.2, 157), 1.0, 3, "cannot tell"),
        (Interval(0.0, None), None, 1, "cannot tell"),
        (Interval(0.0, None), None, 0, "no bad events: cannot tell"),
    ],
)
def test_size(found: Interval, likely: float | None, events: int, words: str) -> None:
    assert size_words(found, likely, events) == words


def test_the_interval_in_a_cell() -> None:
    assert interval_words(Interval(0.0, None)) == "cannot tell"
    assert interval_words(Interval(0.0, 156.2)) == "× 0.0 to × 157"
    assert interval_words(Interval(1.3, None)) == "× 1.3 to no upper end"


def test_good_enough_names_the_age_covered() -> None:
    lines = opened({"a": 80}, {"a": 40})
    lines += [line for i in range(40) for line in installed(2 * HOUR, f"a-{i}")]
    lines += [crash(5 * HOUR, "a-0"), Poll(30 * HOUR, "a-79")]
    experiment = fold(lines, Plan(silences=Silences.RECORDED, tolerated=0.01))
    assert enough_sentence(experiment, 38.5 * HOUR) == (
        "Good enough: below 1 bad event per 100 device-days, up to 36 hours after booting."
    )
    experiment.advance(38.5 * HOUR)
    assert watched_sentence(experiment) == "1 first bad event on new devices in 59 device-days."


@pytest.mark.parametrize(
    ("tolerated", "words"),
    [
        (0.03, "3 bad events per 100"),
        (0.005, "5 bad events per 1,000"),
        (0.001, "1 bad event per 1,000"),
        (0.015, "1.5 bad"),
    ],
)
def test_what_is_tolerated_is_said_in_whole_events(tolerated: float, words: str) -> None:
    assert f"below {words}" in enough_sentence(fold([], Plan(silences=Silences.RECORDED, tolerated=tolerated)), 0.0)


def test_inconclusive() -> None:
    assert inconclusive_sentence(3.0) == (
        "Inconclusive: this rollout could have shown × 3 and worse; nothing of that size was seen."
    )
    assert inconclusive_sentence(1.5).startswith("Inconclusive: this rollout could have shown × 1.5 and worse;")
    assert "could not have shown even × 10" in inconclusive_sentence(None)


def test_before_the_start_the_plan_says_what_it_will_see() -> None:
    assert planned_sentence(replace(FLEET, rate=0.02)) == (
        "With these waves and 24 hours of soak you will see regressions of × 3 and worse, with about 12 devices hurt "
        "before the stop."
    )
    assert "not even a regression of × 10 is sure to be seen" in planned_sentence(replace(FLEET, rate=1e-5))
    assert planned_sentence(FLEET).endswith("Wave 1 (50 devices) is nearly blind: it takes 40 to see × 10.") is False
    assert planned_sentence(replace(FLEET, rate=0.005)).endswith("it takes 80 to see × 10.")


def test_before_the_start_of_a_small_fleet() -> None:
    assert planned_sentence(replace(FLEET, devices={"a": 19})).startswith("Fewer than 20 devices: nobody is held back")
    fleet = {str(i): 2 for i in range(1)} | {f"r{i}": 1 for i in range(25)}
    assert planned_sentence(replace(FLEET, devices=fleet)) == (
        "With these waves this comparison cannot stop; only failed installs can."
    )


def test_other_sentences() -> None:
    assert meaning_sentence("1.1.0", 43.9) == (
        "43 means: were 1.1.0 no worse, evidence this strong would come up in fewer than 1 of 43 rollouts, "
        "however often anyone looks."
    )
    assert "Only failed installs can stop" in not_comparable_sentence()
    assert "good enough" in first_release_sentence()
