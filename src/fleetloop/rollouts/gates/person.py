"""Person: where no verdict is possible (``by_hand``), a person opens each wave, when all other gates are open."""

from fleetloop.rollouts.model import Answer, Decider, Facts, Open, Shut
from fleetloop.rollouts.seam import Gate


class Person:
    """Shut until somebody says that this wave may open."""

    def decide(self, facts: Facts) -> Answer:
        """Names who opened it."""
        if facts.opened_by:
            return Open(f"opened by {facts.opened_by}")
        nothing_left = facts.number > len(facts.plan.waves) and not facts.plan.remainder
        if nothing_left or not facts.plan.by_hand:
            return Open()
        waits = f"{facts.title} waits for a person to open it: the fleet is too small for a verdict."
        return Shut(waits, decider=Decider.PERSON)


plug: type[Gate] = Person
