import json
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.clock import DAY, HOUR
from fleetloop.health import Plan as VerdictPlan
from fleetloop.rollouts.model import Deadlines, OnInconclusive, Plan, State
from fleetloop.rollouts.plan import Ground, PlanError, check, from_json, next_attempt, propose, remarks, to_json

FLEET = Ground(devices=501)


def test_the_documented_defaults() -> None:
    plan = propose({}, FLEET)
    assert plan.waves == (5, 25, 50, 80)
    assert (plan.held_back, plan.remainder, plan.comparison, plan.by_hand) == (20, True, True, False)
    assert (plan.soak_s, plan.window_s, plan.silent_s) == (DAY, 2 * HOUR, 3 * HOUR)
    assert (plan.alpha, plan.limit, plan.hold, plan.hold_limit_s) == (0.05, 20, 1.5, 4 * DAY)
    assert plan.install_deadline_s == 4.5 * HOUR


@pytest.mark.parametrize(
    ("devices", "first", "waves", "by_hand", "comparison"),
    [
        (1, False, (25, 50, 100), True, False),
        (19, False, (25, 50, 100), True, False),
        (20, False, (25, 50, 75), False, True),
        (50, False, (25, 50, 75), False, True),
        (51, False, (5, 25, 50, 80), False, True),
        (501, True, (25, 100), False, False),
        (3, True, (25, 100), True, False),
    ],
)
def test_defaults_by_size(devices: int, first: bool, waves: tuple[float, ...], by_hand: bool, comparison: bool) -> None:
    plan = propose({}, Ground(devices, first=first))
    assert (plan.waves, plan.by_hand, plan.comparison) == (waves, by_hand, comparison)
    assert plan.held_back == (20 if comparison else 0)
    assert plan.remainder == comparison
    assert (plan.crash_limit > 0) == by_hand


def test_what_follows_from_a_given_value_follows_it() -> None:
    plan = propose({"poll_s": 600, "soak_s": 3 * DAY, "deadlines": {"waiting": 30 * DAY}}, FLEET)
    assert (plan.poll_s, plan.silent_s, plan.install_deadline_s) == (600, 1800, 4 * 600 + 1800)
    assert plan.deadlines.booted > 3 * DAY
    assert plan.deadlines.waiting == 30 * DAY
    assert propose({"silent_s": 9 * HOUR}, FLEET).install_deadline_s == 9 * HOUR
    assert propose({"poll_s": DAY}, FLEET).deadlines.offered == 8 * DAY


def test_held_back_follows_the_waves() -> None:
    assert propose({"waves": [1, 10, 50, 90]}, FLEET).held_back == 10
    assert propose({"waves": [50]}, FLEET).held_back == 20
    assert propose({"waves": [100], "urgent": True}, FLEET).held_back == 0


def test_a_rollback_holds_nobody_back() -> None:
    plan = propose({}, Ground(devices=115, rollback=True))
    assert (plan.waves, plan.held_back, plan.comparison, plan.remainder, plan.rollback) == (
        (100,),
        0,
        False,
        False,
        True,
    )


