import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest
from tests.sim.conftest import compiled
from tests.sim.house import House, serve

from fleetloop.app.conductor import Conductor, Status
from fleetloop.app.participant import Child, Program
from fleetloop.core.clock import HOUR
from fleetloop.core.errors import InfrastructureError
from fleetloop.sim import Population, Unit, World, save
from fleetloop.sim.line import Line

START = 1_760_000_400.0
TOP = Path(__file__).parents[2]


class Standing:
    """A server that needs no help."""

    def alive(self) -> bool:
        return True

    async def restart(self) -> None:
        raise AssertionError


class Chime:
    """A participant that is due at given times."""

    def __init__(self, name: str, times: Sequence[float]) -> None:
        self.name, self.times, self.heard, self.ended = name, list(times), [], False
        self.heard: list[tuple[float, float]]

    @property
    def next(self) -> float:
        return self.times[0] if self.times else float("inf")

    async def run(self, since: float, to: float, *, away: bool = False) -> float:
        self.heard.append((since, to))
        while self.times and self.times[0] <= to:
            self.times.pop(0)
        return self.next

    async def end(self) -> None:
        self.ended = True


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House([], now=START)
    runner = await serve(house)
    yield house
    await runner.cleanup()


def hours(*them: float) -> list[float]:
    return [START + h * HOUR for h in them]


async def test_time_goes_to_whatever_is_due_next(house: House) -> None:
    """The server's timers too, though no device is due then; each participant is told where it stood."""
    house.timers = hours(2.5)
    a, b = Chime("a", hours(1, 3)), Chime("b", hours(1, 2))
    seen: list[float] = []

    async def story(status: Status) -> bool:
        seen.append((status.now - START) / HOUR)
        assert house.now == status.now
        return status.now < START + 3 * HOUR

    async with Conductor(house.url, Standing(), [a, b], START) as conductor:
        await conductor.play(story)
        assert conductor.status.rollouts == (("r1", "running", 0),)
    assert seen == [0, 1, 2, 2.5, 3]
    assert a.heard == [(START, START + HOUR)]
    assert b.heard == [(START, START + HOUR), (START + HOUR, START + 2 * HOUR)]
    assert a.ended
    assert b.ended


async def test_who_is_due_again_at_once_is_served_in_the_same_instant(house: House) -> None:
    class Twice(Chime):
        async def run(self, since: float, to: float, *, away: bool = False) -> float:
            self.heard.append((since, to))
            self.times.pop(0)
            return self.next

    twice = Twice("t", hours(1, 1, 1, 2))
    async with Conductor(house.url, Standing(), [twice], START) as conductor:
        await conductor.play(_until(START + 2 * HOUR))
    assert [to for _, to in twice.heard] == hours(1, 1, 1)


def _until(end: float):
    async def story(status: Status) -> bool:
        return status.now < end

    return story


async def test_the_future_is_refused_in_a_sentence(house: House) -> None:
    house.now = start = time.time() - 10
    async with Conductor(house.url, Standing(), [Chime("a", [start + HOUR])], start) as conductor:
        with pytest.raises(InfrastructureError, match="the story has reached the present; it needs an earlier start"):
            await conductor.play(_until(float("inf")))


async def test_catching_up_ends_before_the_future_and_then_time_is_real(house: House) -> None:
    house.now = start = float(int(time.time() - 3 * HOUR))
    chime = Chime("a", [start + HOUR, start + 2 * HOUR, start + 9 * HOUR])
    async with Conductor(house.url, Standing(), [chime], start) as conductor:
        await conductor.catch_up()
        assert conductor.now == start + 2 * HOUR
        chime.times.insert(0, time.time() + 0.5)
        task = asyncio.create_task(conductor.live())
        while len(chime.heard) < 3:
            await asyncio.sleep(0.05)
        conductor.interrupt()
        await asyncio.wait_for(task, 2)
    assert abs(house.now - time.time()) < 5


