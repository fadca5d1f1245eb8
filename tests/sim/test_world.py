import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.sim.conftest import Make
from tests.sim.house import House, Part, serve

from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.errors import InfrastructureError
from fleetloop.sim.faults import Faults
from fleetloop.sim.line import Line
from fleetloop.sim.model import Population, Unit
from fleetloop.sim.world import World

START = 1_760_000_400.0
NAMES = tuple(f"cell-{i:03d}{revision}" for i in range(4) for revision in "ab")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House([], now=START)
    runner = await serve(house)
    yield house
    await runner.cleanup()


@pytest.fixture
def factory(library: Make, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "old.so").write_bytes(library("0.1"))
    return {"a": "old.so", "b": "old.so"}


def fleet(factory: dict[str, str], names: tuple[str, ...] = NAMES, **settings: Any) -> Population:
    units = tuple(Unit(n, f"token-{n}", n[-1], {"takes": "host-library"}) for n in names)
    return Population(units, factory, START, **settings)


async def live(world: World, house: House, until: float) -> None:
    """The conductor's loop, in short."""
    at = START
    while world.next <= until:
        since, at = at, world.next
        house.now = at
        while world.next <= at:
            await world.run(since, at)


async def lived(house: House, population: Population, folder: Path, until: float, connections: int = 8) -> World:
    world = World(population, Line(house.url, connections), folder)
    async with world:
        await live(world, house, until)
    return world


def words(house: House, device: str) -> list[str]:
    return [f"{execution}/{finished}" for _, execution, finished, _ in house.said(device, "deploymentBase")]


async def test_a_device_tells_what_it_is_and_beats_every_poll(
    house: House, factory: dict[str, str], tmp_path: Path
) -> None:
    await lived(house, fleet(factory, NAMES[:1]), tmp_path, START + 5 * HOUR)
    beats = house.said(NAMES[0], "heartbeat")
    assert len(beats) == 5
    assert beats[0] | {"boot_id": "", "uptime_s": 0} == {
        "version": "0.1",
        "hardware_revision": "a",
        "boot_id": "",
        "uptime_s": 0,
        "reset": "power",
        "crashes": 0,
        "self_test": True,
    }
    assert [b["uptime_s"] - a["uptime_s"] for a, b in itertools.pairwise(beats)] == [3600] * 4
    assert house.said(NAMES[0], "attributes") == [{"mode": "merge", "data": {"takes": "host-library"}}]


async def test_an_update_is_reported_and_then_boots(
    house: House, factory: dict[str, str], library: Make, tmp_path: Path
) -> None:
    house.plan = [Part(START, {"a": library("1.0"), "b": library("1.0")})]
    world = await lived(house, fleet(factory), tmp_path, START + 3 * HOUR)
    for device in world.devices:
        assert words(house, device.unit.id) == ["proceeding/none", "downloaded/none", "closed/success"]
        beats = house.said(device.unit.id, "heartbeat")
        assert [b["version"] for b in beats][:2] == ["0.1", "1.0"]
        assert beats[1]["reset"] == "software"
        boots = device.record.boots
        closed = next(r for r in device.record.reports if r.execution == "closed")
        assert boots[1].at == closed.at + 30
        assert closed.acknowledged == closed.at


async def test_a_crash_shows_in_the_next_heartbeat(
    house: House, factory: dict[str, str], library: Make, tmp_path: Path
) -> None:
    house.plan = [Part(START, {"a": library("1.1", FAULT_AT=7200, FAULT="DIVIDE"), "b": library("1.0")})]
    world = await lived(house, fleet(factory), tmp_path, START + 4 * HOUR)
    for device in world.devices:
        last = house.said(device.unit.id, "heartbeat")[-1]
        assert last["crashes"] == (1 if device.unit.revision == "a" else 0)
        assert [c.up for c in device.record.crashes] == [7200] * last["crashes"]


async def test_a_failed_trial_shows_the_old_version_again(
    house: House, factory: dict[str, str], library: Make, tmp_path: Path
) -> None:
    house.plan = [Part(START, {"a": library("1.2", FAULT_AT=20, FAULT="DIVIDE")})]
    await lived(house, fleet(factory, NAMES[:1]), tmp_path, START + 3 * HOUR)
    beats = house.said(NAMES[0], "heartbeat")
    assert [b["version"] for b in beats] == ["0.1"] * len(beats)
    assert (beats[-1]["crashes"], beats[1]["reset"]) == (1, "fault")
    assert words(house, NAMES[0])[-1] == "closed/success"


