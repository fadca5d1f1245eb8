from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core import plug
from fleetloop.core.clock import DAY, HOUR
from fleetloop.rollouts.model import Decider, Facts, Open, Shut, Tally, Wave
from fleetloop.rollouts.phase import ask
from fleetloop.rollouts.plan import Ground, propose
from fleetloop.rollouts.seam import GATES, Gate

FOLDER = "fleetloop.rollouts.gates"
ALL = tuple(plug.load(FOLDER, name, Gate)() for name in GATES)
NOW = datetime(2026, 11, 10, 6, 31, tzinfo=UTC).timestamp()
PLAN = propose({}, Ground(500))


def wave(booted: int, confirmed: int = 0, ended: int = 0, since: float | None = None) -> Wave:
    return Wave(2, NOW - DAY, Tally(100, booted, confirmed, booted + ended, ended), since)


def decide(name: str, facts: Facts) -> Open | Shut:
    return plug.load(FOLDER, name, Gate)().decide(facts)


def test_every_file_is_asked_once() -> None:
    assert sorted(GATES) == plug.names(FOLDER)


def test_the_first_wave_opens_by_itself() -> None:
    assert ask(ALL, Facts(PLAN, NOW, 1)) == Open("")


def test_wave_3_waits_for_wave_2_to_boot_and_soak() -> None:
    booting = Facts(PLAN, NOW, 3, wave(62))
    assert ask(ALL, booting) == Shut(
        "Wave 3 waits for wave 2 to boot and soak: not before Wed 06:31, in 24 h; "
        "62 of 100 booted, the soak starts at 90.",
        NOW + DAY,
    )
    soaking = replace(booting, last=wave(90, since=NOW + 38 * 60))
    assert ask(ALL, replace(soaking, now=NOW)) == Shut(
        "Wave 3 waits for wave 2 to boot and soak: not before Wed 07:09, in 24 h 38 min.", NOW + DAY + 38 * 60
    )


def test_it_opens_when_all_is_met_and_says_on_what() -> None:
    facts = Facts(PLAN, NOW, 3, wave(98, 92, 2, NOW - DAY), evidence=0.8, booted=123)
    assert ask(ALL, facts) == Open("soak over, 92 of 100 confirmed, evidence 0.8")


def test_a_person_may_open_it_before_the_soak_ends_but_not_before_it_booted() -> None:
    facts = Facts(PLAN, NOW, 3, wave(90, since=NOW - HOUR), opened_by="release@coldcell")
    assert isinstance(decide("soak", facts), Open)
    assert isinstance(decide("soak", replace(facts, last=wave(62))), Shut)


def test_too_few_confirmed_waits_while_they_can_still_come() -> None:
    facts = Facts(PLAN, NOW, 3, wave(95, 70, 5, NOW - DAY))
    assert decide("confirmed", facts) == Shut(
        "Wave 3 waits for wave 2 to be confirmed: 70 of 100 confirmed, 80 needed."
    )


def test_too_few_confirmed_and_too_many_ended_asks_a_person() -> None:
    facts = Facts(PLAN, NOW, 3, wave(95, 70, 21, NOW - DAY))
    assert decide("confirmed", facts) == Shut(
        "Wave 3 waits: 70 of 100 confirmed in wave 2, 80 needed, and 21 have ended otherwise. A person decides.",
        None,
        Decider.PERSON,
    )
    assert isinstance(decide("confirmed", replace(facts, opened_by="op")), Open)


def test_installs_in_flight() -> None:
    facts = Facts(PLAN, NOW, 3, wave(95), in_flight=21, booted=84)
    assert decide("flight", facts) == Shut(
        "Wave 3 waits for installs in flight: 21 handed and not booted, fewer than 21 needed."
    )
    assert decide("flight", replace(facts, in_flight=20)) == Open()


