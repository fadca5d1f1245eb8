"""The frame of the command line: what a room's ``cli.py`` lists, and how a command shows what it found.

    COMMANDS = (Command("device", "add", "Add a device and print its token once.", add, arguments=…),)

One document or table on stdout, everything else on stderr. Nothing heavy is imported before a command runs.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from rich.progress import Progress

    from fleetloop.core.client import Client

EXIT_CODES = {
    0: "it is done",
    1: "it failed",
    2: "the command line is wrong",
    3: "waited as long as was asked, or cancelled",
    4: "not logged in, or not allowed to",
    5: "the rollout that was waited for failed or was stopped",
    130: "Ctrl-C",
}


TIMES = frozenset({"since", "last_contact", "held_since"})
EARLIEST = 1e8
"""A number below is no time of ours."""
SPANS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Output:
    """Where a command shows things. ``json``: one document instead of a table."""

    def __init__(self, *, json_wanted: bool = False, server: str = "", token: str = "") -> None:
        self.json = json_wanted
        self.server = server
        self._token = token

    def show(self, value: object, columns: Sequence[str] = (), empty: str = "none") -> None:
        """Print a document: an object as key and value, a list of objects as a table of ``columns``."""
        plain = _timed(_plain(value), "", iso=self.json)
        if self.json:
            print(json.dumps(plain, indent=2, ensure_ascii=False))
        elif isinstance(plain, list):
            rows = cast("list[dict[str, Any]]", plain)
            print(table(rows, columns or (list(rows[0]) if rows else ())) if rows else empty)
        elif isinstance(plain, dict):
            facts = cast("dict[str, Any]", plain)
            wide = max((len(k) for k in facts), default=0)
            for key, word in facts.items():
                print(f"{key:<{wide}}  {_word(word)}")
        else:
            print(plain)

    def note(self, text: str) -> None:
        """A line for the person, on stderr."""
        print(text, file=sys.stderr, flush=True)

    def progress(self) -> "AbstractContextManager[Progress]":
        """A progress bar on stderr; silent when stderr is not a terminal."""
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        return Progress(console=console, transient=True, disable=not console.is_terminal)

    def client(self) -> "Client":
        """The server this command speaks to, logged in if we are."""
        from fleetloop.core.client import Client

        return Client.configured(self.server, self._token)


@dataclass(frozen=True)
class Command:
    """``fleetloop NOUN VERB``; a command without a noun has ``noun=""``. ``run`` returns an exit code or None for 0."""

    noun: str
    verb: str
    help: str
    run: Callable[[argparse.Namespace, Output], int | None]
    arguments: Callable[[argparse.ArgumentParser], None] | None = None
    examples: tuple[str, ...] = ()


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """``rows`` in aligned columns; the last one is cut to the terminal's width when there is a terminal."""
    cells = [[c.replace("_", " ").upper() for c in columns], *([_word(r.get(c)) for c in columns] for r in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    limit = os.get_terminal_size().columns if sys.stdout.isatty() else 1 << 20
    return "\n".join(line[:limit] for line in lines)


def _timed(value: Any, key: str, *, iso: bool) -> Any:
    """Times (seconds since 1970, by the name of their key) as ISO 8601 in documents, relative in tables."""
    if isinstance(value, dict):
        return {k: _timed(v, k, iso=iso) for k, v in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_timed(v, key, iso=iso) for v in cast("list[Any]", value)]
    timely = key == "at" or key in TIMES or key.endswith("_at")
    if not timely or not isinstance(value, float) or value < EARLIEST:
        return value
    return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z") if iso else _ago(value)


def _ago(at: float) -> str:
    seconds = time.time() - at
    size, word = next((s, w) for s, w in SPANS if abs(seconds) >= s or s == 1)
    text = f"{abs(seconds) / size:.0f} {word}"
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "-" if value is None else str(value)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(v) for v in cast("Sequence[object]", value)]
    return value
