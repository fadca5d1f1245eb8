"""A rollout, a deployment and an attempt as they are kept; facts that higher rooms hear of."""

from dataclasses import dataclass
from enum import Enum

from fleetloop.core.facts import Fact
from fleetloop.rollouts.model import ENDED, Intent, Phase, Plan, State


class Sort(Enum):
    """What a rollout is for."""

    UPDATE = "update"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Rollout:
    """Bringing a release to a selection of devices. A rollback has no version of its own: each device has its target.

    ``blocked``: the sentence that says what it waits for, or how it ended. ``sight``: what its plan can see.
    ``go``: the wave a person opened by hand; ``undoes``: the stopped rollout that a rollback undoes.
    """

    id: int
    product: str
    component: str
    version: str
    kind: Sort
    undoes: int | None
    seed: str
    plan: Plan
    sight: str
    phase: Phase
    ending: str
    wave: int
    blocked: str
    held_since: float | None
    go: int
    go_by: str
    paused_by: str
    started_at: float
    started_by: str
    ended_at: float | None
    ended_counts: str = ""


def state_of(case: Rollout) -> dict[str, object]:
    """What a person's decision about it rests on."""
    return {
        "id": case.id,
        "phase": case.phase.value,
        "wave": case.wave,
        "go": case.go,
        "paused_by": case.paused_by,
    }


@dataclass(frozen=True)
class OpenWave:
    """A wave that was opened. ``booted_at``: when enough of it had booted for its soak to start."""

    rollout: int
    number: int
    kind: str
    drawn: int
    opened_at: float
    booted_at: float | None


@dataclass(frozen=True)
class Member:
    """A device of the selection: its artifact in this rollout, and its version when it was enrolled."""

    device: str
    revision: str
    version: str
    artifact: int
    since_wave: int = 0


@dataclass(frozen=True)
class Deployment:
    """One device in one rollout. ``version``: its target; ``previous``: what it ran when it was drawn."""

    id: int
    rollout: int
    device: str
    component: str
    wave: int
    artifact: int
    version: str
    previous: str
    state: State
    intent: Intent
    since: float
    booted_at: float | None
    healthy_since: float | None
    weak: bool
    hurt: bool
    open: bool

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.state in ENDED


@dataclass(frozen=True)
class Attempt:
    """One try of a deployment; ``id`` is the DDI action id."""

    id: int
    deployment: int
    device: str
    number: int
    made_at: float
    handed_at: float | None
    closed_at: float | None
    cancel_asked_at: float | None
    downloads: int


@dataclass(frozen=True)
class Entry:
    """A line of "What happened"."""

    at: float
    kind: str
    title: str
    text: str


@dataclass(frozen=True)
class RolloutStarted(Fact):
    """A rollout was started."""

    rollout: int
    product: str
    version: str
    kind: str


@dataclass(frozen=True)
class WaveOpened(Fact):
    """A wave was opened and its devices drawn."""

    rollout: int
    number: int
    drawn: int


@dataclass(frozen=True)
class RolloutStopped(Fact):
    """Nobody is handed the release any more. ``by``: ``verdict``, or the account of a person."""

    rollout: int
    product: str
    version: str
    by: str
    sentence: str


@dataclass(frozen=True)
class RolloutEnded(Fact):
    """A rollout came to its end by itself or by a person's word."""

    rollout: int
    product: str
    version: str
    phase: str


@dataclass(frozen=True)
class DeviceConfirmed(Fact):
    """A device booted the version, said so, and stayed healthy for the soak."""

    rollout: int
    device: str
    version: str


@dataclass(frozen=True)
class WentSilent(Fact):
    """A device was not heard of for longer than its rollout allows. ``since``: its last contact."""

    device: str
    since: float
