"""The demo's last word: a program that imports nothing of ours computes the report again."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT
from dataclasses import dataclass
from pathlib import Path

from fleetloop.app.participant import die_with_parent
from fleetloop.core.errors import InputError

SHOWN = 10
"""So many wrong rows are shown; the table has all."""


class NoCheckerError(InputError):
    """The program that checks the demo is not here."""

    code = "no-checker"


@dataclass(frozen=True)
class Checked:
    """``rows``: figures computed again. ``wrong``: the rows of those that differ, or why there are none."""

    rows: int
    wrong: list[str]
    table: Path

    def told(self) -> list[str]:
        """In a line, and the wrong rows."""
        if not self.wrong:
            agree = f"{self.rows} figures computed again from the devices' own records and the API, and all agree"
            return [f"check:  {agree} ({self.table})"]
        return [f"check:  {len(self.wrong)} of {self.rows} figures are WRONG; see {self.table}", *self.wrong[:SHOWN]]


def checker(path: Path) -> Path:
    """The program. Raises `NoCheckerError`."""
    if not path.is_file():
        raise NoCheckerError(f"{path} is not here; run the demo in a checkout, or say --checker FILE")
    return path


async def check(program: Path, server: str, work: Path) -> Checked:
    """Run it on the demo's folder, against the running server."""
    table = work / "check.txt"
    with table.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(program), "--server", server, str(work), stdin=DEVNULL, stdout=out, stderr=STDOUT,
            start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()
        raise
    return _read(table, code)


def _read(table: Path, code: int) -> Checked:
    rows = [line for line in table.read_text().splitlines() if line.strip() and not line.startswith("#")]
    wrong = [line for line in rows if line.endswith(" WRONG")]
    if code and not wrong:
        wrong = [f"it ended with exit code {code}", *rows[-3:]]
    if not code and not rows:
        wrong = ["it checked nothing"]
    return Checked(len(rows), wrong, table)
