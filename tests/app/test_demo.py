"""`fleetloop demo` as a newcomer runs it, with a smaller fleet: the real pipeline, server, simulation, board."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleetloop.app.stage import free_port

TOP = Path(__file__).parents[2]
FLEET = "a=60,b=80,c=20"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def demo(work: Path, *words: str) -> tuple[int, dict[str, object], str]:
    command = [sys.executable, "-m", "fleetloop", "demo", "--exit", "--devices", FLEET, "--work", str(work)]
    command += ["--port", str(free_port()), *words]
    done = subprocess.run(
        command, cwd=TOP, capture_output=True, text=True, check=False, env=os.environ | {"NO_COLOR": "1"}
    )
    report = work / "demo-report.json"
    return done.returncode, json.loads(report.read_text()) if report.exists() else {}, done.stderr[-4000:]


@pytest.mark.rig
def test_the_whole_story_on_real_parts(tmp_path: Path) -> None:
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not here")
    code, report, said = demo(tmp_path / "demo")
    assert (code, report.get("broken_promises")) == (0, []), said
    first, bad, fix = report["chapters"]  # pyright: ignore[reportGeneralTypeIssues]
    assert bad["phase"] == "stopped"
    assert bad["waves"] == 1
    assert bad["back_on"] == [first["version"]]
    assert fix["confirmed"] == fix["members"] == 161
    assert report["emulator"] == "QEMU"


@pytest.mark.long
def test_the_same_commits_without_the_fault_reach_everybody(tmp_path: Path) -> None:
    code, report, said = demo(tmp_path / "demo", "--without-fault", "--no-board")
    assert (code, report.get("broken_promises")) == (0, []), said
    assert report["incidents"] == []


@pytest.mark.long
def test_the_fault_on_another_revision_is_named(tmp_path: Path) -> None:
    code, report, said = demo(tmp_path / "demo", "--fault-on", "a", "--no-board")
    assert (code, report.get("broken_promises")) == (0, []), said
    assert [i["revision"] for i in report["incidents"]] == ["a"]  # pyright: ignore
