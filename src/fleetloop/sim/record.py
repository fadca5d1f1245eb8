"""What one device remembers of its life, in virtual time: the checker of a story reads this and the public API.

Lists keep the newest `MOST` entries; ``counts`` has the totals.
"""

from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

MOST = 500


@dataclass(frozen=True, slots=True)
class Boot:
    """One start. ``reset``: power, software, fault, watchdog or trial-over."""

    at: float
    boot: int
    id: str
    version: str
    reset: str


@dataclass(frozen=True, slots=True)
class Crash:
    """One fault of the release's own code. ``up``: seconds it had run; ``at``: the second it ended in."""

    at: float
    version: str
    up: int
    fault: str
    boot: int


@dataclass(slots=True)
class Said:
    """One report. ``n`` counts the reports of an action; ``answered`` is the last status, None while it is unheard.

    ``acknowledged``: virtual time at which the server had answered that it is kept, or that the action is over.
    """

    action: str
    n: int
    at: float
    execution: str
    finished: str
    details: tuple[str, ...]
    on_cancel: bool = False
    answered: int | None = None
    acknowledged: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A contact that did not get through. ``why``: radio, server away, or the status that ended it."""

    at: float
    why: str


@dataclass(slots=True)
class Record:
    """One device's own record."""

    device: str
    revision: str
    boots: deque[Boot] = field(default_factory=lambda: deque[Boot](maxlen=MOST))
    crashes: deque[Crash] = field(default_factory=lambda: deque[Crash](maxlen=MOST))
    reports: deque[Said] = field(default_factory=lambda: deque[Said](maxlen=MOST))
    failures: deque[Failure] = field(default_factory=lambda: deque[Failure](maxlen=MOST))
    counts: Counter[str] = field(default_factory=Counter[str])
    repeats: int = 0
    """Contacts begun again in the same instant: real time, differs from run to run."""

    def keep(self, entry: Boot | Crash | Said | Failure) -> None:
        """Add one entry."""
        name, kept = self._shelf(entry)
        kept.append(entry)
        self.counts[name] += 1

    def _shelf(self, entry: Boot | Crash | Said | Failure) -> tuple[str, deque[Any]]:
        match entry:
            case Boot():
                return "boots", self.boots
            case Crash():
                return "crashes", self.crashes
            case Said():
                return "reports", self.reports
            case Failure():
                return "failures", self.failures

    def document(self) -> dict[str, object]:
        """The record as JSON values, the same for the same life."""
        lists: dict[str, deque[Any]] = {
            "boots": self.boots,
            "crashes": self.crashes,
            "reports": self.reports,
            "failures": self.failures,
        }
        return {
            "device": self.device,
            "revision": self.revision,
            **{name: [asdict(entry) for entry in kept] for name, kept in lists.items()},
            "counts": dict(sorted(self.counts.items())),
        }
