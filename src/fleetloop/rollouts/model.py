"""Nouns of rollouts: a deployment's states, what may happen to it, the frozen plan, and what gates are told.

Times are seconds of the serving clock; durations end in ``_s``; shares of a fleet are per cent, other shares 0 to 1.
"""

from dataclasses import dataclass, field
from enum import Enum

from fleetloop.core.clock import DAY, HOUR
from fleetloop.wire import Outcome


class State(Enum):
    """Where one attempt of a deployment stands. The order is the way of a good one; the last six are ends."""

    WAITING = "waiting"
    OFFERED = "offered"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLING = "installing"
    INSTALLED = "installed"
    BOOTED = "booted"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    REVERTED = "reverted"
    TIMED_OUT = "timed_out"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


ENDED = frozenset(State) - set(list(State)[:7])
"""confirmed, and the six ends that are not what was wanted."""
HANDED = frozenset(list(State)[1:7])
"""The device has it and the attempt is not over: offered to booted."""
PENDING = HANDED - {State.BOOTED}
"""Handed, neither booted nor over: an install in flight."""


class Intent(Enum):
    """What the house wants of a deployment, beside its state. From `State.INSTALLED` on only RUN means anything."""

    RUN = "run"
    HOLD = "hold"
    """Approval, consent not given yet, window, pause: not offered for now."""
    DENIED = "hold: consent denied"
    """Like HOLD; its deadline makes it declined."""
    SOFT = "cancel, soft"
    """The device is asked to cancel and may refuse; then it runs on."""
    HARD = "cancel, hard"
    """The device is asked too, but a refusal changes nothing: it is never offered again and its deadline cancels it."""


class Event(Enum):
    """All that can happen to a deployment."""

    HANDED = "handed to the device"
    DOWNLOAD_BEGUN = "first byte served"
    SERVED = "last byte served"
    SAID_PROCEEDING = "report: proceeding"
    SAID_DOWNLOAD = "report: download"
    SAID_DOWNLOADED = "report: downloaded"
    SAID_SUCCESS = "report: closed, success or none"
    SAID_FAILURE = "report: closed, failure"
    SAID_REJECTED = "report: rejected"
    SAID_CANCELED = "report: canceled"
    SAID_RESUMED = "report: resumed"
    SAID_SCHEDULED = "report: scheduled"
    ANSWER_SUCCESS = "cancel report: closed, success or none"
    ANSWER_FAILURE = "cancel report: closed, failure"
    ANSWER_REJECTED = "cancel report: rejected"
    ANSWER_CANCELED = "cancel report: canceled"
    ANSWER_OTHER = "cancel report: anything else"
    SEEN_TARGET = "version seen: the release"
    SEEN_OLD = "version seen: the old one"
    """Without proof that the device started again since its install report (clients without a boot id)."""
    BOOTED_OLD = "version seen: the old one, in a new boot"
    """The boot id differs from the one it had when it reported the install."""
    SEEN_OTHER = "version seen: neither"
    """A version nobody shipped, or one of another rollout."""
    CAME_BACK = "came back after the install, cannot tell its version"
    BAD_IN_WINDOW = "bad event within the window"
    BAD_EVENT = "bad event after the window"
    HEALTHY = "healthy for the soak"
    DEADLINE = "deadline of the state"
    DEADLINE_OLD = "deadline, last seen on the old version"
    """As DEADLINE; the last version the device showed since its install report was the old one."""
    INSTALL_DUE = "install deadline of the guard"
    """``install_deadline_s`` after it was handed."""
    CANCEL_SOFT = "cancel, soft"
    CANCEL_HARD = "cancel, hard"
    FORCE_QUIT = "force quit"
    """End it now; the device is not asked."""
    STOP = "rollout stopped"
    SUPERSEDED = "a newer rollout takes the device"
    HOLD = "hold"
    RELEASE = "hold released, or consent given"
    CONSENT_DENIED = "consent denied"
    REJECTED_TOO_OFTEN = "rejected too often"
    BUDGET_SPENT = "download budget spent"
    RETIRED = "device retired"


