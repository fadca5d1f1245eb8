"""The clocks of devices, seen from outside: what happens when nobody says anything."""

import pytest
from tests.rollouts.house import ANN, FAILURE, SUCCESS, House, Unit, all_of, facts_of, names

from fleetloop.core import serving
from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.db import Reader
from fleetloop.core.facts import Fact
from fleetloop.rollouts import State, WentSilent
from fleetloop.wire import Execution, Finished, Report

PLAN = {"waves": [100.0], "soak_s": HOUR, "by_hand": False, "crash_limit": 0, "attempts": 1}


async def one(house: House, **plan: object) -> Unit:
    [unit] = await house.add("d1")
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN | plan)
    await house.step(house.now + HOUR)
    return unit


async def silences(house: House) -> list[WentSilent]:
    def job(reader: Reader) -> list[Fact]:
        return facts_of(reader, WentSilent)

    return [f for f in await house.rooms.db.read(job) if isinstance(f, WentSilent)]


ENDS = [
    ("waiting", (), State.TIMED_OUT),
    ("offered", ("poll",), State.TIMED_OUT),
    ("downloading", ("poll", "download"), State.TIMED_OUT),
    ("downloaded", ("poll", Execution.DOWNLOADED), State.TIMED_OUT),
    ("installing", ("poll", Execution.DOWNLOADED, Execution.PROCEEDING), State.TIMED_OUT),
    ("installed", ("poll", SUCCESS), State.REVERTED),
]


@pytest.mark.parametrize(("name", "way", "end"), ENDS, ids=[e[0] for e in ENDS])
async def test_every_state_ends_by_its_deadline(house: House, name: str, way: tuple[object, ...], end: State) -> None:
    unit = await one(house, deadlines={name: 2 * DAY})
    order = None
    for step in way:
        if step == "poll":
            order = await unit.poll()
        elif step == "download":
            assert order
            await unit.download(order)
        else:
            assert order
            report = step if isinstance(step, Report) else Report(Execution(step), Finished.NONE)
            await unit.report(order.action, report)
    since = (await house.deployment("d1")).since
    assert (await house.deployment("d1")).state.value == name
    await house.step(since + 2 * DAY - 1)
    assert (await house.deployment("d1")).state.value == name
    await house.step(since + 2 * DAY)
    assert (await house.deployment("d1")).state is end


async def test_a_device_that_is_never_healthy_for_the_soak_times_out(house: House) -> None:
    unit = await one(house, soak_s=6 * HOUR, deadlines={"booted": 2 * DAY})
    unit.crash_on = frozenset({"1.0.0"})
    await house.live(3 * DAY)  # it goes on crashing, and each crash shows its version again
    assert (await house.deployment("d1")).state is State.TIMED_OUT


async def test_no_deadline_ends_soon_after_an_outage(house: House) -> None:
    unit = await one(house, deadlines={"offered": 2 * DAY})
    await unit.poll()
    house = await house.again(away=5 * DAY)
    assert (await house.deployment("d1")).state is State.OFFERED
    assert await silences(house) == []
    assert await house.rooms.db.read(serving.last) == house.now
    await house.step(house.now + 2 * DAY - 1)
    assert (await house.deployment("d1")).state is State.OFFERED
    await house.step(house.now + 1)
    assert (await house.deployment("d1")).state is State.TIMED_OUT
    house.rooms.db.close()


async def test_a_soak_counts_only_served_time(house: House) -> None:
    unit = await one(house, soak_s=4 * HOUR)
    order = await unit.poll()
    assert order
    await unit.install(order)
    house = await house.again(away=DAY)
    assert (await house.deployment("d1")).state is State.BOOTED
    await house.live(4 * HOUR)
    assert (await house.deployment("d1")).state is State.CONFIRMED
    house.rooms.db.close()


async def test_a_silent_device_is_told_of_once_a_silence(house: House) -> None:
    unit = await one(house)
    unit.takes = False
    heard = house.now
    await unit.contact()
    for _ in range(12):
        await house.step(house.now + HOUR)
    assert [(s.device, s.since, s.at) for s in await silences(house)] == [("d1", heard, heard + 3 * HOUR)]
    await unit.contact()
    back = house.now
    for _ in range(6):
        await house.step(house.now + HOUR)
    assert [s.since for s in await silences(house)] == [heard, back]


async def test_a_device_that_never_called_is_told_of_once(house: House) -> None:
    await house.add("d1", version="")
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN)
    for _ in range(10):
        await house.step(house.now + HOUR)
    assert len(await silences(house)) == 1
    assert house.rooms.runner.next() > house.now + 60


async def test_a_retired_device_is_not_silent(house: House) -> None:
    await one(house)
    await house.add("d2")
    await house.rooms.fleet.retire(ANN, "d1")
    for _ in range(10):
        await house.step(house.now + HOUR)
    assert {s.device for s in await silences(house)} <= {"d2"}


async def test_a_failed_attempt_is_tried_again_later_and_not_for_ever(house: House) -> None:
    unit = await one(house, attempts=2, back_off_s=2 * HOUR)
    first = await unit.poll()
    assert first
    await unit.report(first.action, FAILURE)
    await house.step(house.now + HOUR)
    assert await unit.poll() is None
    house = await house.again()  # a restart forgets no retry
    await house.step(house.now + HOUR)
    await house.step(house.now + 1)
    second = await unit.poll()
    assert second
    assert second.action != first.action
    await unit.report(second.action, FAILURE)
    await house.live(2 * DAY)
    assert (await house.deployment("d1")).state is State.FAILED
    house.rooms.db.close()


async def test_a_second_attempt_is_in_flight_again(house: House) -> None:
    unit = await one(house, attempts=2, back_off_s=HOUR, deadlines={"offered": 12 * HOUR})
    await unit.poll()
    watch = house.watch(1)
    assert watch.pending == {"d1"}
    await house.step(house.now + 5 * HOUR)
    assert (watch.pending, watch.overdue) == (set[str](), {"d1"})
    await house.step(house.now + 8 * HOUR)
    await house.step(house.now + 2 * HOUR)
    await house.step(house.now + HOUR)
    assert await unit.poll()
    assert watch.pending == {"d1"}


async def handed(house: House, rounds: int, every: float) -> set[str]:
    """Who was handed it when the units poll each ``every`` seconds."""
    got: set[str] = set()
    for _ in range(rounds):
        await house.step(house.now + every)
        present = [u for u in house.units.values() if not u.away]
        orders = await house.gathered(*(u.poll() for u in present))
        got |= {u.name for u, order in zip(present, orders, strict=True) if order}
    return got


async def test_devices_that_call_more_often_than_told_are_not_starved(house: House) -> None:
    await house.add(*names(12))
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN)
    assert len(await handed(house, 6, 300.0)) == 5


async def test_devices_that_never_called_hold_no_place(house: House) -> None:
    for unit in await house.add(*names(12, "far"), version=""):
        unit.away = True
    await house.add(*names(3, "near"))
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN)
    assert await handed(house, 4, HOUR) == set(names(3, "near"))


async def test_who_is_handed_it_does_not_rest_on_who_calls_first(house: House) -> None:
    units = await house.add(*names(12))
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN)
    await house.step(house.now + HOUR)
    await all_of(u.contact() for u in units)
    await house.step(house.now + HOUR)
    shown = {u.name for u in units if house.rooms.dispatch.order(u.name)}
    got = {u.name for u in reversed(units) if await u.poll()}
    assert (len(shown), got) == (5, shown)
