import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.sim.conftest import Make
from tests.sim.house import House, serve

from fleetloop.sim.model import Population, Unit
from fleetloop.sim.population import save

START = 1_760_000_400.0


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House([], now=START)
    runner = await serve(house)
    yield house
    await runner.cleanup()


async def started(house: House, *words: str) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "fleetloop", "sim", "--server", house.url, *words]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)


async def test_new_devices_live_in_real_time(house: House, library: Make, tmp_path: Path) -> None:
    """Added over the API, in equal parts of the revisions; they beat until SIGTERM, then write their records."""
    (tmp_path / "old.so").write_bytes(library("0.1"))
    libraries = [word for r in "ab" for word in ("--factory", f"{r}={tmp_path / 'old.so'}")]
    records = tmp_path / "records"
    process = await started(
        house, "--count", "4", "--product", "cell", *libraries, "--poll-s", "1", "--records", str(records)
    )
    async with asyncio.timeout(20):
        while sum(what == "heartbeat" for _, _, what, _ in house.log) < 8:
            await asyncio.sleep(0.05)
    process.terminate()
    _, told = await process.communicate()
    assert process.returncode == 0
    assert b"4 simulated devices" in told
    enrolled = [asked for _, _, what, asked in house.log if what == "enrolled"]
    assert [(a["product"], a["revision"], a["takes"]) for a in enrolled] == [
        ("cell", r, "host-library") for r in "abab"
    ]
    lives = [json.loads(line) for line in records.read_text().splitlines()]
    assert [life["device"] for life in lives] == [a["id"] for a in enrolled]


async def test_a_conductor_on_stdin(house: House, library: Make, tmp_path: Path) -> None:
    (tmp_path / "old.so").write_bytes(library("0.1"))
    save(Population((Unit("d-a", "token-d-a", "a"),), {"a": "old.so"}, START), tmp_path / "devices.json")
    process = await started(house, "--devices", str(tmp_path / "devices.json"), "--conducted")
    assert process.stdin
    assert process.stdout
    due = json.loads(await process.stdout.readline())["next"]
    assert START <= due <= START + 3600
    process.stdin.write(json.dumps({"from": START, "run": due}).encode() + b"\n")
    assert json.loads(await process.stdout.readline()) == {"next": due + 3600}
    house.away = True
    process.stdin.write(json.dumps({"from": due, "run": due + 3600, "away": True}).encode() + b"\n")
    assert json.loads(await process.stdout.readline()) == {"next": due + 7200}
    process.stdin.close()
    assert await process.wait() == 0
    assert len(house.said("d-a", "heartbeat")) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--conducted"], b"--conducted needs --devices FILE"),
        ([], b"say --devices FILE, or --count N"),
        (["--devices", "none.json"], b"none.json cannot be read"),
    ],
)
async def test_a_wrong_command_line(house: House, words: list[str], sentence: bytes) -> None:
    process = await started(house, *words)
    _, told = await process.communicate()
    assert process.returncode in (1, 2)
    assert sentence in told
