"""Pause: a person paused the rollout; nothing opens until a person resumes it."""

from fleetloop.rollouts.model import Answer, Decider, Facts, Open, Shut
from fleetloop.rollouts.seam import Gate


class Pause:
    """Shut while somebody's pause stands."""

    def decide(self, facts: Facts) -> Answer:
        """Names who paused."""
        if not facts.paused_by:
            return Open()
        title = facts.title[0].lower() + facts.title[1:]
        return Shut(f"Paused by {facts.paused_by}: {title} waits until it is resumed.", decider=Decider.PERSON)


plug: type[Gate] = Pause
