"""The board under test. A board that cannot be had is an error in set-up (infrastructure), a wrong answer a failure.

COLDCELL_BOARD     qemu (default) or host, a process that stands in for the board
COLDCELL_REVISION  a, b (default) or c
COLDCELL_BUILD     folder with app.bin and boot.elf of that revision; without it, and for the host board, built here
COLDCELL_PREVIOUS  folder with app.bin or a signed image of the release before; without it, this tree signed as 0.0.1
COLDCELL_CACHE     where fetched sources lie

The production key stays out of it: the real boot loader is given a key of these tests, which signs the images.
"""

import asyncio
import base64
import contextlib
import inspect
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gateway.board import Board, Machine, NoBoardError
from gateway.image import HEADER_SIZE, LOAD_ADDRESS, STEPPED, factory, make_key, payload, sign

PRODUCT = Path(__file__).parents[2]
PUBLIC_KEY = re.compile(rb"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00.{32}", re.DOTALL)  # SPKI of Ed25519
UNDEFINED = b"\xff\xde"  # Thumb: udf #255


@dataclass(frozen=True)
class Kit:
    """What the tests work with."""

    machine: Machine
    revision: str
    version: str
    boot_loader: Path
    key: Path
    foreign_key: Path
    app: bytes  # payload of the release under test
    previous: bytes  # payload of the one before

    def image(self, *, version: str = "", revision: str = "", key: Path | None = None, app: bytes = b"") -> bytes:
        """The release under test, or something beside it."""
        return sign(app or self.app, key or self.key, version or self.version, revision or self.revision)

    def broken(self) -> bytes:
        """A well-signed image that faults at its first instruction."""
        if self.machine is Machine.HOST:
            return self.image(app=b"not a program")
        entry = struct.unpack_from("<I", self.app, 4)[0] - LOAD_ADDRESS - HEADER_SIZE - 1
        return self.image(app=self.app[:entry] + UNDEFINED + self.app[entry + 2 :])


def _build(machine: Machine, revision: str, out: Path, key: Path, version: str) -> Path:
    what = "image" if machine is Machine.QEMU else "host-board"
    cache = os.environ.get("COLDCELL_CACHE") or str(out)
    argv = ["sh", "build.sh", what, revision, str(out), version, str(key), cache]
    done = subprocess.run(argv, cwd=PRODUCT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the board's firmware does not build:\n{done.stderr}")
    return out


def _previous(app: bytes) -> tuple[str, bytes]:
    folder = os.environ.get("COLDCELL_PREVIOUS")
    found = [p for pattern in ("*.img", "*.bin") for p in sorted(Path(folder).rglob(pattern))] if folder else []
    if not found:
        return "this tree", app
    content = found[0].read_bytes()
    return found[0].name, payload(content) if found[0].suffix == ".img" else content


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory, record_testsuite_property: Callable[[str, object], None]) -> Kit:
    machine, revision = Machine(os.environ.get("COLDCELL_BOARD", "qemu")), os.environ.get("COLDCELL_REVISION", "b")
    record_testsuite_property("board", "qemu" if machine is Machine.QEMU else "host process")
    record_testsuite_property("revision", revision)
    if machine is Machine.QEMU and not shutil.which(os.environ.get("QEMU", "qemu-system-arm")):
        raise NoBoardError("qemu-system-arm is not installed; COLDCELL_BOARD=host takes a process instead")
    work = tmp_path_factory.mktemp("kit")
    key, foreign_key = work / "image.pem", work / "foreign.pem"
    public = make_key(key)
    make_key(foreign_key)
    version = (PRODUCT / "VERSION").read_text().strip()
    ready = os.environ.get("COLDCELL_BUILD") if machine is Machine.QEMU else None
    build = Path(ready) if ready else _build(machine, revision, work, public, version)
    loader, places = PUBLIC_KEY.subn(lambda _: _der(public), (build / "boot.elf").read_bytes())
    if places != 1:
        raise RuntimeError(f"{build / 'boot.elf'}: expected one public key in the boot loader, found {places}")
    boot_loader = work / "boot-under-test.elf"
    boot_loader.write_bytes(loader)
    boot_loader.chmod(0o755)
    app = (build / "app.bin").read_bytes()
    source, previous = _previous(app) if machine is Machine.QEMU else ("this tree", app)
    record_testsuite_property("previous", source)
    return Kit(machine, revision, version, boot_loader, key, foreign_key, app, previous)


def _der(public: Path) -> bytes:
    lines = public.read_text().splitlines()
    return base64.b64decode("".join(line for line in lines if not line.startswith("-----")))


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def flash(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "flash.bin"
    yield path
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def powered(kit: Kit, flash: Path, runner: asyncio.Runner) -> Iterator[Board]:
    """A board whose boot loader has spoken, which no code under test can prevent."""
    board = Board(kit.machine, kit.boot_loader, flash)
    runner.run(board.__aenter__())
    try:
        yield board
    finally:
        runner.run(board.__aexit__())


@pytest.fixture
def board(kit: Kit, flash: Path, runner: asyncio.Runner) -> Iterator[Board]:
    """A board that left the factory with the release before."""
    factory(flash, kit.image(version="0.0.1", app=kit.previous), kit.revision, "cell-test", scale=STEPPED)
    with powered(kit, flash, runner) as board:
        yield board


@pytest.fixture
def new_board(kit: Kit, flash: Path, runner: asyncio.Runner) -> Iterator[Board]:
    """A board that left the factory with the release under test; its first ``t`` switches it to stepped time."""
    factory(flash, kit.image(), kit.revision, "cell-test", scale=1)
    with powered(kit, flash, runner) as board:
        yield board


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object:
    """Run tests that are coroutines in the loop of the board."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    runner = pyfuncitem.funcargs["runner"]
    assert isinstance(runner, asyncio.Runner)
    runner.run(pyfuncitem.obj(**arguments))
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """JUnit property ``kind`` of a test that lost its board, or never had one, whenever that was."""
    if call.excinfo is not None and (call.when != "call" or call.excinfo.errisinstance(NoBoardError)):
        item.user_properties.append(("kind", "infrastructure"))
