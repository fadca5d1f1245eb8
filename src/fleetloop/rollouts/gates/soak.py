"""Soak: the last wave boots, then it is watched for ``soak_s``. A person may open the wave once it has booted."""

from fleetloop.rollouts.model import Answer, Facts, Open, Shut, Wave
from fleetloop.rollouts.seam import Gate
from fleetloop.rollouts.waves import booted_needed
from fleetloop.rollouts.words import most, until


class Soak:
    """Shut until the last wave has booted and its soak is over."""

    def decide(self, facts: Facts) -> Answer:
        """``until`` is the soak's end; before the soak it is the earliest end there can be."""
        last = facts.last
        if last is None:
            return Open()
        since = last.soaking_since
        due = (facts.now if since is None else since) + facts.plan.soak_s
        if since is not None and due <= facts.now:
            return Open("soak over")
        if since is not None and facts.opened_by:
            return Open(f"before the end of the soak, by {facts.opened_by}")
        waits = f"{facts.title} waits for wave {last.number} to boot and soak: not before {until(due, facts.now)}"
        return Shut(f"{waits}{_missing(facts, last)}.", due if due > facts.now else None)


def _missing(facts: Facts, last: Wave) -> str:
    if last.soaking_since is not None:
        return ""
    tally = last.tally
    needed = booted_needed(facts.plan, tally.drawn)
    return f"; {most(tally.booted, tally.drawn)} booted, the soak starts at {needed:,}"


plug: type[Gate] = Soak
