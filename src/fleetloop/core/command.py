"""The frame of the command line: what a room's ``cli.py`` lists, and how a command shows what it found.

    COMMANDS = (Command("device", "add", "Add a device and print its token once.", add, arguments=…),)

One document or table on stdout, everything else on stderr. Nothing heavy is imported before a command runs.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, is_dataclass
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


class Output:
    """Where a command shows things. ``json``: one document instead of a table."""

    def __init__(self, *, json_wanted: bool = False, server: str = "", token: str = "") -> None:
        self.json = json_wanted
        self.server = server
        self._token = token

    def show(self, value: object, columns: Sequence[str] = (), empty: str = "none") -> None:
        """Print a document: an object as key and value, a list of objects as a table of ``columns``."""
        plain = _plain(value)
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
