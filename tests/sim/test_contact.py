"""Simulated devices against the house's own device protocols, on a real server."""

from pathlib import Path

from tests.sim.conftest import Make
from tests.wire.house import START, MemoryHouse
from tests.wire.live import Live

from fleetloop.core.clock import HOUR
from fleetloop.sim.faults import Faults
from fleetloop.sim.line import Line
from fleetloop.sim.model import Population, Unit
from fleetloop.sim.world import World
from fleetloop.wire import Execution, Finished

NAMES = [f"cell-{i}" for i in range(6)]


async def test_the_simulation_speaks_what_the_house_understands(library: Make, tmp_path: Path) -> None:
    (tmp_path / "old.so").write_bytes(library("0.1"))
    house = MemoryHouse(tmp_path)
    units = tuple(Unit(name, house.add(name), "a", {"takes": "host-library"}) for name in NAMES)
    actions = {name: house.offer(name, "lib.so", library("1.0"), version="1.0") for name in NAMES[:4]}
    house.cancel(actions[NAMES[3]])
    house.asked = set(NAMES)
    population = Population(units, {"a": "old.so"}, START, seed=4, faults=Faults(cut=0.5))
    with Live(house.devices) as url:
        async with World(population, Line(url, 4), tmp_path) as world:
            while world.next <= START + 8 * HOUR:
                house.clock.move(world.next)
                await world.run(0, world.next)
    for name in NAMES[:3]:
        words = [(r.execution, r.finished) for r in house.attempts[actions[name]].reports]
        assert words[-1] == (Execution.CLOSED, Finished.SUCCESS)
        assert [w[0] for w in words] == [Execution.PROCEEDING, Execution.DOWNLOADED, Execution.CLOSED]
    assert house.attempts[actions[NAMES[3]]].word == "CANCELED"
    assert {n: house.beats[n].version for n in NAMES} == {n: "1.0" if n in NAMES[:3] else "0.1" for n in NAMES}
    assert house.facts[NAMES[5]] == {"takes": "host-library"}
    assert sum(a.downloads for a in house.attempts.values()) == 3
    cuts = [b for d in world.devices for b in list(d.record.boots)[1:] if b.reset == "power"]
    assert cuts, "a download was to be cut"
    assert not any(d.record.failures for d in world.devices)
