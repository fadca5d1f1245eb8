"""Drives the real swupdate from a test: make keys and packages, run the client against any server, read its verdict."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TOOLS = ("swupdate", "openssl", "cpio", "bash")
LIMIT_S = 150


@dataclass(frozen=True)
class Where:
    """The server, as a device is told of it."""

    url: str
    tenant: str
    device: str
    token: str


@dataclass(frozen=True)
class Keys:
    """Certificate and key of who is trusted, and of who is not."""

    folder: Path

    def pair(self, who: str) -> tuple[Path, Path]:
        return self.folder / f"{who}.key", self.folder / f"{who}.pem"


def missing() -> str:
    """Why the rig cannot run here, or nothing."""
    gone = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"{', '.join(gone)} not installed (apt-get install swupdate openssl cpio)" if gone else ""


def make_keys(folder: Path) -> Keys:
    _run("make_swu.sh", "keys", folder)
    return Keys(folder)


def make_package(out: Path, version: str, destination: Path, pair: tuple[Path, Path], *, tamper: bool = False) -> Path:
    """A signed .swu that puts one file into ``destination``; ``tamper`` changes the payload after signing."""
    _run("make_swu.sh", "swu", out, version, destination, *pair, *(["tamper"] if tamper else []))
    return out


def update(where: Where, package: Path, trusted: Path, expect: str) -> str:
    """Let a device update itself; ``expect`` is ``installed`` or ``rejected``. The last line: PASS or FAIL and why."""
    parts = (where.url, where.tenant, where.device, where.token, package, trusted, expect)
    done = subprocess.run(
        [HERE / "run.sh", *map(str, parts)], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return (done.stdout.strip().splitlines() or [done.stderr])[-1]


def _run(script: str, *args: object) -> None:
    subprocess.run([HERE / script, *map(str, args)], capture_output=True, text=True, timeout=60, check=True)
