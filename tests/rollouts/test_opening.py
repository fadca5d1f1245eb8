from tests.rollouts.house import ANN, House, names
from tests.rollouts.test_service import second_release

from fleetloop.core.clock import HOUR
from fleetloop.core.db import Reader
from fleetloop.fleet import NewDevice
from fleetloop.rollouts import State
from fleetloop.rollouts.draft import Offer, selection


async def selected(house: House, offer: Offer) -> list[tuple[str, int]]:
    def job(reader: Reader) -> list[tuple[str, int]]:
        return [(m.device, m.artifact) for m in selection(reader, offer)]

    return await house.rooms.db.read(job)


async def test_who_can_take_a_release(house: House) -> None:
    await house.add("b1", "b2", "old")
    await house.add("a1", revision="a")
    await house.add("there", version="1.0.0")
    fleet = house.rooms.fleet
    await fleet.add(ANN, [NewDevice("lib", "cell", "b", takes="host-library")])
    await fleet.retire(ANN, "old")
    offer = Offer("cell", "1.0.0", {("b", "image"): 7, ("a", "file"): 8})
    assert await selected(house, offer) == [("b1", 7), ("b2", 7)]
    offer = Offer("cell", "1.0.0", {("b", "image"): 7, ("a", "image"): 8, ("b", "host-library"): 9})
    assert await selected(house, offer) == [("a1", 8), ("b1", 7), ("b2", 7), ("lib", 9)]
    assert offer.revisions == ["a", "b"]


async def test_each_wave_draws_of_each_revision(house: House) -> None:
    await house.add(*names(16, "b"))
    await house.add(*names(8, "a"), revision="a")
    await house.publish("1.0.0", "a", "b")
    await house.start("1.0.0", waves=[25.0, 50.0, 100.0], soak_s=HOUR)
    drawn: list[dict[str, int]] = []
    for wave in (1, 2, 3):
        while (await house.get(1)).wave < wave:
            await house.live(HOUR)
        mine = [d for d in await house.rooms.rollouts.deployments(1) if d.wave == wave]
        drawn.append({r: sum(d.device.startswith(r) for d in mine) for r in "ab"})
    assert drawn == [{"a": 2, "b": 4}, {"a": 2, "b": 4}, {"a": 4, "b": 8}]
    entry = next(e for e in await house.happened(1) if e.kind == "wave")
    assert (entry.title, entry.text) == ("Wave 1 opened (6 devices)", "Drawn: 2 a, 4 b")


async def test_the_same_seed_draws_the_same(house: House) -> None:
    await house.add(*names(24))
    await house.publish("1.0.0")
    first = await house.start("1.0.0", seed="one")
    await house.step(house.now + HOUR)
    seed = first.seed
    drawn = set(await house.states(first.id))
    assert len(drawn) == 6
    assert (seed, drawn) == ("one", set(await house.states(first.id)))
    other = await house.start("1.0.0", seed="two")
    await house.step(house.now + HOUR)
    assert set(await house.states(other.id)) != drawn


async def test_late_joiners_come_in_with_the_next_wave(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR)
    await house.live(2 * HOUR)
    assert (await house.get(number)).wave == 1
    await house.add(*names(8, "late"), version="1.0.0")
    assert len(house.watch(number).members) == 24
    while (await house.get(number)).wave < 2:
        await house.live(HOUR)
    assert len(house.watch(number).members) == 32
    enrolled = [row for row in await house.rooms.rollouts.record(number) if '"enrol"' in row]
    assert len(enrolled) == 32


async def test_a_device_that_runs_it_already_is_not_drawn(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR)
    for unit in list(house.units.values())[:20]:
        unit.start("1.1.0")
        await unit.beat()
    await house.live(2 * HOUR)
    assert {d.device for d in await house.rooms.rollouts.deployments(number)} <= set(names(24)[20:])


async def test_a_newer_wave_takes_a_device_from_an_older_rollout(house: House) -> None:
    units = await house.add(*names(6))
    await house.publish("1.0.0")
    plan = {"waves": [100.0], "by_hand": False, "crash_limit": 0, "in_flight_least": 10}
    old = (await house.start("1.0.0", **plan)).id
    await house.step(house.now + HOUR)
    handed = await units[0].poll()
    assert handed
    await house.publish("1.0.1")
    new = (await house.start("1.0.1", **plan)).id
    await house.step(house.now + HOUR)
    assert set((await house.states(old)).values()) == {State.SUPERSEDED}
    order = await units[0].poll()
    assert order
    assert order.version == "1.0.1"
    assert len(await house.states(new)) == 6
