"""Runs a command of the product: its own session, a time limit, its output in a file, and nothing left behind.

Whatever the command started is ended with it, also what left its process group: every process carries a mark in its
environment, which is looked for afterwards (Linux; elsewhere the group alone).
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetloop.core.errors import InfrastructureError

MARK = "FLEETLOOP_TASK"
GRACE_S = 2.0
LOOK_S = 0.05
MAX_OUTPUT = 64 << 20
TAIL = 40
CHUNK = 1 << 16
KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "VIRTUAL_ENV", "QEMU", "CC", "HOSTCC")
KEPT_PREFIXES = (
    *("LC_", "PIP_", "UV_", "XDG_", "SSL_CERT_", "REQUESTS_CA_"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)


@dataclass(frozen=True)
class Ran:
    """How a command ended. ``late``: it was ended at its time limit; ``code`` is negative for a signal."""

    code: int
    seconds: float
    late: bool
    loud: bool
    """It was ended because it wrote more than `MAX_OUTPUT`."""
    tail: tuple[str, ...]


def environment(scratch: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """What a command sees: no secret of ours, our Python's programs first, a fixed language and time zone."""
    kept = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith(KEPT_PREFIXES)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    fixed = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | {"PATH": path, "TMPDIR": str(scratch)} | fixed | dict(extra)


async def run(
    words: Sequence[str], folder: Path, env: Mapping[str, str], timeout_s: float, say: Callable[[str], None]
) -> Ran:
    """Raises `InfrastructureError` if the program cannot be started. Cancelled, it ends the command first."""
    mark = uuid.uuid4().hex
    log = Path(env["TMPDIR"]) / f"output-{mark}"
    started = time.monotonic()
    process = await _start(words, folder, {**env, MARK: mark}, log)
    follow = _Follow(log, say)
    try:
        late, loud = await _watch(process, follow, started + timeout_s)
    finally:
        await asyncio.shield(_end(process, mark))
    follow.look()
    return Ran(process.returncode or 0, time.monotonic() - started, late, loud, follow.tail())


async def _start(words: Sequence[str], folder: Path, env: Mapping[str, str], log: Path) -> asyncio.subprocess.Process:
    try:
        with log.open("wb") as out:
            return await asyncio.create_subprocess_exec(
                *words,
                cwd=folder,
                env=env,
                start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=asyncio.subprocess.STDOUT,
            )
    except (FileNotFoundError, PermissionError) as e:
        raise InfrastructureError(f"{words[0]} cannot be started: {e.strerror}; is it installed?") from e


async def _watch(process: asyncio.subprocess.Process, follow: "_Follow", until: float) -> tuple[bool, bool]:
    waiting = asyncio.ensure_future(process.wait())
    try:
        while True:
            done, _ = await asyncio.wait([waiting], timeout=LOOK_S)
            follow.look()
            late, loud = time.monotonic() > until, follow.size > MAX_OUTPUT
            if done or late or loud:
                return late and not done, loud and not done
    finally:
        waiting.cancel()


async def _end(process: asyncio.subprocess.Process, mark: str) -> None:
    for word in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, word)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE_S)
    for pid in _marked(mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _marked(mark: str) -> Iterator[int]:
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted in entry.read_bytes().split(b"\0"):
                yield int(entry.parent.name)


class _Follow:
    """Reads a growing file; each whole line is said."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path, self._say = path, say
        self.size = 0
        self._rest = b""
        self._lines: deque[str] = deque(maxlen=TAIL)

    def look(self) -> None:
        with self._path.open("rb") as file:
            # a command that writes faster than anybody reads is not followed line by line
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self.size, end - CHUNK))
            new = file.read(CHUNK)
            self.size = file.tell()
        *lines, self._rest = (self._rest + new).split(b"\n")
        self._rest = self._rest[-4096:]
        for line in lines[-TAIL:]:
            self._lines.append(_clean(line))
            self._say(self._lines[-1])

    def tail(self) -> tuple[str, ...]:
        return (*self._lines, _clean(self._rest)) if self._rest else tuple(self._lines)


def _clean(line: bytes) -> str:
    # control characters of a test must not move the reader's terminal
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in line.decode(errors="replace").rstrip()[:500])
