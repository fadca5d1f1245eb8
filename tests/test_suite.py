"""The suite's own plugin, in runs of pytest of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
TESTS = """
import pytest

@pytest.fixture
def database_url(): return "x"

@pytest.fixture
def db(database_url): return database_url

def test_pure(): pass
def test_stored(db): pass

@pytest.mark.rig
@pytest.mark.skipif(True, reason="sprocket not installed (apt-get install sprocket)")
def test_rig(): pass

def test_unmarked(): pytest.skip("cog is not installed")
def test_other(): pytest.skip("only on Sundays")

@pytest.mark.xfail(reason="install it later")
def test_expected(): raise ValueError
"""


def outcome(folder: Path, *words: str, **env: str) -> tuple[int, str]:
    """Exit status and closing line."""
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = rig\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FLEETLOOP_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.suite", "-p", "no:cacheprovider", *words]
    env = clean | {"PYTHONPATH": str(TOP)} | env
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("words", [(), ("-n", "1")], ids=["here", "workers"])
def test_the_closing_line_names_what_was_missing(words: tuple[str, ...], tmp_path: Path) -> None:
    status, line = outcome(tmp_path, *words)
    assert status == 0
    assert "2 passed, 1 skipped, 1 xfailed" in line
    assert "1 not run (sprocket not installed)" in line
    assert "1 not run (cog is not installed)" in line


def test_where_rigs_are_required_a_missing_one_fails(tmp_path: Path) -> None:
    status, line = outcome(tmp_path, FLEETLOOP_RIGS="required")
    assert status == 1
    assert "1 failed, 2 passed, 1 skipped, 1 xfailed, 1 error" in line  # an error: it was skipped before it began


def test_on_postgresql_only_what_asks_for_a_database_runs(tmp_path: Path) -> None:
    status, line = outcome(tmp_path, FLEETLOOP_TEST_DATABASE="postgresql://somewhere")
    assert status == 0
    assert "1 passed, 5 deselected" in line
