"""Evidence: E at or above ``hold`` when a wave is due shuts it out, at most ``hold_limit_s``; then a person decides."""

from fleetloop.rollouts.model import Answer, Decider, Facts, Open, Shut
from fleetloop.rollouts.seam import Gate
from fleetloop.rollouts.words import clock, span, until


class Evidence:
    """Shut while the evidence says that the release may be worse. A person can open it only when the time is over."""

    def decide(self, facts: Facts) -> Answer:
        """Begins with health's sentence; says until when at most, and who then decides."""
        if facts.evidence < facts.plan.hold:
            return Open(f"evidence {facts.evidence:.1f}") if facts.last else Open()
        since = facts.now if facts.held_since is None else facts.held_since
        end = since + facts.plan.hold_limit_s
        held = facts.held or f"Held: evidence {facts.evidence:.1f}, stops at {facts.plan.limit:g}. The next wave waits."
        if facts.now < end:
            return Shut(f"{held} At most until {until(end, facts.now)}; then a person decides.", end)
        if facts.opened_by:
            return Open(f"evidence {facts.evidence:.1f}, opened by {facts.opened_by} after the longest hold")
        over = f"Held since {clock(since, facts.now)}, the longest hold of {span(facts.plan.hold_limit_s)} is over"
        return Shut(f"{held} {over}: a person decides.", None, Decider.PERSON)


plug: type[Gate] = Evidence
