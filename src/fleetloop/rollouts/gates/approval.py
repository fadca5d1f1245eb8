"""Approval: a rollout that needs one waits for it before its first wave."""

from fleetloop.rollouts.model import Answer, Decider, Facts, Open, Shut
from fleetloop.rollouts.seam import Gate


class Approval:
    """Shut until an approver has agreed."""

    def decide(self, facts: Facts) -> Answer:
        """Open as soon as nothing has to be approved."""
        if not facts.needs_approval:
            return Open()
        return Shut(f"{facts.title} waits for approval: an approver decides.", decider=Decider.PERSON)


plug: type[Gate] = Approval