async def test_a_liar_says_success_and_keeps_what_it_had(
    house: House, factory: dict[str, str], library: Make, tmp_path: Path
) -> None:
    house.plan = [Part(START, {"a": library("1.0")})]
    await lived(house, fleet(factory, NAMES[:1], faults=Faults(liars=1.0)), tmp_path, START + 3 * HOUR)
    assert words(house, NAMES[0])[-1] == "closed/success"
    beats = house.said(NAMES[0], "heartbeat")
    assert [(b["version"], b["reset"]) for b in beats[:2]] == [("0.1", "power"), ("0.1", "software")]


async def test_a_power_cut_in_mid_download_is_resumed(
    house: House, factory: dict[str, str], library: Make, tmp_path: Path
) -> None:
    house.plan = [Part(START, {"a": library("1.0")})]
    population = fleet(factory, NAMES[:1], faults=Faults(cut=0.7), seed=3)
    await lived(house, population, tmp_path, START + 20 * HOUR)
    begins = house.said(NAMES[0], "download")
    assert len(begins) > 1
    assert begins[0] == 0
    assert begins == sorted(set(begins))
    assert words(house, NAMES[0]) == ["proceeding/none", "downloaded/none", "closed/success"]
    beats = house.said(NAMES[0], "heartbeat")
    assert "power" in [b["reset"] for b in beats[1:]]
    assert (beats[-1]["version"], beats[-1]["crashes"]) == ("1.0", 0)


async def test_wrong_bytes_are_never_run(house: House, factory: dict[str, str], library: Make, tmp_path: Path) -> None:
    house.plan, house.truncate = [Part(START, {"a": library("1.0")})], True
    world = await lived(house, fleet(factory, NAMES[:1]), tmp_path, START + 2 * HOUR)
    assert words(house, NAMES[0]) == ["proceeding/none", "closed/failure"]
    assert "SHA-256" in house.said(NAMES[0], "deploymentBase")[-1][3][0]
    assert world.devices[0].board.boots == 1


async def test_an_artifact_that_is_no_library_is_reported(
    house: House, factory: dict[str, str], tmp_path: Path
) -> None:
    house.plan = [Part(START, {"a": b"not a library"})]
    await lived(house, fleet(factory, NAMES[:1]), tmp_path, START + 2 * HOUR)
    assert words(house, NAMES[0]) == ["proceeding/none", "downloaded/none", "closed/failure"]


async def test_update_skip_downloads_and_waits(
    house: House, factory: dict[str, str], library: Make, tmp_path: Path
) -> None:
    part = Part(START, {"a": library("1.0")}, update="skip")
    house.plan = [part]
    world = World(fleet(factory, NAMES[:1]), Line(house.url), tmp_path)
    async with world:
        await live(world, house, START + 3 * HOUR)
        assert words(house, NAMES[0]) == ["proceeding/none", "downloaded/none"]
        part.update = "forced"
        await live(world, house, START + 5 * HOUR)
    assert words(house, NAMES[0])[-1] == "closed/success"
    assert house.said(NAMES[0], "download") == [0]


async def test_a_cancel_is_agreed_to(house: House, factory: dict[str, str], library: Make, tmp_path: Path) -> None:
    house.plan = [Part(START, {"a": library("1.0")}, update="skip")]
    world = World(fleet(factory, NAMES[:1]), Line(house.url), tmp_path)
    async with world:
        await live(world, house, START + 2 * HOUR)
        house.cancelled = {a for _, _, w, a in house.log if w == "deployment"}
        await live(world, house, START + 4 * HOUR)
    assert [(e, f) for _, e, f, _ in house.said(NAMES[0], "cancelAction")] == [("closed", "success")]
    assert world.devices[0].job is None


async def test_radio_silence_is_the_devices_own(house: House, factory: dict[str, str], tmp_path: Path) -> None:
    world = await lived(house, fleet(factory, faults=Faults(silence=0.3)), tmp_path, START + 5 * DAY)
    for device in world.devices:
        beats = [at for at, d, w, _ in house.log if (d, w) == (device.unit.id, "heartbeat")]
        gaps = [b - a for a, b in itertools.pairwise(beats) if b - a > HOUR]
        assert all(gap > 3 * HOUR for gap in gaps)
        assert sum(gap / HOUR - 1 for gap in gaps) == device.record.counts["failures"]
    assert sum(d.record.counts["failures"] for d in world.devices) > 10


async def test_a_device_that_is_refused_tries_again_at_its_next_poll(
    house: House, factory: dict[str, str], tmp_path: Path
) -> None:
    house.refused = {NAMES[0]}
    world = World(fleet(factory, NAMES[:1]), Line(house.url), tmp_path)
    async with world:
        await live(world, house, START + 2 * HOUR)
        house.refused = set()
        await live(world, house, START + 3 * HOUR)
    assert [f.why for f in world.devices[0].record.failures] == ["heartbeat: status 401"] * 2
    assert len(house.said(NAMES[0], "heartbeat")) == 1


