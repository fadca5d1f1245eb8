"""A participant of the conductor in a process of its own: JSON lines on its stdin and stdout.

It says ``{"next": T}`` once, then answers each ``{"from": T0, "run": T}`` with ``{"next": T1}``; so also
``{"write": true}``, at which it writes its records. ``{"failed": "…"}`` names what broke under it. It has a session of
its own, for the terminal's Ctrl-C is ours to handle, and it ends with us: by the kernel's death signal, and at the end
of its stdin.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fleetloop.core.errors import InfrastructureError

PATIENCE_S = 300.0
"""Real seconds for one instant of all its devices."""
END_S = 5.0
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


async def ended(process: Process) -> None:
    """SIGTERM; who is still there after five seconds is killed with all its group."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            os.kill(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), END_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def die_with_parent() -> None:
    """For a child between fork and exec: the kernel sends it SIGTERM when the parent ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True)
class Program:
    """What to start. ``log`` takes its stderr; ``crumb`` is a file in which it says whose code it runs."""

    name: str
    command: Sequence[str]
    log: Path | None = None
    crumb: Path | None = None


class Child:
    """A running participant; see `fleetloop.app.conductor.Participant`."""

    def __init__(self, program: Program, process: Process) -> None:
        self.name, self.next = program.name, float("inf")
        self._program, self._process = program, process

    @classmethod
    async def start(cls, program: Program) -> Self:
        """Returns when it has said when it is due first."""
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(program.log.open("ab")) if program.log else None
            process = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        child = cls(program, process)
        try:
            child.next = await child._answer()
        except BaseException:
            await child.end()
            raise
        return child

    async def run(self, since: float, to: float, *, away: bool = False) -> float:
        """Raises `InfrastructureError` when it ends, hangs, or says that something under it broke."""
        order: dict[str, object] = {"from": since, "run": to}
        await self._say(order | {"away": True} if away else order)
        self.next = await self._answer()
        return self.next

    async def write(self) -> None:
        """Let it write its records now, and go on."""
        await self._say({"write": True})
        self.next = await self._answer()

    async def end(self) -> None:
        """Let it write its records: at a word, then at SIGTERM, and after five seconds more it is killed."""
        await self._say({"end": True})
        if self._process.stdin:
            self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_S)
        await ended(self._process)

    async def _say(self, order: dict[str, object]) -> None:
        stdin = self._process.stdin
        if stdin:
            with contextlib.suppress(ConnectionError):
                stdin.write(json.dumps(order).encode() + b"\n")
                await stdin.drain()

    async def _answer(self) -> float:
        stdout = self._process.stdout
        try:
            line = await asyncio.wait_for(stdout.readline(), PATIENCE_S) if stdout else b""
        except TimeoutError as e:
            raise InfrastructureError(f"{self.name} did not finish an instant in {PATIENCE_S:g} s") from e
        if not line:
            raise InfrastructureError(await self._ended())
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise InfrastructureError(f"{self.name}: {answer['failed']}")
        return float(answer["next"])

    async def _ended(self) -> str:
        code = await self._process.wait()
        log = f"; see {self._program.log}" if self._program.log else ""
        if code >= 0:
            return f"{self.name} ended by itself with exit code {code}{log}"
        crumb = self._program.crumb
        running = crumb.read_bytes().rstrip(b"\0").decode("utf-8", "replace") if crumb and crumb.exists() else ""
        doing = f" while it ran {running}" if running else ""
        return f"{self.name} was ended by {signal.Signals(-code).name}{doing}{log}"
