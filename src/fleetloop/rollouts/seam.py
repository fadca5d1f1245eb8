"""What a gate must be: one file in ``gates/``; its file name is its name in `GATES` and in the record."""

from typing import Protocol

from fleetloop.rollouts.model import Answer, Facts

GATES = ("approval", "pause", "soak", "confirmed", "flight", "evidence", "person")
"""In the order they are asked: the first that is shut says what the rollout waits for."""


class Gate(Protocol):
    """A condition a wave must meet before it opens.

    The same facts get the same answer, whatever was asked before. A shut gate always says why, in a sentence that
    names what waits, for what, and until when if time decides. It raises nothing and reads no clock.
    """

    def decide(self, facts: Facts) -> Answer:
        """Open or shut for wave ``facts.number``."""
        ...
