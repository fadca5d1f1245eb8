"""Programs and headers that a step needs: there or not, which version, and the line that installs what is missing."""

import asyncio
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from fleetloop.core.errors import InfrastructureError
from fleetloop.pipelines import process

APT = "apt-get install -y --no-install-recommends"
PACKAGES = {
    "qemu-system-arm": "qemu-system-arm",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "arm-none-eabi-objcopy": "gcc-arm-none-eabi",
    "gcc": "gcc libc6-dev",
    "cc": "gcc libc6-dev",
    "make": "make",
    "cmake": "cmake",
    "git": "git",
    "cmocka.h": "libcmocka-dev",
}
HEADERS = (Path("/usr/include"), Path("/usr/local/include"))
TIMEOUT_S = 20.0


class MissingToolError(InfrastructureError):
    """A program that a step needs is not installed."""

    code = "missing-tool"


async def versions(names: Iterable[str], scratch: Path) -> dict[str, str]:
    """The first line that each program says of its version; `MissingToolError` names the line that installs it."""
    env = process.environment(scratch, {})
    found: dict[str, str] = {}
    for name in sorted(names):
        if name.endswith(".h"):
            found[name] = _header(name)
        else:
            found[name] = await _asked(_path(name, env), env)
    return found


def _path(name: str, env: Mapping[str, str]) -> str:
    if path := shutil.which(name, path=env["PATH"]):
        return path
    raise MissingToolError(f"{name} is missing; {install(name)}")


def _header(name: str) -> str:
    for folder in HEADERS:
        if (folder / name).is_file():
            return "there"
    raise MissingToolError(f"the header {name} is missing; {install(name)}")


def install(name: str) -> str:
    """How to get ``name`` on Debian."""
    return f"install it: {APT} {PACKAGES[name]}" if name in PACKAGES else "install it, or put its folder into PATH"


_known: dict[tuple[str, int], str] = {}


async def _asked(path: str, env: Mapping[str, str]) -> str:
    key = (path, os.stat(path).st_mtime_ns)  # noqa: PTH116  one system call; no reason to leave the loop
    if key not in _known:
        ran = await process.run([path, "--version"], Path(env["TMPDIR"]), env, TIMEOUT_S, lambda _: None)
        if ran.late:
            raise InfrastructureError(f"{path} --version did not answer in {TIMEOUT_S:.0f} s")
        if ran.code and not ran.tail:
            raise InfrastructureError(f"{path} --version ended with {ran.code} and said nothing; is it broken?")
        _known[key] = ran.tail[0] if ran.tail else "unknown"
        await asyncio.sleep(0)
    return _known[key]
