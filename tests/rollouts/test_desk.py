from tests.rollouts.house import ANN, FAILURE, SUCCESS, House, Unit, names
from tests.rollouts.test_service import second_release

from fleetloop.core.clock import HOUR
from fleetloop.rollouts import State

PLAN = {"waves": [100.0], "soak_s": HOUR, "by_hand": False, "crash_limit": 0, "confirmed_share": 0.0, "hold": 1000.0}


async def ready(house: House, devices: int = 1, **plan: object) -> list[Unit]:
    units = await house.add(*names(devices))
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN | plan)
    await house.step(house.now + HOUR)
    return units


async def test_a_restart_shows_the_same_to_every_device_that_has_it(house: House) -> None:
    units = await ready(house, devices=8)
    first, second, *_ = [u for u in units if house.rooms.dispatch.order(u.name)]
    before = [await first.poll(), await second.poll()]
    assert before[1]
    await second.report(before[1].action, SUCCESS)
    house = await house.again()
    assert [house.rooms.dispatch.order(u.name) for u in (first, second)] == [before[0], None]
    watch = house.watch(1)
    assert (watch.pending, len(watch.waiting)) == ({first.name, second.name}, 6)
    assert [u.name for u in units if house.rooms.dispatch.order(u.name)] == [first.name]  # the next tick calls others
    await house.step(house.now + HOUR)
    assert len([u for u in units if house.rooms.dispatch.order(u.name)]) == 1 + 3
    house.rooms.db.close()


async def test_a_restart_remembers_what_was_installed(house: House) -> None:
    [unit] = await ready(house)
    order = await unit.poll()
    assert order
    await unit.install(order)
    await house.live(3 * HOUR)
    assert (await house.deployment(unit.name)).state is State.CONFIRMED
    assert house.rooms.dispatch.installed(unit.name) == order.action
    house = await house.again()
    assert house.rooms.dispatch.installed(unit.name) == order.action
    house.rooms.db.close()


async def test_no_more_are_shown_the_release_than_may_be_in_flight(house: House) -> None:
    units = await ready(house, devices=12, in_flight_least=3)
    shown = [u for u in units if house.rooms.dispatch.order(u.name)]
    assert len(shown) == 3
    for unit in shown:
        await unit.poll()
    await house.step(house.now + HOUR)
    assert len([u for u in units if house.rooms.dispatch.order(u.name)]) == 3
    order = await shown[0].poll()
    assert order
    await shown[0].install(order)
    await house.step(house.now + HOUR)
    assert len([u for u in units if house.rooms.dispatch.order(u.name)]) == 3
    assert shown[0].name in house.watch(1).booted


async def test_a_place_in_flight_is_free_again_after_the_install_deadline(house: House) -> None:
    units = await ready(house, devices=6, in_flight_least=1)
    stuck = next(u for u in units if house.rooms.dispatch.order(u.name))
    stuck.takes = False
    await stuck.poll()
    for _ in range(4):
        await house.step(house.now + HOUR)
        assert house.watch(1).pending == {stuck.name}
    await house.step(house.now + HOUR)
    assert house.watch(1).pending == set()
    assert house.watch(1).overdue == {stuck.name}
    assert len([u for u in units if house.rooms.dispatch.order(u.name)]) == 2


async def test_a_rollout_that_is_over_is_forgotten(house: House) -> None:
    [unit] = await ready(house)
    del unit
    await house.over(1)
    assert 1 not in house.rooms.desk.watches
    assert "d000" not in house.rooms.desk.live


async def test_a_deployment_that_opens_again_after_the_end_still_ends(house: House) -> None:
    """A late device: it timed out, the rollout ended, and then it shows the release after all."""
    [unit, other] = await ready(house, devices=2, attempts=1, deadlines={"installed": 6 * HOUR})
    del other
    unit.falls_back = True
    await house.over(1)
    assert (await house.deployment(unit.name)).state is State.REVERTED
    unit.start("1.0.0")
    await unit.beat()
    assert (await house.deployment(unit.name)).state is State.BOOTED
    await house.live(2 * HOUR)
    assert (await house.deployment(unit.name)).state is State.CONFIRMED
    assert (await house.get(1)).ended_at is not None


async def test_a_deployment_that_opened_again_does_not_stand_in_the_way(house: House) -> None:
    [unit, _] = await ready(house, devices=2, attempts=1)
    unit.falls_back = True
    await house.over(1)
    unit.start("1.0.0")
    await unit.beat()
    unit.falls_back = False
    await house.publish("1.1.0")
    await house.start("1.1.0", **PLAN)
    await house.live(6 * HOUR)
    assert {u.version for u in house.units.values()} == {"1.1.0"}


async def test_after_a_stop_nothing_is_watched_that_is_not_open(house: House) -> None:
    number = await second_release(house, devices=24)
    await house.live(2 * HOUR)
    await house.rooms.rollouts.stop(ANN, number)
    assert house.watch(number).stopped
    assert not house.watch(number).waiting


async def test_an_order_of_a_failed_attempt_is_not_shown(house: House) -> None:
    [unit] = await ready(house, attempts=1)
    order = await unit.poll()
    assert order
    await unit.report(order.action, FAILURE)
    assert house.rooms.dispatch.order(unit.name) is None
    assert not house.rooms.dispatch.stands(unit.name, order.action)
