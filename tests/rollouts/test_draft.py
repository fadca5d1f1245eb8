from dataclasses import replace

from tests.rollouts.house import ANN, House, names
from tests.rollouts.test_service import second_release

from fleetloop.core.clock import HOUR
from fleetloop.core.db import Reader
from fleetloop.fleet import NewDevice
from fleetloop.rollouts import draft
from fleetloop.rollouts import store as rollouts_store

PLAN = {"waves": [25.0, 50.0, 100.0], "soak_s": 4 * HOUR}


async def disturb(house: House) -> None:
    """Of those that were not drawn one leaves the fleet, and one gets the release by hand."""
    drawn = await house.states(1)
    held = [name for name in sorted(house.units) if name not in drawn]
    await house.rooms.fleet.retire(ANN, held[0])
    del house.units[held[0]]
    house.units[held[1]].start("1.0.0")
    await house.units[held[1]].beat()


async def test_a_draft_draws_what_would_be_drawn_without_one(house: House) -> None:
    await house.add(*names(24, "b"))
    await house.add(*names(12, "a"), revision="a")
    await house.publish("1.0.0", "a", "b")
    await house.start("1.0.0", **PLAN)
    offer = draft.Offer("cell", "1.0.0", {("a", "image"): 0, ("b", "image"): 0})
    for wave in (1, 2, 3):
        await house.rooms.runner.prepare()
        ready = house.watch(1).draft
        assert ready is not None
        assert ready.wave == wave
        await disturb(house)
        afresh = ready
        while (await house.get(1)).wave < wave:
            case = house.watch(1).rollout
            afresh = await house.rooms.db.read(lambda reader, c=case: draft.prepare(reader, c, offer))
            assert house.watch(1).draft in (ready, None)
            await house.live(HOUR)
        drawn = [d.device for d in await house.rooms.rollouts.deployments(1) if d.wave == wave]
        assert drawn == [*afresh.chosen.places]
        assert set(drawn) != set(ready.chosen.places)


async def test_what_happened_since_is_looked_at_again(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR)
    await house.live(2 * HOUR)
    watch = house.watch(number)
    made = watch.draft
    assert made is not None
    assert made.wave == watch.rollout.wave + 1
    offer = draft.Offer("cell", "1.1.0", {("b", "image"): made.free[0].artifact})
    gone, running, other = [row.device for row in made.free][:3]
    await house.rooms.fleet.retire(ANN, gone)
    for name, version in ((running, "1.1.0"), (other, "0.1.0")):
        house.units[name].start(version)
        await house.units[name].beat()
    await house.rooms.fleet.add(ANN, [NewDevice("new", "cell", "b")])
    await house.rooms.pump.drain()

    def look(reader: Reader) -> tuple[set[str] | None, draft.Draft, draft.Draft]:
        again = draft.touched(reader, made)
        amended = draft.amend(reader, watch.rollout, offer, made, again or set())
        return again, amended, draft.prepare(reader, watch.rollout, offer)

    again, amended, afresh = await house.rooms.db.read(look)
    assert again is not None
    assert {gone, running, other, "new"} <= again
    assert (amended.free, amended.order, amended.counts) == (afresh.free, afresh.order, afresh.counts)
    assert not {gone, running} & {row.device for row in amended.free}
    assert [m.device for m in afresh.joining] == sorted([other, "new"])  # it left the experiment, not the fleet
    assert draft.pick(amended, afresh.sizes) == afresh.chosen


async def test_late_joiners_of_a_draft_are_enrolled_once(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR)
    await house.live(2 * HOUR)
    watch = house.watch(number)
    await house.add(*names(4, "early"), version="1.0.0")
    watch.draft = None
    await house.rooms.runner.prepare()
    assert watch.draft is not None
    assert len(watch.draft.joining) == 4
    await house.add(*names(4, "late"), version="1.0.0")
    before = watch.rollout.wave
    while (await house.get(number)).wave == before:
        await house.live(HOUR)
    members = await house.rooms.db.read(lambda reader: rollouts_store.members(reader, number))
    assert sum(m.since_wave == before + 1 for m in members) == 8
    assert len(watch.members) == 32


async def test_a_draft_of_another_wave_is_not_used(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR)
    await house.live(2 * HOUR)
    watch = house.watch(number)
    assert watch.draft is not None
    watch.draft = replace(
        watch.draft, wave=watch.draft.wave - 1, chosen=replace(watch.draft.chosen, rows=[], places={})
    )
    before = watch.rollout.wave
    while (await house.get(number)).wave == before:
        await house.live(HOUR)
    assert any(d.wave == before + 1 for d in await house.rooms.rollouts.deployments(number))