async def test_pace_only_sleeps(house: House) -> None:
    began = time.monotonic()
    async with Conductor(house.url, Standing(), [Chime("a", hours(1, 2, 3))], START, pace=0.1) as conductor:
        await conductor.play(_until(START + 3 * HOUR))
    assert time.monotonic() - began >= 0.2


async def test_an_interrupt_ends_after_the_instant(house: House) -> None:
    chime = Chime("a", hours(*range(1, 1000)))
    async with Conductor(house.url, Standing(), [chime], START, pace=10) as conductor:
        asyncio.get_running_loop().call_later(0.2, conductor.interrupt)
        await asyncio.wait_for(conductor.play(_until(float("inf"))), 2)
    assert chime.ended


async def test_a_server_that_does_not_step_is_named() -> None:
    from aiohttp import web

    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with Conductor(url, Standing(), [Chime("a", hours(1))], START) as conductor:
        with pytest.raises(InfrastructureError, match="up --stepped"):
            await conductor.play(_until(START + HOUR))
    await runner.cleanup()


async def test_nothing_due_any_more(house: House) -> None:
    async with Conductor(house.url, Standing(), [Chime("a", [])], START) as conductor:
        with pytest.raises(InfrastructureError, match="nothing is due any more"):
            await conductor.play(_until(float("inf")))


async def test_without_the_server_devices_go_on(house: House) -> None:
    chime = Chime("a", hours(1, 2, 3))
    async with Conductor(house.url, Standing(), [chime], START) as conductor:
        await conductor.alone(START + 2.5 * HOUR)
        assert [to for _, to in chime.heard] == hours(1, 2)
        assert house.now == START
        await conductor.play(_until(START + 3 * HOUR))
    assert house.now == START + 3 * HOUR


class Killable:
    """The small house in a process of its own, killed at random moments by the test."""

    def __init__(self, folder: Path, plan: Path) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [sys.executable, "-m", "tests.sim.house", str(self.port), str(folder / "state"), str(plan)]
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def restart(self) -> None:
        self.process = subprocess.Popen(self.command, cwd=TOP)
        async with aiohttp.ClientSession() as http:
            for _ in range(200):
                try:
                    async with http.get(self.url):
                        self.ready = True
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        raise AssertionError

    def kill(self) -> None:
        self.ready = False
        if self.process and self.alive():
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()


def planned(folder: Path) -> tuple[Population, Path]:
    for name, macros in {"old": {}, "bad": {"FAULT_AT": 20_000, "FAULT": "DIVIDE"}, "good": {}}.items():
        compiled(folder / f"{name}.so", name, **macros)
    plan = [[START + i * 6 * HOUR, {r: str(folder / f"{n}.so") for r in "ab"}] for i, n in enumerate(("bad", "good"))]
    (folder / "plan.json").write_text(json.dumps(plan))
    units = tuple(Unit(f"cell-{i}{r}", f"token-cell-{i}{r}", r) for i in range(10) for r in "ab")
    return Population(units, dict.fromkeys("ab", "old.so"), START), folder / "plan.json"


async def story_of(folder: Path, population: Population, plan: Path, kills: int) -> list[object]:
    """The devices' own lives after 12 virtual hours, without what a repetition may change."""
    server = Killable(folder, plan)
    await server.restart()
    killing = asyncio.create_task(_kills(server, kills))
    world = World(population, Line(server.url), folder)
    async with world, Conductor(server.url, server, [world], START, pace=0.1) as conductor:
        await conductor.play(_until(START + 12 * HOUR))
        assert (conductor.restarts > 0) == (kills > 0)
    killing.cancel()
    server.kill()
    (folder / "state").unlink()
    lives = [d.record.document() for d in world.devices]
    for life in lives:
        for report in life["reports"]:  # type: ignore[attr-defined]
            report["answered"] = None
    return lives


async def _kills(server: Killable, times: int) -> None:
    chance = random.Random(times)
    for _ in range(times):
        await asyncio.sleep(0.05 + 0.1 * chance.random())
        server.kill()
        while not server.ready:
            await asyncio.sleep(0.02)