def test_held_at_most_four_days_then_a_person_decides() -> None:
    held = "Held: 4 of 9 comparable bad events were on new devices, 2.0 expected (evidence 1.7, stops at 20)."
    facts = Facts(PLAN, NOW, 3, wave(95), evidence=1.7, held=held, held_since=NOW - HOUR)
    assert decide("evidence", facts) == Shut(
        f"{held} At most until Sat 05:31, in 3 d 23 h; then a person decides.", NOW - HOUR + 4 * DAY
    )
    assert decide("evidence", replace(facts, held_since=None)) == Shut(
        f"{held} At most until Sat 06:31, in 4 d; then a person decides.", NOW + 4 * DAY
    )
    late = replace(facts, held_since=NOW - 4 * DAY)
    assert decide("evidence", late) == Shut(
        f"{held} Held since Fri 06:31, the longest hold of 4 d is over: a person decides.", None, Decider.PERSON
    )
    assert isinstance(decide("evidence", replace(late, opened_by="op")), Open)
    assert isinstance(decide("evidence", replace(facts, opened_by="op")), Shut), "nobody opens it within the hold"
    assert isinstance(decide("evidence", replace(late, evidence=1.49)), Open)


def test_a_small_fleet_waits_for_a_person_at_each_wave() -> None:
    facts = Facts(propose({}, Ground(7)), NOW, 1)
    assert ask(ALL, facts) == Shut(
        "Wave 1 waits for a person to open it: the fleet is too small for a verdict.", None, Decider.PERSON
    )
    assert ask(ALL, replace(facts, opened_by="op")) == Open("opened by op")


def test_approval_and_pause_come_before_all() -> None:
    facts = Facts(PLAN, NOW, 3, wave(62), needs_approval=True, paused_by="op@coldcell")
    assert ask(ALL, facts) == Shut("Wave 3 waits for approval: an approver decides.", None, Decider.PERSON)
    assert ask(ALL, replace(facts, needs_approval=False)) == Shut(
        "Paused by op@coldcell: wave 3 waits until it is resumed.", None, Decider.PERSON
    )


def test_what_follows_the_last_wave_has_a_name() -> None:
    answer = ask(ALL, Facts(PLAN, NOW, 5, wave(62)))
    assert isinstance(answer, Shut)
    assert answer.sentence.startswith("The remainder waits for wave 2 to boot and soak")


tallies = st.integers(0, 200).flatmap(
    lambda drawn: st.tuples(*[st.integers(0, drawn)] * 4).map(lambda t: Tally(drawn, *t))
)
times = st.floats(NOW - 30 * DAY, NOW)
waves = st.builds(Wave, st.integers(1, 4), times, tallies, st.none() | times)
facts_ = st.builds(
    Facts,
    plan=st.sampled_from([PLAN, propose({}, Ground(7)), propose({}, Ground(500, first=True))]),
    now=st.just(NOW),
    number=st.integers(1, 6),
    last=st.none() | waves,
    in_flight=st.integers(0, 99),
    booted=st.integers(0, 500),
    evidence=st.floats(0, 30),
    held_since=st.none() | times,
    needs_approval=st.booleans(),
    paused_by=st.sampled_from(["", "op"]),
    opened_by=st.sampled_from(["", "op"]),
)


@pytest.mark.parametrize("name", GATES)
@given(facts=facts_)
def test_same_facts_same_answer_and_a_shut_gate_says_why(name: str, facts: Facts) -> None:
    answer = decide(name, facts)
    assert decide(name, facts) == answer
    if isinstance(answer, Open):
        return
    assert answer.sentence.endswith(".")
    assert "  " not in answer.sentence
    if answer.decider is Decider.PERSON:
        assert answer.until is None
        assert re_person(answer.sentence)
    if answer.until is not None:
        assert answer.until > facts.now


def re_person(sentence: str) -> bool:
    return any(word in sentence for word in ("person", "approver", "resumed"))


@given(facts=facts_)
def test_the_first_shut_gate_answers(facts: Facts) -> None:
    answers = [gate.decide(facts) for gate in ALL]
    shut = [a for a in answers if isinstance(a, Shut)]
    assert ask(ALL, facts) == (shut[0] if shut else Open(", ".join(a.because for a in answers if a.because)))  # pyright: ignore