class Effect(Enum):
    """What a change asks for besides its state. The guard reads only what happens until W after the handing."""

    STARTED = "guard: started"
    BOOTED = "guard: booted"
    FAILED = "guard: failed"
    STRIKE = "counts as a rejection"
    WEAK = "weak evidence"
    SOAK_AGAIN = "soak starts again"


@dataclass(frozen=True, slots=True)
class Change:
    """What an event makes of a deployment. ``moved``: state or intent is another one than before."""

    state: State
    intent: Intent
    moved: bool = False
    outcome: Outcome = Outcome.TAKEN
    """What the device is told, if the event is a report."""
    closed_on_wire: bool = False
    """The DDI action is over: later reports on it get OVER. Not the same as an ended deployment."""
    effects: frozenset[Effect] = frozenset()
    note: str = ""


class Duty(Enum):
    """What the next poll shows the device of this deployment."""

    NOTHING = "nothing"
    DEPLOY = "deploy"
    CANCEL = "cancel"


class OnInconclusive(Enum):
    """What happens at the end of the last soak when nothing could be shown."""

    ASK = "ask"
    GO = "go"


class OnStop(Enum):
    """What follows a stop by the verdict."""

    ROLLBACK = "rollback"
    STOP = "stop"


@dataclass(frozen=True)
class Deadlines:
    """How long a deployment may stand in a state, in seconds of the serving clock. ``cancelling``: any cancel."""

    waiting: float = 14 * DAY
    offered: float = 2 * DAY
    downloading: float = DAY
    downloaded: float = DAY
    installing: float = DAY
    installed: float = DAY
    booted: float = 5 * DAY
    cancelling: float = DAY

    def of(self, state: State, intent: Intent) -> float | None:
        """The time for ``state``; None for an ended deployment."""
        if state in ENDED:
            return None
        asked = intent in (Intent.SOFT, Intent.HARD) and state not in (State.INSTALLED, State.BOOTED)
        return float(getattr(self, "cancelling" if asked else state.value))


@dataclass(frozen=True)
class Plan:
    """All that is frozen when a rollout starts. Made by ``plan.propose``; changing it later voids the guarantee."""

    waves: tuple[float, ...] = (5.0, 25.0, 50.0, 80.0)
    """Cumulative per cent of the selection."""
    held_back: float = 20.0
    """Per cent of each revision that no wave but the remainder may take."""
    remainder: bool = True
    """Whether the held-back get the release at the end."""
    soak_s: float = DAY
    """How long a wave is watched, once it has booted, before the next one is due."""
    soak_after: float = 0.9
    """Share of a wave that must have booted before its soak starts."""
    confirmed_share: float = 0.8
    """Share of a wave's drawn devices that must be confirmed before the next wave."""
    by_hand: bool = False
    """A person opens each wave (fleets too small for a verdict)."""
    comparison: bool = True
    """False: no control group; install guard and *good enough* decide alone."""
    crash_limit: int = 0
    """That many devices with a bad event stop the rollout; 0: the verdict alone decides."""
    alpha: float = 0.05
    """The risk of stopping a release that changes nothing. E stops the rollout at 1/alpha."""
    hold: float = 1.5
    """E at or above this when a wave is due holds the wave."""
    hold_limit_s: float = 4 * DAY
    """The longest hold; then a person decides."""
    window_s: float = 2 * HOUR
    """W. What happens within it belongs to the install guard and not to the comparison."""
    p0: float = 0.05
    """Share of installs that fail anyway; what the install guard measures against."""
    tolerated: float = 0.01
    """First bad events per device-day."""
    events: tuple[str, ...] = ("crash", "self-test", "silent")
    """Kinds of bad events that the releases of both arms declare."""
    poll_s: float = HOUR
    """How often devices call; the product's, if nothing is said."""
    silent_s: float = 3 * HOUR
    """No contact for so long is a bad event."""
    install_deadline_s: float = 4.5 * HOUR
    """From handing to booting; after it the install guard counts a failed install."""
    in_flight_least: int = 5
    """Installs in flight that are always allowed, however few have booted."""
    in_flight_share: float = 0.25
    """Installs in flight: at most this share of those booted in the rollout, but ``in_flight_least`` always."""
    attempts: int = 3
    back_off_s: float = HOUR
    """Wait before the second attempt; each further one waits twice as long."""
    downloads: int = 10
    """Downloads begun (not resumed) in one attempt; one more is a loop."""
    rejections: int = 3
    """Rejections of one attempt after which it is declined."""
    on_inconclusive: OnInconclusive = OnInconclusive.ASK
    """`ask`: a person decides whether the held-back devices get it; `go`: they do."""
    on_stop: OnStop = OnStop.ROLLBACK
    """After a stop by the verdict, `rollback` or `stop`."""
    urgent: bool = False
    """May hold nobody back."""
    rollback: bool = False
    """Takes devices back: may lower a version, has no control group and no verdict."""
    deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def limit(self) -> float:
        """E at which the rollout stops."""
        return 1 / self.alpha

    def in_flight(self, booted: int) -> int:
        """Most installs in flight when ``booted`` devices of this rollout have booted."""
        return max(self.in_flight_least, int(booted * self.in_flight_share))


