import subprocess
import sys
from pathlib import Path

import pytest
from tests.sim.conftest import Make

from fleetloop.sim.library import Crumb, Library, LibraryError, Running, Shelf
from fleetloop.sim.model import Limits


def started(data: bytes) -> Running:
    running = Library(data).start("d", 7, Limits())
    assert running
    return running


def test_the_code_counts_its_own_seconds(library: Make) -> None:
    running = started(library("1.0"))
    assert running.step(100) == ""
    assert running.step(20) == ""
    assert (running.up, running.self_test) == (120, True)


@pytest.mark.parametrize(
    ("fault", "word"),
    [("DIVIDE", "arithmetic"), ("WILD", "memory"), ("DEEP", "memory"), ("TRAP", "zero-divisor"), ("HANG", "watchdog")],
)
def test_a_fault_is_a_result_and_ends_at_its_second(library: Make, fault: str, word: str) -> None:
    running = started(library("1.1", FAULT_AT=50, FAULT=fault))
    assert running.step(49) == ""
    assert running.step(3600) == word
    assert running.up == 50


def test_versions_with_the_same_names_live_side_by_side(library: Make) -> None:
    shelf = Shelf()
    old, new = shelf.get(library("1.0")), shelf.get(library("2.0", FAULT_AT=5, FAULT="DIVIDE"))
    a, b = old.start("d", 1, Limits()), new.start("d", 1, Limits())
    assert a
    assert b
    assert (a.step(10), b.step(10)) == ("", "arithmetic")
    assert (old.version, new.version) == ("1.0", "2.0")
    assert shelf.get(library("1.0")) is old


def test_two_devices_share_no_state(library: Make) -> None:
    code = Library(library("1.0"))
    a, b = code.start("a", 1, Limits()), code.start("b", 2, Limits())
    assert a
    assert b
    a.step(5)
    assert (a.up, b.up) == (5, 0)


def test_another_abi_is_refused_in_a_sentence(library: Make) -> None:
    with pytest.raises(LibraryError, match="has ABI 2; this simulation runs ABI 1"):
        Library(library("1.0", ABI=2))


def test_code_that_refuses_to_start(library: Make) -> None:
    assert Library(library("1.0", START="CELL_REFUSED")).start("d", 1, Limits()) is None


def test_bytes_that_are_no_library() -> None:
    with pytest.raises(LibraryError, match="cannot be loaded as a host library"):
        Library(b"\x7fELF, but not for long")


def test_a_library_without_the_interface(tmp_path: Path) -> None:
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "/dev/null", "-o", str(tmp_path / "x.so")], check=True)
    with pytest.raises(LibraryError, match="has no cell_abi"):
        Library((tmp_path / "x.so").read_bytes())


def test_the_crumb_outlives_the_process(library: Make, tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_bytes(library("9.9"))
    script = (
        "import os, sys; from pathlib import Path; from fleetloop.sim.library import *; from fleetloop.sim.model import Limits\n"
        "code = Library(Path(sys.argv[1]).read_bytes(), Crumb(Path(sys.argv[2])))\n"
        "code.start('cell-7', 1, Limits()).step(1); os.kill(os.getpid(), 9)"
    )
    crumb = tmp_path / "crumb"
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "lib.so"), str(crumb)], check=False)
    assert done.returncode == -9
    assert crumb.read_bytes().rstrip(b"\0") == b"version 9.9 on device cell-7"


def test_a_crumb_has_room_for_a_long_name(library: Make, tmp_path: Path) -> None:
    running = Library(library("1.0"), Crumb(tmp_path / "crumb")).start("d" * 300, 1, Limits())
    assert running
    assert running.step(1) == ""
