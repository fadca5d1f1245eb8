"""A rollout as its pages take it: numbers, instants, and the rollout's own sentences."""

from dataclasses import dataclass

from fleetloop import web

OVER = ("stopped", "finished: good enough", "finished: inconclusive", "rollback done", "cancelled")
LOOKS = {
    "running": ("booted", "booted"),
    "held": ("waiting", "waiting"),
    "paused": ("cancelled", "cancelled"),
    "waiting for a person": ("waiting", "person"),
    "updating the held-back": ("booted", "booted"),
    "stopped": ("hurt", "stop"),
    "finished: good enough": ("confirmed", "confirmed"),
    "finished: inconclusive": ("cancelled", "note"),
    "rollback done": ("confirmed", "confirmed"),
    "cancelled": ("cancelled", "cancelled"),
}
"""State class and glyph of each phase; held and paused are a running rollout's."""


@dataclass(frozen=True)
class Condition:
    """One condition of the next wave's gate."""

    name: str
    met: bool
    stands: str
    needs: str


@dataclass(frozen=True)
class HurtDevice:
    """A new device with a bad event. ``state`` and ``word``: what became of it since (`booted`, `back on 1.0.0`)."""

    device: str
    booted_at: float | None
    hurt_at: float
    uptime_s: float | None
    evidence: float | None
    state: str
    word: str


@dataclass(frozen=True)
class Rollback:
    """The rollback that undoes a stopped rollout: ``wave`` holds its devices by state."""

    id: int
    version: str
    wave: web.Wave
    over: bool = False
    sentence: str = ""


@dataclass(frozen=True)
class Enough:
    """*Good enough*: its own evidence, what is tolerated (bad events per device-day) and the age covered."""

    evidence: float
    tolerated: float
    device_days: float
    age_s: float


@dataclass(frozen=True)
class Ask:
    """A person is due: the question, what both answers are called, and what each does."""

    question: str
    go: str
    no: str
    hint: str = ""


@dataclass(frozen=True)
class Missed:
    """Why devices did not get the release: a reason and its count by revision, in the order of the comparison."""

    reason: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class RolloutShown:
    """A rollout in numbers. ``phase`` and ``sentence`` are the rollout's own words; ``until`` the earliest next wave.

    ``waves`` include those not opened, all held back; ``openings``: (at, word) of those opened, oldest first.
    ``old``: the release before, if there is one; ``plan``: what was frozen, as (name, words); ``blamed``: a revision.
    ``left``: devices that run a stopped release and have no way back.
    ``next``: what the conditions are of (`wave 3`, `the end`).
    """

    id: int
    product: str
    version: str
    phase: str
    started_at: float
    started_by: str
    waves: tuple[web.Wave, ...]
    old: str = ""
    kind: str = "update"
    wave: int = 0
    planned: int = 0
    sentence: str = ""
    detail: str = ""
    until: float | None = None
    openings: tuple[tuple[float, str], ...] = ()
    comparison: web.Comparison | None = None
    blamed: str = ""
    ended_at: float | None = None
    ended_by: str = "the verdict"
    handed_after: int = 0
    downloads_ended: int = 0
    opened_by_person: int = 0
    paused: bool = False
    silent: int = 0
    left: int = 0
    enough: Enough | None = None
    rollback: Rollback | None = None
    incident: str = ""
    hurt: tuple[HurtDevice, ...] = ()
    missed: tuple[Missed, ...] = ()
    conditions: tuple[Condition, ...] = ()
    next: str = "the next wave"
    plan: tuple[tuple[str, str], ...] = ()
    sees: str = ""
    happened: tuple[web.Happening, ...] = ()
    ask: Ask | None = None
    may_stop: bool = False
    may_decide: bool = False

    @property
    def devices(self) -> int:
        """All of the selection."""
        return sum(w.devices for w in self.waves)

    @property
    def drawn(self) -> int:
        """No longer held back."""
        return self.devices - sum(w.of("held-back") for w in self.waves)

    @property
    def over(self) -> bool:
        """Whether it can still be stopped."""
        return self.phase in OVER

    @property
    def empty_way_back(self) -> bool:
        """A rollback that took nobody."""
        return self.kind == "rollback" and not self.devices

    @property
    def look(self) -> str:
        """The key in `LOOKS`."""
        if self.paused and not self.over:
            return "paused"
        if self.phase != "running":
            return self.phase
        c = self.comparison
        return "held" if c and c.evidence >= c.hold_at else "running"
