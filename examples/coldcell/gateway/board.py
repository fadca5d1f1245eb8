"""Driver of one board: power, console, stepped time, and updates over its serial link (SMP).

    async with Board(Machine.QEMU, boot_loader, flash) as board:  # one process is one power cycle
        report = await board.started()
        await board.upload(image)
        await board.test(digest(image))
        await board.reset()
        report = await board.started()  # report.state == "trial"
        await board.confirm()

Leaving the block is pulling the plug; a driver that dies takes its board along. The console is always read, since a
full pipe would stop the board.
"""

import asyncio
import contextlib
import ctypes
import enum
import os
import re
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from smp.image_management import ImageState
from smpclient import SMPClient
from smpclient.exceptions import SMPUploadError
from smpclient.generics import error
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, ResetWrite
from smpclient.transport.serial import SMPSerialTransport

from gateway.report import Report, parse

BOOT_S = 30.0  # real seconds a boot loader may need for its first line; code under test has no part in it
START_S = 90.0  # real seconds until the application speaks; after that a board is silent
ANSWER_S = 10.0  # real seconds for one answer on console or link
TAIL = 2_000  # console lines kept

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Machine(enum.StrEnum):
    """What the board is."""

    QEMU = "qemu"  # the Cortex-M board, emulated
    HOST = "host"  # a Linux process that stands in for it


class BoardError(Exception):
    """Something between us and the board."""


class NoBoardError(BoardError):
    """Infrastructure, no fault of the code under test: no emulator, it died, or the boot loader never spoke."""


class SilentError(BoardError):
    """The board runs, but what was expected did not come in time."""


class RefusedError(BoardError):
    """The board answered with an error; ``rc`` is SMP's code: 3 invalid, 6 wrong state, 8 not known; -1: none given."""

    def __init__(self, what: str, answer: str) -> None:
        found = re.search(r"\brc=(?:<[^>]*: )?(\d+)", answer)  # smpclient hands over objects and texts
        self.rc = int(found[1]) if found else -1
        super().__init__(f"the board refused to {what}: rc {self.rc}")


@dataclass(frozen=True)
class Slot:
    """One slot with an image in it."""

    slot: int
    version: str
    hash: bytes
    active: bool
    confirmed: bool
    pending: bool
    bootable: bool


@dataclass(frozen=True)
class Step:
    """What came of one stretch of stepped time."""

    done_s: int  # application time that passed
    up_s: int  # uptime at the end
    heartbeats: tuple[Report, ...]
    restart: Report | None  # its first line after a restart that ended the stretch early


def _command(machine: Machine, boot_loader: Path, flash: Path) -> list[str]:
    if machine is Machine.HOST:
        return [str(boot_loader)]
    memory = f"memory-backend-file,id=flash,mem-path={flash},size=16M,share=on"
    qemu = os.environ.get("QEMU", "qemu-system-arm")
    argv = [qemu, "-M", "mps2-an385,memory-backend=flash", "-m", "16M", "-object", memory]
    argv += ["-nodefaults", "-display", "none", "-nic", "none", "-semihosting-config", "enable=on,target=native"]
    return [*argv, "-kernel", str(boot_loader), "-serial", "stdio", "-chardev", "pty,id=smp", "-serial", "chardev:smp"]


