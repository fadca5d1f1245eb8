"""What the demo says of its checker's end; the checker itself is tried on a finished story in `test_demo`."""

import asyncio
import os
from pathlib import Path

import pytest

from fleetloop.app.check import NoCheckerError, check, checker


async def checked(folder: Path, script: str) -> list[str]:
    program = folder / "checker.py"
    program.write_text(script)
    return (await check(program, "http://127.0.0.1:1", folder)).told()


async def test_all_agree(tmp_path: Path) -> None:
    told = await checked(tmp_path, "print('# name value expected verdict'); print('a 1 1 ok'); print('b 2 2 ok')")
    assert told == [
        f"check:  2 figures computed again from the devices' own records and the API, and all agree ({tmp_path}/check.txt)"
    ]


async def test_a_wrong_figure_is_shown(tmp_path: Path) -> None:
    told = await checked(tmp_path, "print('a 1 1 ok'); print('hurt 3 2 WRONG'); raise SystemExit(1)")
    assert told == [f"check:  1 of 2 figures are WRONG; see {tmp_path}/check.txt", "hurt 3 2 WRONG"]


async def test_a_checker_that_breaks_has_not_agreed(tmp_path: Path) -> None:
    told = await checked(tmp_path, "print('a 1 1 ok', flush=True); raise ValueError('no such device')")
    assert "WRONG" in told[0]
    assert told[1:] == ["it ended with exit code 1", *told[2:4], "ValueError: no such device"]


async def test_a_checker_that_says_nothing_has_checked_nothing(tmp_path: Path) -> None:
    assert (await checked(tmp_path, ""))[1:] == ["it checked nothing"]


async def test_an_interrupt_ends_it_and_what_it_started(tmp_path: Path) -> None:
    child = "import os, time; open('pids', 'a').write(f'{os.getpid()} '); time.sleep(60)"
    script = (
        f"import subprocess, sys, os; os.chdir({str(tmp_path)!r}); subprocess.run([sys.executable, '-c', {child!r}])"
    )
    work = asyncio.create_task(checked(tmp_path, script))
    async with asyncio.timeout(20):
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
            await asyncio.sleep(0.05)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    pid = int((tmp_path / "pids").read_text())
    async with asyncio.timeout(5):
        while runs(pid):
            await asyncio.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_checker_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(NoCheckerError, match="run the demo in a checkout, or say --checker FILE"):
        checker(tmp_path / "check_demo.py")
