"""`fleetloop demo` as a newcomer runs it, with a smaller fleet: the real pipeline, server, simulation, board."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from fleetloop.app.stage import free_port

TOP = Path(__file__).parents[2]
FLEET = "a=60,b=80,c=20"
EMULATOR = "qemu-system-arm"
LIVES = "devices.jsonl"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def command(work: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "fleetloop", "demo", "--devices", FLEET, "--work", str(work), *words]


def demo(work: Path, *words: str, path: str = "") -> tuple[int, dict[str, Any], str]:
    words = ("--exit", *(("--port", str(free_port())) if "--port" not in words else ()), *words)
    env = os.environ | {"NO_COLOR": "1"} | ({"PATH": path} if path else {})
    done = subprocess.run(command(work, *words), cwd=TOP, capture_output=True, text=True, check=False, env=env)
    report = work / "demo-report.json"
    return done.returncode, json.loads(report.read_text()) if report.exists() else {}, done.stderr[-4000:]


@pytest.mark.rig
def test_the_whole_story_on_real_parts(tmp_path: Path) -> None:
    if shutil.which(EMULATOR) is None:
        pytest.skip(f"{EMULATOR} is not here")
    work = tmp_path / "demo"
    code, report, said = demo(work)
    assert (code, report.get("broken_promises")) == (0, []), said
    first, bad, fix = report["chapters"]
    assert bad["phase"] == "stopped"
    assert bad["waves"] == 1
    assert bad["back_on"] == [first["version"]]
    assert fix["confirmed"] == fix["members"] == 161
    assert report["emulator"] == "QEMU"
    assert "figures computed again from the devices' own records and the API, and all agree" in said
    assert wrong(work) == []
    assert wrong(altered(work, report)) == [
        f"on {fix['version']} by their own records",
        "last boot is not what the API says",
        "incidents that differ",
        f"{first['version']} lead time",
        f"{bad['version']} hurt",
        f"{bad['version']} hurt, or not",
        f"{bad['version']} hurt, and its own record says nothing",
        f"{bad['version']} revision named",
        f"{fix['version']} confirmed without booting it",
        "actions with another target than was booted",
        "acknowledged reports that are not in the history",
    ]


def wrong(work: Path) -> list[str]:
    """What the checker finds by hand, on what is left of a demo."""
    words = [sys.executable, str(TOP / "tools" / "check_demo.py"), str(work)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    rows = [line for line in done.stdout.splitlines() if line.endswith(" WRONG")]
    assert "# " in done.stdout[-20:], done.stderr[-2000:]
    assert done.returncode == bool(rows)
    return [row[:52].strip() for row in rows]


def altered(work: Path, report: dict[str, Any]) -> Path:
    """Other figures in the report, and other lives of three devices."""
    first, bad, _ = report["chapters"]
    first["lead_time_s"] -= 3600
    lives = [json.loads(line) for line in (work / LIVES).read_text().splitlines()]
    calm = next(life["device"] for life in lives if not life["crashes"] and not life["failures"])
    bad["hurt"].append(calm)
    report["incidents"][0]["revision"] = "c"
    lives[0]["boots"][-1]["version"] = "6.6.6"
    lives[1]["reports"].append(lives[1]["reports"][-1] | {"details": ["never heard"]})
    (work / LIVES).write_text("".join(json.dumps(life) + "\n" for life in lives))
    (work / "demo-report.json").write_text(json.dumps(report))
    return work


@pytest.mark.long
def test_the_same_commits_without_the_fault_reach_everybody(tmp_path: Path) -> None:
    code, report, said = demo(tmp_path / "demo", "--without-fault", "--no-board")
    assert (code, report.get("broken_promises")) == (0, []), said
    assert report["incidents"] == []


@pytest.mark.long
def test_the_fault_on_another_revision_is_named(tmp_path: Path) -> None:
    code, report, said = demo(tmp_path / "demo", "--fault-on", "a", "--no-board")
    assert (code, report.get("broken_promises")) == (0, []), said
    assert [i["revision"] for i in report["incidents"]] == ["a"]


@pytest.mark.long
def test_without_an_emulator_a_process_stands_in_and_the_exit_code_says_so(tmp_path: Path) -> None:
    code, report, said = demo(tmp_path / "demo", path=path_without(EMULATOR, tmp_path / "bin"))
    assert (code, report.get("broken_promises")) == (77, []), said
    assert "Board: a process of this machine: QEMU cannot be had." in said
    assert json.loads((tmp_path / "demo" / "board.jsonl").read_text())["board"] == "host process"


def path_without(name: str, into: Path) -> str:
    """A folder with links to every program of PATH but one."""
    into.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            if program.name != name and not (into / program.name).is_symlink():
                (into / program.name).symlink_to(program)
    return str(into)


@contextmanager
def begun(work: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], "Queue[str]"]]:
    """A demo that goes on, and the lines that it says."""
    process = subprocess.Popen(
        command(work, *words), cwd=TOP, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    lines: Queue[str] = Queue()

    def read() -> None:
        for line in process.stderr or ():
            lines.put(line)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()
        reader.join()
        if process.stderr:
            process.stderr.close()


def wait_for(lines: "Queue[str]", text: str, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while text not in lines.get(timeout=max(0.0, end - time.monotonic())):
        pass


def left(work: Path) -> list[str]:
    """Command lines of processes that have to do with the folder."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            said = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(work) in said or str(work) in str((entry / "cwd").readlink()):
                found.append(said)
        except OSError:
            continue
    return found


def test_ctrl_c_while_it_builds_leaves_nothing_running(tmp_path: Path) -> None:
    work = tmp_path / "demo"
    with begun(work) as (process, lines):
        wait_for(lines, "0.9.0: ")
        assert len(left(work)) > 1
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert left(work) == []
        wait_for(lines, "interrupted; all that was started here has ended", 5)


@pytest.mark.long
def test_ctrl_c_in_the_middle_and_a_second_run_right_after(tmp_path: Path) -> None:
    """Server, simulation, board and the next build all run then."""
    work, port = tmp_path / "demo", str(free_port())
    for _ in range(2):
        with begun(work, "--port", port) as (process, lines):
            wait_for(lines, "the team builds 1.1.0")
            wait_for(lines, "1.1.0: ok")
            assert len(left(work)) > 4
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert left(work) == []


def test_a_port_in_use_is_refused_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, said = demo(tmp_path / "demo", "--port", str(port))
    assert (code, said) == (
        1,
        f"fleetloop: port {port} of this machine is taken; name another with --port, or none [conflict]\n",
    )


def test_a_folder_that_no_demo_made_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("two years of work")
    code, _, said = demo(tmp_path)
    assert code == 1
    assert "has things in it that no demo made" in said
    assert (tmp_path / "thesis.tex").exists()
