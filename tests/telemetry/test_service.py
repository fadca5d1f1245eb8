import asyncio
from dataclasses import replace

import pytest

from fleetloop.access import Person, Role, Tokens
from fleetloop.core.clock import SteppedClock
from fleetloop.core.db import Database, facts_after
from fleetloop.core.facts import Fact
from fleetloop.fleet import Fleet, NewDevice, RevisionMismatched, VersionSeen
from fleetloop.hardware import Hardware
from fleetloop.telemetry import Crashed, Heartbeats, Rebooted, find_heartbeat, timeline
from fleetloop.wire import Heartbeat

ANN = Person("ann", Role.OPERATOR)
OK = Heartbeat("1.0.0", "b", "boot-1", 60.0, "power", 4, True)


@pytest.fixture
async def fleet(db: Database, clock: SteppedClock) -> Fleet:
    hardware = Hardware(db, clock)
    await hardware.add_product(ANN, "coldcell", 3600)
    await hardware.add_revision(ANN, "coldcell", "b")
    fleet = Fleet(db, clock, Tokens())
    await fleet.add(ANN, [NewDevice("d1", "coldcell", "b")])
    return fleet


@pytest.fixture
def heartbeats(db: Database, clock: SteppedClock, fleet: Fleet) -> Heartbeats:
    return Heartbeats(db, clock)


async def take(heartbeats: Heartbeats, heartbeat: Heartbeat) -> bool:
    """Whether it had to be kept."""
    waiting = heartbeats.take("d1", heartbeat)
    if waiting is not None:
        await waiting
    return waiting is not None


async def facts(db: Database, *kinds: type[Fact]) -> list[Fact]:
    wanted = [kind.__name__ for kind in kinds]
    return [each.fact for each in await db.read(lambda reader: facts_after(reader, 0, wanted))]


async def test_a_change_is_on_disk_before_the_answer(heartbeats: Heartbeats, fleet: Fleet, db: Database) -> None:
    assert await take(heartbeats, OK)
    assert await db.read(lambda reader: find_heartbeat(reader, "d1")) == OK
    assert not await take(heartbeats, replace(OK, uptime_s=3660.0))
    assert await take(heartbeats, replace(OK, uptime_s=3700.0, crashes=5))
    found = await fleet.get("d1")
    assert (found.version, found.weak, found.told_revision) == ("1.0.0", False, "b")


async def test_crashes_reboots_and_sightings(heartbeats: Heartbeats, db: Database, clock: SteppedClock) -> None:
    await take(heartbeats, OK)
    first = clock.now()
    clock.move(first + 3600)
    await take(heartbeats, replace(OK, uptime_s=3660.0))
    clock.move(first + 7200)
    crashed = replace(OK, boot_id="boot-2", uptime_s=9.0, reset="fault", crashes=5)
    await take(heartbeats, crashed)
    await take(heartbeats, crashed)
    at = clock.now()
    assert await facts(db, Crashed) == [Crashed(at, "d1", 5, 1, "fault", "boot-2", "1.0.0", 3660.0, "boot-2.5")]
    assert await facts(db, Rebooted) == [Rebooted(at, "d1", "boot-2", "fault", "1.0.0")]
    assert await facts(db, VersionSeen) == [
        VersionSeen(first, "d1", "1.0.0", "", "heartbeat"),
        VersionSeen(at, "d1", "1.0.0", "1.0.0", "heartbeat"),
    ]
    lines = await db.read(lambda reader: timeline(reader, "d1"))
    assert [(line.what, line.text) for line in lines] == [
        ("reboot", "boot boot-2, reset fault"),
        ("crash", "crashed, reset fault, last seen up 3660 s"),
    ]


async def test_the_same_news_twice_at_once_counts_once(heartbeats: Heartbeats, db: Database) -> None:
    await take(heartbeats, OK)
    crashed = replace(OK, boot_id="boot-2", crashes=6)
    waiting = [heartbeats.take("d1", crashed) for _ in range(5)]
    await asyncio.gather(*(w for w in waiting if w is not None))
    assert [fact.count for fact in await facts(db, Crashed) if isinstance(fact, Crashed)] == [2]


async def test_the_same_after_a_restart(heartbeats: Heartbeats, db: Database, clock: SteppedClock) -> None:
    await take(heartbeats, OK)
    again = Heartbeats(db, clock)
    await again.load()
    assert again.last("d1") == OK
    assert not await take(again, replace(OK, uptime_s=99.0))
    await take(again, replace(OK, boot_id="boot-2", crashes=5))
    assert len(await facts(db, Crashed)) == 1


async def test_flush_writes_the_uptime_and_never_over_a_newer_boot(heartbeats: Heartbeats, db: Database) -> None:
    await take(heartbeats, OK)
    await take(heartbeats, replace(OK, uptime_s=3660.0))
    await db.write(heartbeats.flush)
    kept = await db.read(lambda reader: find_heartbeat(reader, "d1"))
    assert kept == replace(OK, uptime_s=3660.0)
    assert heartbeats._fresh == {}
    await take(heartbeats, replace(OK, uptime_s=7260.0))
    newer = replace(OK, boot_id="boot-2", uptime_s=1.0)
    await take(heartbeats, newer)
    await db.write(heartbeats.flush)
    assert await db.read(lambda reader: find_heartbeat(reader, "d1")) == newer


async def test_another_board_is_noted(heartbeats: Heartbeats, db: Database, clock: SteppedClock) -> None:
    await take(heartbeats, replace(OK, hardware_revision="C"))
    assert await facts(db, RevisionMismatched) == [RevisionMismatched(clock.now(), "d1", "b", "C")]


async def test_a_device_retired_meanwhile_says_nothing(heartbeats: Heartbeats, fleet: Fleet, db: Database) -> None:
    waiting = heartbeats.take("d1", OK)
    await fleet.retire(ANN, "d1")
    assert waiting is not None
    await waiting
    assert await db.read(lambda reader: find_heartbeat(reader, "d1")) is None
    assert await facts(db, VersionSeen) == []