@pytest.mark.parametrize(
    "ground",
    [FLEET, Ground(7), Ground(30, poll_s=60), Ground(501, first=True), Ground(5, rollback=True), Ground(9, poll_s=DAY)],
)
def test_a_frozen_plan_comes_back_as_it_was(ground: Ground) -> None:
    plan = propose({"on_inconclusive": "go"}, ground)
    written = json.loads(json.dumps(to_json(plan)))
    assert from_json(written) == plan
    assert plan.on_inconclusive is OnInconclusive.GO


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"wavez": [5]}, "The plan has no 'wavez'; did you mean 'waves'?"),
        ({"soak-s": 5}, "did you mean 'soak_s'?"),
        ({"deadlines": {"ofered": 5}}, "The plan's deadlines has no 'ofered'; did you mean 'offered'?"),
        ({"soak_s": "1d"}, "soak_s is '1d'; expected a number."),
        ({"soak_s": True}, "soak_s is True; expected a number."),
        ({"soak_s": float("nan")}, "soak_s is nan; expected a number."),
        ({"attempts": 1.5}, "attempts is 1.5; expected a whole number."),
        ({"attempts": True}, "attempts is True; expected a whole number."),
        ({"urgent": 1}, "urgent is 1; expected true or false."),
        ({"waves": 5}, "waves is 5; expected a list."),
        ({"waves": "5"}, "waves is '5'; expected a list."),
        ({"waves": ["5"]}, "waves is '5'; expected a number."),
        ({"deadlines": 5}, "deadlines is 5; expected a table."),
        ({"on_stop": "panic"}, "on_stop is 'panic'; expected rollback or stop."),
        ({"alpha": 0.9}, "alpha is 0.9; expected 1e-06 to 0.5."),
        ({"waves": []}, "waves are none; expected 1 to 20 rising shares"),
        ({"waves": [5, 5]}, "waves are 5, 5; expected 1 to 20 rising shares"),
        ({"waves": [0, 50]}, "expected 1 to 20 rising shares"),
        ({"waves": [50, 101]}, "at most 100"),
        ({"waves": [50, 95]}, "waves reach 95 % and 10 % are held back"),
        ({"held_back": 5}, "expected at least 10 % held back"),
        ({"held_back": 30}, "waves reach 80 % and 30 % are held back"),
        ({"silent_s": HOUR}, "expected at least two polls"),
        ({"install_deadline_s": HOUR}, "expected at least silent_s"),
        ({"deadlines": {"booted": HOUR}}, "else nothing is ever confirmed"),
        ({"deadlines": {"offered": 0}}, "deadlines.offered is 0"),
    ],
)
def test_what_is_wrong_is_said(values: dict[str, Any], text: str) -> None:
    with pytest.raises(PlanError) as error:
        propose(values, FLEET)
    assert text in str(error.value)


def test_a_frozen_plan_lacks_nothing() -> None:
    written = to_json(propose({}, FLEET))
    del written["soak_s"], written["deadlines"]["booted"]
    with pytest.raises(PlanError, match=r"lacks soak_s, deadlines\.booted;"):
        from_json(written)


@given(st.dictionaries(st.sampled_from([f.name for f in fields(Plan)] + ["x"]), st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
), max_size=4))  # fmt: skip
def test_any_json_is_a_plan_or_a_plan_error(values: dict[str, Any]) -> None:
    try:
        plan = propose(values, FLEET)
    except PlanError:
        return
    assert from_json(to_json(plan)) == plan
    assert all(value > 0 for value in asdict(plan.deadlines).values())


def test_the_verdict_takes_the_frozen_figures() -> None:
    plan = propose({}, FLEET)
    ours = ("alpha", "hold", "window_s", "silent_s", "install_deadline_s", "p0", "comparison", "tolerated")
    made = VerdictPlan(**{name: getattr(plan, name) for name in ours})
    assert made.limit == plan.limit


def test_attempts_are_bounded_and_wait_twice_as_long_each_time() -> None:
    plan = replace(propose({}, FLEET), attempts=3, back_off_s=100)
    assert next_attempt(plan, State.FAILED, 1, 1000) == 1100
    assert next_attempt(plan, State.REVERTED, 2, 1000) == 1200
    assert next_attempt(plan, State.TIMED_OUT, 3, 1000) is None
    for state in (State.DECLINED, State.CANCELLED, State.SUPERSEDED, State.CONFIRMED, State.BOOTED):
        assert next_attempt(plan, state, 1, 1000) is None


def test_installs_in_flight_are_limited() -> None:
    plan = propose({}, FLEET)
    assert [plan.in_flight(n) for n in (0, 20, 23, 24, 84, 400)] == [5, 5, 5, 6, 21, 100]


def test_what_is_said_of_a_first_release_is_not_said_again() -> None:
    plan = propose({}, Ground(100, first=True))
    assert any(said.startswith("Nobody is held back") for said in remarks(plan, 100))
    assert remarks(plan, 100, first=True) == ()


def test_remarks_say_what_is_not_seen() -> None:
    small = remarks(propose({}, Ground(7)), 7)
    assert small[0] == "With 7 devices no verdict is possible: a person opens each wave."
    assert small[1].startswith("2 devices with a bad event stop it")
    assert "Nobody is held back" in remarks(propose({}, Ground(501, first=True)), 501)[0]
    urgent = remarks(propose({"urgent": True, "waves": [50, 100]}, FLEET), 501)
    assert urgent == ("Urgent: only 0 % are held back; faults that come late will not be seen.",)
    assert remarks(propose({}, FLEET), 501) == ()


def test_check_gives_the_plan_back() -> None:
    plan = Plan(deadlines=Deadlines())
    assert check(plan) is plan