async def test_a_killed_server_changes_no_device(tmp_path: Path) -> None:
    population, plan = planned(tmp_path)
    calm = await story_of(tmp_path, population, plan, 0)
    assert await story_of(tmp_path, population, plan, 3) == calm
    assert any(life["crashes"] for life in calm)  # type: ignore[index]


async def test_a_server_that_ends_again_and_again_is_named(tmp_path: Path) -> None:
    class Broken:
        def alive(self) -> bool:
            return False

        async def restart(self) -> None:
            pass

    async with Conductor("http://127.0.0.1:9", Broken(), [Chime("a", hours(1))], START) as conductor:
        with pytest.raises(InfrastructureError, match="the server ended 4 times in the instant 1760000400"):
            await conductor.play(_until(START + HOUR))


async def test_a_simulation_in_its_own_process_lives_the_same_lives(house: House, tmp_path: Path) -> None:
    population, _ = planned(tmp_path)
    save(population, tmp_path / "devices.json")
    records = tmp_path / "records"
    options = [
        "--devices",
        str(tmp_path / "devices.json"),
        "--conducted",
        "--records",
        str(records),
        "--server",
        house.url,
    ]
    program = Program("simulation", [sys.executable, "-m", "fleetloop", "sim", *options], tmp_path / "log")
    child = await Child.start(program)
    async with Conductor(house.url, Standing(), [child], START) as conductor:
        await conductor.play(_until(START + 5 * HOUR))
    here = World(population, Line(house.url), tmp_path)
    house.now = START
    async with here, Conductor(house.url, Standing(), [here], START) as conductor:
        await conductor.play(_until(START + 5 * HOUR))
    here.write(tmp_path / "here")
    assert records.read_text() == (tmp_path / "here").read_text()
    assert (tmp_path / "log").read_text() == ""


def program(folder: Path, script: str) -> Program:
    return Program("the gateway", [sys.executable, "-c", script], folder / "log", folder / "crumb")


async def test_a_participant_that_dies_by_a_signal_is_named_with_the_code_it_ran(tmp_path: Path) -> None:
    (tmp_path / "crumb").write_bytes(b"version 9 on device d7\0\0")
    script = "import os; print('{\"next\": 1}', flush=True); input(); os.kill(os.getpid(), 11)"
    child = await Child.start(program(tmp_path, script))
    with pytest.raises(
        InfrastructureError, match=r"the gateway was ended by SIGSEGV while it ran version 9 on device d7; see"
    ):
        await child.run(0, 1)
    await child.end()


async def test_a_participants_own_sentence(tmp_path: Path) -> None:
    child = await Child.start(program(tmp_path, 'print(\'{"next": 1}\\n{"failed": "no board"}\', flush=True); input()'))
    assert child.next == 1
    with pytest.raises(InfrastructureError, match=r"^the gateway: no board$"):
        await child.run(0, 1)
    await child.end()


async def test_a_participant_that_never_starts(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match=r"the gateway ended by itself with exit code 3; see .*log"):
        await Child.start(program(tmp_path, "raise SystemExit(3)"))


def test_a_participant_ends_with_its_conductor(tmp_path: Path) -> None:
    """Killed outright, the conductor leaves nothing running, not even who does not read its stdin."""
    pid = tmp_path / "pid"
    deaf = f"import os, time; print('{{\\x22next\\x22: 1}}', flush=True); open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    script = f"""
import asyncio, sys
from fleetloop.app.participant import Child, Program
async def main():
    await Child.start(Program("deaf", [sys.executable, "-c", {deaf!r}]))
    await asyncio.sleep(60)
asyncio.run(main())
"""
    conductor = subprocess.Popen([sys.executable, "-c", script])
    _wait(lambda: pid.exists() and pid.read_text() != "")
    conductor.kill()
    conductor.wait()
    _wait(lambda: not _runs(int(pid.read_text())))


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def _wait(done, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