@dataclass(frozen=True)
class Tally:
    """Devices of one wave. ``booted``: ever booted, whatever came later; ``settled``: ended, or booted."""

    drawn: int
    booted: int
    confirmed: int
    settled: int
    ended: int


@dataclass(frozen=True)
class Wave:
    """A wave that is open. ``soaking_since``: when ``waves.soaks`` first said so, less the time nobody served."""

    number: int
    opened_at: float
    tally: Tally
    soaking_since: float | None = None


@dataclass(frozen=True)
class Facts:
    """All a gate is told before wave ``number`` opens; one more than the plan's waves is the remainder."""

    plan: Plan
    now: float
    number: int
    last: Wave | None = None
    """The wave opened last; None before the first."""
    in_flight: int = 0
    booted: int = 0
    """Devices of this rollout that ever booted."""
    evidence: float = 1.0
    """E."""
    held: str = ""
    """Health's sentence for E at or above ``hold``."""
    held_since: float | None = None
    """When this wave was first due and held."""
    needs_approval: bool = False
    paused_by: str = ""
    opened_by: str = ""
    """Who said that this wave may open."""

    @property
    def title(self) -> str:
        """What is about to open."""
        if self.number <= len(self.plan.waves):
            return f"Wave {self.number}"
        return "The remainder" if self.plan.remainder else "The end"


@dataclass(frozen=True)
class Open:
    """The gate lets the wave pass. ``because`` goes into "opened by itself: …"; empty where there is nothing to say."""

    because: str = ""


class Decider(Enum):
    """Whose turn it is."""

    ITSELF = "itself"
    PERSON = "person"


@dataclass(frozen=True)
class Shut:
    """The gate blocks. ``until``: when it is worth asking again at the earliest, if time decides."""

    sentence: str
    until: float | None = None
    decider: Decider = Decider.ITSELF


Answer = Open | Shut


class Phase(Enum):
    """Where a rollout stands."""

    RUNNING = "running"
    ASKING = "waiting for a person"
    REMAINDER = "updating the held-back"
    STOPPED = "stopped"
    GOOD_ENOUGH = "finished: good enough"
    INCONCLUSIVE = "finished: inconclusive"
    ROLLED_BACK = "rollback done"
    CANCELLED = "cancelled"


OVER = frozenset({Phase.STOPPED, Phase.GOOD_ENOUGH, Phase.INCONCLUSIVE, Phase.ROLLED_BACK, Phase.CANCELLED})
"""Phases that nothing leaves."""


class Action(Enum):
    """What the runner does now."""

    WAIT = "wait"
    OPEN = "open the next wave"
    OPEN_REMAINDER = "open the remainder wave"
    ASK = "ask a person"
    FINISH = "finish"


@dataclass(frozen=True)
class Step:
    """What comes next for a rollout, and the sentence that says why."""

    phase: Phase
    action: Action
    sentence: str
    until: float | None = None
