"""What the gateway remembers of one device's life: boots, crashes, reports, failed contacts. JSON lines at the end.

Lists keep the newest `MOST` entries; ``counts`` has the totals. Times are those of the conductor, or real ones.
"""

import json
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

MOST = 500


@dataclass
class Boot:
    """One start, as the board told it. ``hash`` names the image that runs (hexadecimal), "" if it is not known."""

    at: float
    boot: int
    id: str
    version: str
    reset: str
    hash: str


@dataclass(frozen=True)
class Crash:
    """One reset by fault or watchdog. ``up``: seconds it had run; ``fault``: the board's word for the reset."""

    at: float
    version: str
    up: int
    fault: str
    boot: int


@dataclass
class Said:
    """One report. ``n`` counts the reports of an action; ``answered`` is the last status, None while it is unheard.

    ``acknowledged``: when the server had answered that it is kept, or that the action is over.
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


@dataclass(frozen=True)
class Failure:
    """A contact that did not get through. ``why``: server away, board silent, or what the server answered."""

    at: float
    why: str


Entry = Boot | Crash | Said | Failure
NAMES: dict[type[Entry], str] = {Boot: "boots", Crash: "crashes", Said: "reports", Failure: "failures"}


@dataclass
class Record:
    """One device's own record. ``board``: qemu or host process; ``clock``: stepped or scale N."""

    device: str
    board: str
    clock: str
    revision: str = ""
    entries: dict[str, deque[Entry]] = field(default_factory=lambda: {n: deque(maxlen=MOST) for n in NAMES.values()})
    counts: Counter[str] = field(default_factory=Counter)

    def keep(self, entry: Entry) -> None:
        """Add one entry."""
        name = NAMES[type(entry)]
        self.entries[name].append(entry)
        self.counts[name] += 1

    def document(self) -> dict[str, object]:
        """The record as JSON values."""
        lists = {name: [asdict(entry) for entry in kept] for name, kept in self.entries.items()}
        return {
            "device": self.device,
            "revision": self.revision,
            "board": self.board,
            "clock": self.clock,
            **lists,
            "counts": dict(sorted(self.counts.items())),
        }


def write(records: Iterable[Record], path: Path) -> None:
    """One line a device."""
    path.write_text("".join(json.dumps(record.document(), sort_keys=True) + "\n" for record in records))
