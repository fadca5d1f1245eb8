"""Flight: installs handed and neither booted nor failed are limited, so that a bricking installer bricks few."""

from fleetloop.rollouts.model import Answer, Facts, Open, Shut
from fleetloop.rollouts.seam import Gate


class Flight:
    """Shut while as many installs are in flight as are allowed."""

    def decide(self, facts: Facts) -> Answer:
        """Before the first wave nothing can be in flight."""
        limit = facts.plan.in_flight(facts.booted)
        if facts.in_flight < limit or facts.last is None:
            return Open()
        return Shut(
            f"{facts.title} waits for installs in flight: {facts.in_flight:,} handed and not booted, "
            f"fewer than {limit:,} needed."
        )


plug: type[Gate] = Flight
