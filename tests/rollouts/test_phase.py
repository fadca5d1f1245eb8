from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleetloop.rollouts.model import OVER, Action, Decider, Facts, Open, Phase, Shut, Tally, Wave
from fleetloop.rollouts.phase import Standing, onward
from fleetloop.rollouts.plan import Ground, propose

PLAN = propose({}, Ground(500))
LAST = Wave(4, 0, Tally(150, 150, 150, 150, 0), 0)
OPENED = Standing(Phase.RUNNING, Facts(PLAN, 9e5, 5, LAST), Open("soak over, evidence 0.8"), left=100, drawn=400)
GOOD = "Good enough: below 1 bad event per 100 device-days, up to 36 hours after booting."
NOTHING = "Inconclusive: this rollout could have shown × 3 and worse; nothing of that size was seen."


def test_a_wave_that_is_due_opens_by_itself_and_says_on_what() -> None:
    step = onward(replace(OPENED, facts=replace(OPENED.facts, number=3)))
    assert (step.phase, step.action) == (Phase.RUNNING, Action.OPEN)
    assert step.sentence == "Wave 3 opened by itself: soak over, evidence 0.8."
    by_hand = onward(replace(OPENED, facts=replace(OPENED.facts, number=1, opened_by="op"), answer=Open()))
    assert by_hand.sentence == "Wave 1 opened by op."


def test_a_shut_gate_is_the_blocking_condition() -> None:
    step = onward(replace(OPENED, answer=Shut("Wave 3 waits.", 77.0)))
    assert (step.phase, step.action, step.sentence, step.until) == (Phase.RUNNING, Action.WAIT, "Wave 3 waits.", 77.0)
    step = onward(replace(OPENED, answer=Shut("A person decides.", None, Decider.PERSON)))
    assert (step.phase, step.action) == (Phase.ASKING, Action.ASK)


def test_good_enough_updates_the_held_back_and_finishes() -> None:
    step = onward(replace(OPENED, good_enough=GOOD))
    assert (step.phase, step.action) == (Phase.REMAINDER, Action.OPEN_REMAINDER)
    assert step.sentence == f"{GOOD} The 100 held-back devices follow."
    under_way = replace(OPENED, phase=Phase.REMAINDER, good_enough=GOOD, left=0, drawn=500, unsettled=20)
    assert onward(under_way).action is Action.WAIT
    assert onward(under_way).sentence.startswith("480 of 500 drawn devices are settled")
    step = onward(replace(under_way, unsettled=0))
    assert (step.phase, step.action, step.sentence) == (Phase.GOOD_ENOUGH, Action.FINISH, GOOD)


def test_inconclusive_asks_a_person() -> None:
    step = onward(replace(OPENED, inconclusive=NOTHING))
    assert (step.phase, step.action) == (Phase.ASKING, Action.ASK)
    assert step.sentence == f"{NOTHING} 100 held-back devices wait: a person decides whether they get it."
    assert onward(replace(OPENED, phase=Phase.ASKING, decision=True)).action is Action.OPEN_REMAINDER
    step = onward(replace(OPENED, phase=Phase.ASKING, decision=False))
    assert (step.phase, step.action) == (Phase.INCONCLUSIVE, Action.FINISH)


def test_inconclusive_goes_on_where_the_plan_says_so() -> None:
    plan = propose({"on_inconclusive": "go"}, Ground(500))
    step = onward(replace(OPENED, facts=replace(OPENED.facts, plan=plan)))
    assert (step.phase, step.action) == (Phase.REMAINDER, Action.OPEN_REMAINDER)


def test_good_enough_while_a_person_is_asked_goes_on_by_itself() -> None:
    assert onward(replace(OPENED, phase=Phase.ASKING, good_enough=GOOD)).action is Action.OPEN_REMAINDER


def test_a_first_release_has_nobody_left_to_ask_for() -> None:
    plan = propose({}, Ground(500, first=True))
    standing = Standing(Phase.RUNNING, Facts(plan, 9e5, 3, replace(LAST, number=2)), Open(), drawn=500, unsettled=3)
    assert (onward(standing).phase, onward(standing).action) == (Phase.RUNNING, Action.WAIT)
    done = onward(replace(standing, unsettled=0, good_enough=GOOD))
    assert (done.phase, done.action) == (Phase.GOOD_ENOUGH, Action.FINISH)
    assert onward(replace(standing, unsettled=0)).phase is Phase.INCONCLUSIVE


def test_a_rollback_is_done_when_all_are_settled() -> None:
    plan = propose({}, Ground(115, rollback=True))
    first = Standing(Phase.RUNNING, Facts(plan, 0, 1), Open(), drawn=0)
    assert onward(first).action is Action.OPEN
    under_way = Standing(Phase.RUNNING, Facts(plan, 0, 2, LAST), Shut("x."), drawn=115, unsettled=74)
    assert onward(under_way).sentence.startswith("41 of 115 drawn devices are settled")
    paused = replace(under_way, facts=replace(under_way.facts, paused_by="op"))
    assert onward(paused).sentence == "Paused by op: nobody is handed the release until it is resumed."
    assert onward(replace(under_way, unsettled=0)).phase is Phase.ROLLED_BACK


standings = st.builds(
    Standing,
    phase=st.sampled_from(Phase),
    facts=st.builds(
        Facts,
        plan=st.sampled_from(
            [
                PLAN,
                propose({}, Ground(9, first=True)),
                propose({}, Ground(9, rollback=True)),
                propose({"remainder": False}, Ground(99)),
            ]
        ),
        now=st.just(9e5),
        number=st.integers(1, 5),
        last=st.sampled_from([None, LAST]),
        paused_by=st.sampled_from(["", "op"]),
    ),
    answer=st.sampled_from([Open(), Open("soak over"), Shut("It waits."), Shut("It waits.", None, Decider.PERSON)]),
    good_enough=st.sampled_from(["", GOOD]),
    left=st.integers(0, 3),
    unsettled=st.integers(0, 3),
    drawn=st.integers(3, 9),
    decision=st.sampled_from([None, True, False]),
)


@given(standings)
def test_what_is_over_stays_over_and_every_step_says_why(standing: Standing) -> None:
    step = onward(standing)
    assert step == onward(standing)
    assert step.sentence.endswith(".")
    if standing.phase in OVER:
        assert (step.phase, step.action) == (standing.phase, Action.WAIT)
    elif step.phase in OVER:
        assert step.action is Action.FINISH
        assert not standing.unsettled or standing.decision is False
    assert (step.action is Action.ASK) == (step.phase is Phase.ASKING)
    if isinstance(standing.answer, Shut) and standing.phase is not Phase.REMAINDER:
        assert step.action not in (Action.OPEN, Action.OPEN_REMAINDER)
    if step.action is Action.OPEN_REMAINDER:
        assert standing.left > 0
        assert standing.facts.plan.remainder
