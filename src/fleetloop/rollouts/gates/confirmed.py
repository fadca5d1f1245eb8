"""Confirmed: of the last wave's drawn devices enough must be confirmed, by what they show, not by what they report."""

from math import ceil

from fleetloop.rollouts.model import Answer, Decider, Facts, Open, Shut
from fleetloop.rollouts.seam import Gate
from fleetloop.rollouts.words import most

SLACK = 1e-9


class Confirmed:
    """Shut while the last wave has too few confirmed devices.

    While those that are missing can still be confirmed it waits for them; when too many have ended, a person decides.
    """

    def decide(self, facts: Facts) -> Answer:
        """Says the counts, and who decides."""
        last = facts.last
        if last is None:
            return Open()
        tally = last.tally
        needed = ceil(facts.plan.confirmed_share * tally.drawn - SLACK)
        counts = f"{most(tally.confirmed, tally.drawn)} confirmed"
        if tally.confirmed >= needed:
            return Open(counts)
        if facts.opened_by:
            return Open(f"{counts}, opened by {facts.opened_by} all the same")
        if tally.drawn - tally.ended >= needed:
            return Shut(f"{facts.title} waits for wave {last.number} to be confirmed: {counts}, {needed:,} needed.")
        ended = f"{counts} in wave {last.number}, {needed:,} needed, and {tally.ended:,} have ended otherwise"
        return Shut(f"{facts.title} waits: {ended}. A person decides.", None, Decider.PERSON)


plug: type[Gate] = Confirmed
