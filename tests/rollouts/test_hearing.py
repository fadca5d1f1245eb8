from dataclasses import replace

import pytest
from tests.rollouts.house import ANN, SUCCESS, House, Unit, facts_of, names
from tests.rollouts.test_service import second_release

from fleetloop.core.clock import HOUR
from fleetloop.rollouts import Deployment, DeviceConfirmed, State
from fleetloop.rollouts.hearing import sighting
from fleetloop.rollouts.model import Event

PLAN = {"waves": [100.0], "soak_s": 4 * HOUR, "by_hand": False, "crash_limit": 0, "attempts": 1, "window_s": 2 * HOUR}


@pytest.fixture
async def unit(house: House) -> Unit:
    """It installed 1.0.0, said so, and has not shown itself since."""
    [made] = await house.add("d1")
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN)
    await house.step(house.now + HOUR)
    order = await made.poll()
    assert order
    await made.report(order.action, SUCCESS)
    return made


async def found(unit: Unit) -> Deployment:
    return await unit.house.deployment(unit.name)


async def lines(house: House, word: str) -> int:
    """How many lines of rollout 1's record have ``word``, once a tick has booked them."""
    await house.step(house.now + 1)
    return sum(word in line for line in await house.rooms.rollouts.record(1))


async def test_a_report_is_a_claim_and_the_version_shown_is_the_result(unit: Unit) -> None:
    assert (await found(unit)).state is State.INSTALLED
    await unit.beat()
    assert (await found(unit)).state is State.INSTALLED
    unit.start("1.0.0")
    await unit.beat()
    shown = await found(unit)
    assert (shown.state, shown.booted_at, shown.weak) == (State.BOOTED, unit.house.now, False)
    await unit.house.live(4 * HOUR)
    assert (await found(unit)).state is State.CONFIRMED
    facts = await unit.house.rooms.db.read(lambda reader: facts_of(reader, DeviceConfirmed))
    assert facts == [DeviceConfirmed(unit.house.now, 1, "d1", "1.0.0")]


async def test_a_new_boot_of_the_old_version_fell_back(unit: Unit) -> None:
    await unit.house.step(unit.house.now + 60)
    unit.start("0.9.0")
    await unit.beat()
    assert (await found(unit)).state is State.REVERTED
    assert await lines(unit.house, '"failed"') == 1


async def test_a_confirmed_device_that_shows_the_old_version_reverted(unit: Unit) -> None:
    unit.start("1.0.0")
    await unit.house.live(6 * HOUR)
    assert (await found(unit)).state is State.CONFIRMED
    unit.start("0.9.0")
    await unit.beat()
    assert (await found(unit)).state is State.REVERTED


async def test_a_version_nobody_shipped_is_no_success(unit: Unit) -> None:
    unit.start("7.7.7")
    await unit.beat()
    assert (await found(unit)).state is State.INSTALLED


async def test_a_version_told_by_an_attribute_is_weak_evidence(unit: Unit) -> None:
    await unit.house.rooms.fleet.attributes(unit.name, "merge", {"version": "1.0.0"})
    await unit.house.rooms.pump.drain()
    shown = await found(unit)
    assert (shown.state, shown.weak) == (State.BOOTED, True)


async def test_a_crash_starts_the_soak_again(unit: Unit) -> None:
    unit.start("1.0.0")
    await unit.beat()
    await unit.house.live(3 * HOUR)
    await unit.crash()
    again = unit.house.now
    assert (await found(unit)).healthy_since == again
    await unit.house.live(3 * HOUR)
    assert (await found(unit)).state is State.BOOTED
    await unit.house.live(HOUR)
    assert (await found(unit)).state is State.CONFIRMED
    assert await lines(unit.house, '"crash"') == 1


async def test_a_crash_within_the_window_is_a_failed_install(unit: Unit) -> None:
    unit.start("1.0.0")
    await unit.beat()
    await unit.crash()
    await unit.crash()
    assert await lines(unit.house, '"failed"') == 1
    assert unit.house.watch(1).experiment.guard.failed == 1


async def test_a_failed_self_test_counts_once_a_boot(unit: Unit) -> None:
    unit.start("1.0.0")
    unit.healthy = False
    await unit.beat()
    await unit.beat()
    assert await lines(unit.house, '"self-test"') == 1


async def test_only_declared_events_go_into_the_record(house: House) -> None:
    [unit] = await house.add("d1")
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN, events=["self-test"])
    await house.step(house.now + HOUR)
    await unit.crash()
    assert await lines(house, '"crash"') == 0
    unit.healthy = False
    unit.boot += 1
    await unit.beat()
    assert await lines(house, '"what":"self-test"') == 1


async def test_a_retired_device_is_done(unit: Unit) -> None:
    await unit.house.rooms.fleet.retire(ANN, unit.name)
    await unit.house.rooms.pump.drain()
    assert (await found(unit)).state is State.CANCELLED
    assert unit.house.rooms.dispatch.order(unit.name) is None
    assert await lines(unit.house, '"leave"') == 1


async def test_news_from_before_a_deployment_does_not_touch_it(house: House) -> None:
    await house.add(*names(1))
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN)
    await house.step(house.now + HOUR)
    case = house.rooms.desk.live.get("d000")
    assert case
    hearing = house.rooms.clocks._hearing
    early = await house.rooms.db.read(lambda reader: hearing._last(reader, "d000", case.attempt.made_at - 1))  # type: ignore[arg-type]
    now = await house.rooms.db.read(lambda reader: hearing._last(reader, "d000", case.attempt.made_at))  # type: ignore[arg-type]
    assert (early, now is not None) == (None, True)


async def test_an_update_by_hand_takes_a_held_back_device_out(house: House) -> None:
    number = await second_release(house, devices=24)
    await house.live(3 * HOUR)
    held = next(u for u in house.units.values() if u.name not in house.rooms.desk.live)
    held.start("9.9.9")
    await held.beat()
    await house.step(house.now + 1)
    assert any('"leave"' in line for line in await house.rooms.rollouts.record(number))
    assert held.name not in house.watch(number).members


@pytest.mark.parametrize(
    ("version", "event"),
    [("2", Event.SEEN_TARGET), ("1", Event.SEEN_OLD), ("3", Event.SEEN_OTHER), ("", Event.SEEN_OTHER)],
)
async def test_what_a_version_shown_means(unit: Unit, version: str, event: Event) -> None:
    assert sighting(replace(await found(unit), version="2", previous="1"), version) is event
