"""What comes next for a whole rollout: values in, one step out.

    step = onward(Standing(phase=Phase.RUNNING, facts=facts, answer=ask(gates, facts), …))

A stop by the verdict or by a person is not decided here: it comes before everything, at any time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fleetloop.rollouts.model import (
    OVER,
    Action,
    Answer,
    Decider,
    Facts,
    OnInconclusive,
    Open,
    Phase,
    Shut,
    Step,
)
from fleetloop.rollouts.seam import Gate
from fleetloop.rollouts.words import most

LEFT = "A person left it at that."


@dataclass(frozen=True)
class Standing:
    """All that decides the next step, beside the gates' answer."""

    phase: Phase
    facts: Facts
    answer: Answer
    """Of the gates, for wave ``facts.number``."""
    good_enough: str = ""
    """Health's sentence if the release is good enough by now; else empty."""
    inconclusive: str = "Inconclusive: nothing was seen."
    """Health's sentence for the case that it is not."""
    left: int = 0
    """Held-back devices that the remainder wave would take."""
    unsettled: int = 0
    """Drawn devices neither confirmed nor ended."""
    drawn: int = 0
    decision: bool | None = None
    """What a person who was asked said: go on with what waits, or leave it at that."""


def ask(gates: Iterable[Gate], facts: Facts) -> Answer:
    """The first shut gate's answer; if all are open, their reasons in one sentence."""
    because: list[str] = []
    for gate in gates:
        answer = gate.decide(facts)
        if isinstance(answer, Shut):
            return answer
        because += [answer.because] if answer.because else []
    return Open(", ".join(because))


def onward(standing: Standing) -> Step:
    """What the runner does now. A rollout that is over stays as it is."""
    if standing.phase in OVER:
        return Step(standing.phase, Action.WAIT, standing.phase.value.capitalize() + ".")
    if standing.phase is Phase.REMAINDER:
        return _remainder(standing)
    if standing.facts.plan.rollback and standing.facts.last is not None:
        return _rollback(standing)
    if isinstance(standing.answer, Shut):
        return _shut(standing, standing.answer)
    if standing.facts.number <= len(standing.facts.plan.waves):
        return Step(Phase.RUNNING, Action.OPEN, _opened(standing, standing.answer))
    return _end(standing)


def _shut(standing: Standing, answer: Shut) -> Step:
    asking = answer.decider is Decider.PERSON
    if asking and standing.decision is False:
        return Step(Phase.INCONCLUSIVE, Action.FINISH, f"{standing.facts.title} was not opened. {LEFT}")
    phase, action = (Phase.ASKING, Action.ASK) if asking else (Phase.RUNNING, Action.WAIT)
    return Step(phase, action, answer.sentence, answer.until)


def _opened(standing: Standing, answer: Open) -> str:
    by = f"by {standing.facts.opened_by}" if standing.facts.opened_by else "by itself"
    return f"{standing.facts.title} opened {by}" + (f": {answer.because}." if answer.because else ".")


def _end(standing: Standing) -> Step:
    """The last soak is over: a finding, then the held-back."""
    if standing.good_enough:
        return _conclude(standing, Phase.GOOD_ENOUGH, standing.good_enough)
    if standing.decision is False:
        return Step(Phase.INCONCLUSIVE, Action.FINISH, f"{standing.inconclusive} {LEFT}")
    go = standing.decision or standing.facts.plan.on_inconclusive is OnInconclusive.GO
    if go or not (standing.facts.plan.remainder and standing.left):
        return _conclude(standing, Phase.INCONCLUSIVE, standing.inconclusive)
    waits = f"{standing.left:,} held-back devices wait: a person decides whether they get it"
    return Step(Phase.ASKING, Action.ASK, f"{standing.inconclusive} {waits}.")


def _conclude(standing: Standing, phase: Phase, finding: str) -> Step:
    if standing.facts.plan.remainder and standing.left:
        follow = f"The {standing.left:,} held-back devices follow."
        return Step(Phase.REMAINDER, Action.OPEN_REMAINDER, f"{finding} {follow}")
    if standing.unsettled:
        return Step(Phase.RUNNING, Action.WAIT, f"{finding} {_settling(standing)}")
    return Step(phase, Action.FINISH, finding)


def _remainder(standing: Standing) -> Step:
    if standing.unsettled:
        return Step(Phase.REMAINDER, Action.WAIT, _settling(standing))
    return replace(_finding(standing), action=Action.FINISH)


def _finding(standing: Standing) -> Step:
    if standing.good_enough:
        return Step(Phase.GOOD_ENOUGH, Action.WAIT, standing.good_enough)
    return Step(Phase.INCONCLUSIVE, Action.WAIT, standing.inconclusive)


def _rollback(standing: Standing) -> Step:
    if standing.unsettled:
        return Step(Phase.RUNNING, Action.WAIT, _settling(standing))
    return Step(Phase.ROLLED_BACK, Action.FINISH, f"All {standing.drawn:,} devices of the rollback are settled.")


def _settling(standing: Standing) -> str:
    if standing.facts.paused_by:
        return f"Paused by {standing.facts.paused_by}: nobody is handed the release until it is resumed."
    settled = most(standing.drawn - standing.unsettled, standing.drawn)
    return f"{settled} drawn devices are settled; the others wait for their soak or their deadline."