async def test_a_server_away_on_purpose_fails_contacts_and_keeps_reports(
    house: House, factory: dict[str, str], library: Make, tmp_path: Path
) -> None:
    house.plan = [Part(START, {"a": library("1.0")})]

    def away_at_closed(_device: str, path: str) -> None:
        house.away = house.away or (path.endswith("feedback") and "downloaded/none" in words(house, NAMES[0]))

    house.before = away_at_closed
    world = World(fleet(factory, NAMES[:1]), Line(house.url), tmp_path)
    async with world:
        while world.next < START + 10 * HOUR:
            house.now = world.next
            await world.run(0, world.next, away=True)
        assert words(house, NAMES[0])[-1] == "downloaded/none"
        assert {f.why for f in world.devices[0].record.failures} == {"server away"}
        house.before, house.away = None, False
        await live(world, house, START + 12 * HOUR)
    assert words(house, NAMES[0])[-1] == "closed/success"
    assert house.said(NAMES[0], "heartbeat")[-1]["version"] == "1.0"


async def test_a_contact_that_breaks_off_is_begun_again(
    house: House, factory: dict[str, str], library: Make, tmp_path: Path
) -> None:
    """Each request of the first update fails once; the outcome is as if none had."""
    house.plan = [Part(START, {"a": library("1.0")})]
    failed: set[str] = set()

    def once(_device: str, path: str) -> None:
        kind = path.rpartition("/")[2] + str(len(words(house, NAMES[0])))
        if kind not in failed:
            failed.add(kind)
            raise ConnectionResetError

    house.before = once
    world = await lived(house, fleet(factory, NAMES[:1]), tmp_path, START + 3 * HOUR)
    assert words(house, NAMES[0]) == ["proceeding/none", "downloaded/none", "closed/success"]
    assert house.said(NAMES[0], "heartbeat")[-1]["version"] == "1.0"
    assert world.devices[0].record.repeats >= 6
    assert not world.devices[0].record.failures


async def test_a_server_that_hangs_is_an_infrastructure_failure(
    house: House, factory: dict[str, str], tmp_path: Path
) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    mute = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{mute.sockets[0].getsockname()[1]}"
    world = World(fleet(factory), Line(url, timeout_s=0.2), tmp_path)
    async with world:
        with pytest.raises(InfrastructureError, match=r"took POST /DEFAULT/heartbeat.* and gave no answer in 0\.2 s"):
            await world.run(START, world.next)
    mute.close()
    await mute.wait_closed()


STORY = Faults(silence=0.4, power=0.1, cut=0.3, liars=0.1)


async def told(
    library: Make, factory: dict[str, str], folder: Path, connections: int, shuffle: int, **settings: Any
) -> str:
    """The devices' own records after a small story, as one text."""
    bad = {"a": library("1.1", FAULT_AT=30_000, FAULT="DIVIDE"), "b": library("1.1")}
    good = {"a": library("1.2"), "b": library("1.2")}
    house = House([Part(START + HOUR, bad), Part(START + DAY, good, lambda d: d < "cell-003")], now=START)
    runner = await serve(house)
    population = fleet(factory, faults=STORY, **settings)
    world = World(population, Line(house.url, connections), folder)
    world.reorder = random.Random(shuffle).shuffle
    async with world:
        await live(world, house, START + 2 * DAY)
    await runner.cleanup()
    out = folder / f"records-{connections}-{shuffle}"
    world.write(out)
    return out.read_text()


@pytest.mark.parametrize("grid_s", [7, 300, 3600])
async def test_the_same_seed_gives_the_same_lives(
    grid_s: int, library: Make, factory: dict[str, str], tmp_path: Path
) -> None:
    """Whatever the order of an instant's contacts, and with one connection as with many."""
    first = await told(library, factory, tmp_path, 32, 1, grid_s=grid_s)
    assert await told(library, factory, tmp_path, 1, 2, grid_s=grid_s) == first
    assert await told(library, factory, tmp_path, 32, 3, grid_s=grid_s) == first
    lives = [json.loads(line) for line in first.splitlines()]
    assert [life["device"] for life in lives] == sorted(NAMES)
    assert any(life["crashes"] for life in lives)
    assert any(life["failures"] for life in lives)
    assert await told(library, factory, tmp_path, 32, 1, grid_s=grid_s, seed=2) != first
