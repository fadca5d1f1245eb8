"""SQL stays at home and inside its tenant: read out of every statement of a whole turn of the loop."""

import httpx
import pytest
import sqlalchemy as sa
from tests.rollouts.conftest import house
from tests.rollouts.house import ANN, House
from tests.rollouts.test_service import second_release
from tests.statements import Said, foreign, heard, unscoped

from fleetloop import access, fleet, releases, rollouts, telemetry
from fleetloop.access import OPERATIONS, Person, Role
from fleetloop.app.serve import API, Server
from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.db import Database
from fleetloop.core.tables import metadata

__all__ = ["house"]
ASKED = {"{id}": "1", "{product}": "cell", "{version}": "1.1.0", "{path:path}": "release.json", "{name}": "ann"}


async def turn(house: House) -> None:
    """A release that hurts is stopped and taken back, a device leaves, one joins, the server starts again."""
    number = await second_release(house, devices=24, soak_s=DAY, in_flight_least=40, attempts=1)
    for unit in house.units.values():
        unit.crash_on = frozenset({"1.1.0"})
    await house.live(2 * HOUR)
    await house.rooms.fleet.retire(ANN, "d000")
    del house.units["d000"]
    await house.add("d100", version="1.0.0")
    await house.rooms.fleet.attributes("d100", "merge", {"version": "1.0.0"})
    await house.over(number)
    await house.live(3 * HOUR)
    again = await house.again(away=HOUR)
    await again.live(HOUR)
    await ask(again)
    await again.close()


async def ask(house: House) -> None:
    """Everything that can be looked at over HTTP."""
    server = Server(house.rooms)
    await house.rooms.access.add_person(ANN, "ann", Role.ADMIN, "long enough")
    _, token = await house.rooms.access.add_token(Person("ann", Role.ADMIN), "test", None, None)
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/html"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(server), base_url="http://127.0.0.1", headers=headers
    ) as http:
        pages = ["/", "/releases", "/rollouts", "/rollouts/2", "/fleet", "/incidents", "/incidents/1", "/devices/d001"]
        for path in [*pages, *(o.split()[1] for o in OPERATIONS if o.startswith(f"GET {API}"))]:
            for word, value in ASKED.items():
                path = path.replace(word, value)
            assert (await http.get(path)).status_code < 500, path


async def test_a_whole_turn_of_the_loop(house: House) -> None:
    with heard() as said:
        await turn(house)
    assert len({s.module for s in said}) >= 10
    assert sorted({line for s in said for line in foreign(s)}) == []
    assert sorted({line for s in said for line in unscoped(s)}) == []


@pytest.mark.parametrize("room", [access, fleet, releases, rollouts, telemetry], ids=lambda r: r.__name__)
def test_no_front_door_hands_out_a_table(room: object) -> None:
    names = room.__all__  # type: ignore[attr-defined]
    assert [name for name in names if isinstance(getattr(room, name), sa.Table)] == []


def run_as(module: str, statement: object, db: Database) -> list[Said]:
    """As if ``module`` had run it."""
    space = {"__name__": module, "db": db, "statement": statement}
    with heard() as said:
        exec("db.read_now(lambda reader: reader.execute(statement))", space)
    return said


def test_the_guard_catches_what_it_is_there_for(db: Database) -> None:
    devices, contacts, deployments = (metadata.tables[n] for n in ("devices", "contacts", "deployments"))
    both = sa.select(devices.c.device).join(deployments, deployments.c.device == devices.c.device)
    [said] = run_as("fleetloop.rollouts.store", both, db)
    assert len(foreign(said)) == 1
    [said] = run_as("fleetloop.rollouts.store", sa.delete(devices), db)
    assert len(foreign(said)) == 1
    inside = sa.delete(deployments).where(deployments.c.device.in_(both))
    [said] = run_as("fleetloop.rollouts.store", inside, db)
    assert len(foreign(said)) == 1
    own = sa.select(devices.c.device).join(contacts, contacts.c.device == devices.c.device)
    for module in ("fleetloop.fleet.store", "fleetloop.rollouts.opening"):
        [said] = run_as(module, own, db)
        assert (foreign(said), unscoped(said)) == ([], [])
    assert run_as("tests.somewhere", both, db) == []


def test_a_table_out_of_reach_of_the_tenants_condition_is_seen() -> None:
    """Named in a condition only: nothing narrows it, so nobody may write that."""
    devices, contacts = (metadata.tables[n] for n in ("devices", "contacts"))
    hidden = sa.select(devices.c.device).where(contacts.c.device == devices.c.device)
    [line] = unscoped(Said("fleetloop.fleet.store", hidden))
    assert line.startswith("fleetloop.fleet.store: contacts in SELECT")