def _slot(state: ImageState) -> Slot:
    return Slot(
        state.slot,
        state.version,
        bytes(state.hash or b""),
        active=bool(state.active),
        confirmed=bool(state.confirmed),
        pending=bool(state.pending),
        bootable=bool(state.bootable),
    )


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Board:
    """One power cycle of a board. ``flash`` keeps its contents from one to the next."""

    def __init__(self, machine: Machine, boot_loader: Path, flash: Path) -> None:
        self.machine = machine
        self.console: deque[str] = deque(maxlen=TAIL)
        self._argv = _command(machine, boot_loader, flash)
        self._env = {k: v for k, v in os.environ.items() if k not in ("BOOT", "LINK")} | {"FLASH": str(flash)}
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._ended = False
        self._link = ""
        self._client: SMPClient | None = None
        self._up_s = 0

    async def __aenter__(self) -> Self:
        """Power on, and wait for the boot loader's first line.

        Raises:
            NoBoardError: there is no emulator, or it does not get that far.
        """
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                env=self._env,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        except OSError as cause:
            what = f"cannot start {self._argv[0]}: {cause}; install qemu-system-arm or use the host board"
            raise NoBoardError(what) from cause
        self._reader = asyncio.create_task(self._read())
        try:
            await self.expect(r"^BOOT n=", BOOT_S)
        except BaseException as cause:
            await self.__aexit__()
            if isinstance(cause, BoardError):
                raise NoBoardError(f"the boot loader is silent: {cause}") from cause
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Pull the plug."""
        if self._client:
            await self._client.disconnect()
            self._client = None
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)  # not kill(): that may reap it behind asyncio's back
        await self._reader
        await self._process.wait()

    @property
    def pid(self) -> int:
        """The process that is the board."""
        return self._process.pid

    # ---- console ----

    async def _read(self) -> None:
        assert self._process.stdout
        while raw := await self._process.stdout.readline():
            text = raw.decode(errors="replace").strip()
            self.console.append(text)
            if found := re.search(r"/dev/pts/\d+", text):
                self._link = found.group()
            self._lines.put_nowait(text)
        self._ended = True
        self._lines.put_nowait(None)

    async def line(self, timeout_s: float = ANSWER_S) -> str:
        """The next line of the console.

        Raises:
            SilentError: none came in time.
            NoBoardError: the process has ended.
        """
        if self._ended and self._lines.empty():
            raise NoBoardError(f"the board's process ended; console:\n{self._tail()}")
        try:
            text = await asyncio.wait_for(self._lines.get(), timeout_s)
        except TimeoutError:
            raise SilentError(f"no line in {timeout_s:g} s; console:\n{self._tail()}") from None
        if text is None:
            raise NoBoardError(f"the board's process ended; console:\n{self._tail()}")
        if report := parse(text):
            self._up_s = report.up_s
        return text

    async def expect(self, pattern: str, timeout_s: float = ANSWER_S) -> re.Match[str]:
        """Read lines up to the first that has the pattern."""
        end = asyncio.get_running_loop().time() + timeout_s
        while (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                text = await self.line(left)
            except SilentError:
                break
            if found := re.search(pattern, text):
                return found
        raise SilentError(f"no {pattern!r} in {timeout_s:g} s; console:\n{self._tail()}")

    async def started(self, timeout_s: float = START_S) -> Report:
        """The application's first line after this start or restart."""
        return await self._report("APP", timeout_s)

    async def heartbeat(self) -> Report:
        """Ask for a heartbeat now."""
        self.press("s")
        return await self._report("HB", ANSWER_S)

    def press(self, keys: str) -> None:
        """Type on the console: s heartbeat, c confirm, r reset, h hang, q end."""
        assert self._process.stdin
        self._process.stdin.write(keys.encode())

    async def _report(self, kind: str, timeout_s: float) -> Report:
        while True:
            found = await self.expect(rf"^{kind} .*", timeout_s)
            if report := parse(found.group()):
                return report

    def _tail(self) -> str:
        return "\n".join(list(self.console)[-20:])

    # ---- stepped time ----

    async def step(self, seconds: int, timeout_s: float = START_S) -> Step:
        """Let so much application time pass at once. A restart ends the stretch early; call again for the rest."""
        before = self._up_s
        heartbeats: list[Report] = []
        self.press(f"t {seconds}\n")
        while True:
            text = await self.line(timeout_s)
            if found := re.match(r"T n=(\d+) up=(\d+)", text):
                self._up_s = int(found[2])
                return Step(self._up_s - before, self._up_s, tuple(heartbeats), None)
            if (report := parse(text)) is None:
                continue
            if report.kind == "APP":
                return Step(max(0, report.ran_s - before), report.up_s, tuple(heartbeats), report)
            heartbeats.append(report)

    # ---- update link ----

    async def images(self) -> tuple[Slot, ...]:
        """What lies in the slots. The board, not our memory, holds the truth."""
        answer = await self._ask("list its images", ImageStatesRead())
        return tuple(_slot(state) for state in answer.images)

    async def upload(self, image: bytes, progress: Callable[[int], None] | None = None) -> None:
        """Write an image into the slot that does not run; ``progress`` is told the bytes that arrived.

        Raises:
            RefusedError: the running image is on trial and the other is its way back, or the image does not fit.
        """
        client = await self._connected()
        try:
            async for offset in client.upload(image):
                if progress:
                    progress(offset)
        except SMPUploadError as cause:
            raise RefusedError("take the image", str(cause)) from cause
        except TimeoutError as cause:
            raise SilentError(f"no answer on the update link; console:\n{self._tail()}") from cause

    async def test(self, image_hash: bytes) -> None:
        """Mark an uploaded image for one trial at the next start."""
        await self._ask("try the image", ImageStatesWrite(hash=image_hash, confirm=False))

    async def confirm(self, image_hash: bytes | None = None) -> None:
        """Keep the running image; with the hash of the other one, confirmed before: go back to it at the next start."""
        await self._ask("confirm the image", ImageStatesWrite(hash=image_hash, confirm=True))

    async def reset(self) -> None:
        """Restart by software; ``started`` then gives the first line."""
        await self._ask("restart", ResetWrite())

    async def echo(self, text: str) -> str:
        """Whether the update link works."""
        return (await self._ask("echo", EchoWrite(d=text))).r

    async def _ask(self, what: str, request: Any) -> Any:
        client = await self._connected()
        try:
            answer = await client.request(request, ANSWER_S)
        except TimeoutError as cause:
            raise SilentError(f"no answer to: {what}; console:\n{self._tail()}") from cause
        if error(answer):
            raise RefusedError(what, str(answer))
        return answer

    async def _connected(self) -> SMPClient:
        """One connection a power cycle: QEMU looks only once a second whether somebody opened the line."""
        if self._client is None:
            client = SMPClient(SMPSerialTransport(), self._link, ANSWER_S)
            await client.connect()
            self._client = client
        return self._client
