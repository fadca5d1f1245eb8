"""An incident: so far one line with its evidence, opened by the verdict."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Incident:
    """What went wrong. ``revision``: the hardware revision the evidence points to, empty if to none alone.

    ``restored_at``: when the rollback was done; ``fixed_by``: the release that then reached everybody.
    """

    id: int
    rollout: int
    product: str
    version: str
    revision: str
    commit: str
    subject: str
    sentence: str
    evidence: float
    first_event_at: float | None
    opened_at: float
    restored_at: float | None
    fixed_by: str
    fixed_at: float | None
    devices: tuple[str, ...]
