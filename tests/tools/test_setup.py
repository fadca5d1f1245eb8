"""`tools/setup` on machines that lack things: PATH is the machine."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SETUP = TOP / "tools" / "setup"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout's set-up on a machine without compilers, whose uv and apt-get only write down what they are asked."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "tools").mkdir()
    shutil.copy(SETUP, tmp_path / "tools")
    program(tmp_path, "uv", 'echo "uv $*" >> asked')
    program(tmp_path, "git", "true")
    program(tmp_path, "env", 'exec /usr/bin/env "$@"')
    return tmp_path


def program(machine: Path, name: str, script: str) -> None:
    path = machine / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def compiler(machine: Path) -> None:
    """A gcc that knows every header."""
    program(machine, "gcc", "true")


def set_up(machine: Path, profile: str) -> tuple[int, str, list[str]]:
    """Exit status, what it said, and what uv and apt-get were asked."""
    env = {"PATH": str(machine / "bin"), "HOME": str(machine)}
    command = [sys.executable, machine / "tools" / "setup", profile]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.stdout == ""
    asked = machine / "asked"
    return done.returncode, done.stderr, asked.read_text().splitlines() if asked.exists() else []


def test_without_apt_what_is_missing_is_named_with_the_line_that_installs_it(machine: Path) -> None:
    status, said, asked = set_up(machine, "demo")
    assert status == 1
    packages = "gcc libc6-dev libcmocka-dev gcc-arm-none-eabi qemu-system-arm"
    assert f"As root on Debian 12: apt-get install -y --no-install-recommends {packages}" in said
    assert "gcc, libc6-dev, libcmocka-dev must be there" in said
    assert asked == []


def test_without_the_emulator_it_goes_on_and_says_what_is_lost(machine: Path) -> None:
    compiler(machine)
    status, said, asked = set_up(machine, "demo")
    assert status == 0
    assert "without qemu-system-arm: the board is not emulated" in said
    assert len(asked) == 1
    assert asked[0].startswith("uv sync --frozen")


def test_only_what_is_missing_is_installed_and_lists_are_fetched_when_the_old_ones_do_not_do(machine: Path) -> None:
    compiler(machine)
    program(machine, "arm-none-eabi-gcc", "true")
    program(machine, "sudo", 'shift; "$@"')  # asked only where the suite is not run by root
    program(machine, "apt-get", 'echo "apt $*" >> asked; case "$*" in *update*) : > fresh;; *) [ -e fresh ];; esac')
    status, said, asked = set_up(machine, "demo")
    assert status == 0
    assert "installing qemu-system-arm\n" in said
    assert [line.split()[-1] for line in asked[:3]] == ["qemu-system-arm", "update", "qemu-system-arm"]
    assert "--no-install-recommends" in asked[0]


def test_nothing_is_said_where_nothing_is_to_do(machine: Path) -> None:
    compiler(machine)
    (machine / ".venv").mkdir()
    status, said, asked = set_up(machine, "check")
    assert (status, said) == (0, "")
    assert len(asked) == 1


def test_the_road_without_uv_has_the_versions_of_uv_lock() -> None:
    lock = tomllib.loads((TOP / "uv.lock").read_text())
    known = {(p["name"], p["version"]): hashes(p) for p in lock["package"]}
    text = (TOP / "requirements.lock").read_text().replace("\\\n", " ")
    listed = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert len(listed) >= 90
    for words in listed:
        name, _, version = words[0].partition("==")
        asked = {w.removeprefix("--hash=") for w in words if w.startswith("--hash=")}
        assert asked, words[0]
        assert asked <= known[name, version], f"{words[0]}: `make lock` writes requirements.lock again"


def hashes(package: dict[str, object]) -> set[object]:
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    return {f["hash"] for f in files}
