from tests.rollouts.house import ANN, House, names
from tests.rollouts.test_service import second_release

from fleetloop.core.clock import HOUR
from fleetloop.rollouts import Phase, Rollout, Showing, State, view
from fleetloop.rollouts.api import waves
from fleetloop.rollouts.glance import at_stop


def looking(house: House) -> Showing:
    r = house.rooms
    return Showing(r.db, r.clock, r.desk, r.runner, r.fleet.last_contact)


async def rollback_of(house: House, number: int) -> Rollout:
    return next(c for c in await house.rooms.rollouts.all() if c.undoes == number)


async def test_each_device_goes_back_to_its_own_last_confirmed_release(house: House) -> None:
    await house.add(*names(12), version="1.0.0")
    await house.confirmed("1.0.0")
    few = list(house.units.values())[:4]
    rest = [u for u in house.units.values() if u not in few]
    for unit in rest:
        unit.takes = False
    await house.publish("1.0.1")
    plan = {"waves": [100.0], "by_hand": False, "crash_limit": 0, "soak_s": HOUR, "in_flight_least": 20}
    await house.start("1.0.1", **plan)
    await house.live(4 * HOUR)
    for unit in rest:
        unit.takes = True
    await house.publish("1.1.0")
    bad = (await house.start("1.1.0", **plan | {"soak_s": 10 * HOUR})).id
    await house.live(3 * HOUR)
    assert {u.version for u in house.units.values()} == {"1.1.0"}
    await house.rooms.rollouts.stop(ANN, bad, "bad")
    back = await house.over((await rollback_of(house, bad)).id)
    assert back.phase is Phase.ROLLED_BACK
    assert {u.name: u.version for u in few} == dict.fromkeys([u.name for u in few], "1.0.1")
    assert {u.version for u in rest} == {"1.0.0"}


async def test_a_device_without_a_way_back_is_named(house: House) -> None:
    await house.add(*names(3))
    await house.publish("1.0.0")
    number = (await house.start("1.0.0", waves=[100.0], by_hand=False, crash_limit=0, soak_s=10 * HOUR)).id
    await house.live(4 * HOUR)
    await house.rooms.rollouts.stop(ANN, number)
    await house.live(4 * HOUR)
    back = await rollback_of(house, number)
    assert {u.version for u in house.units.values()} == {"1.0.0"}
    assert (back.phase, back.blocked) == (
        Phase.ROLLED_BACK,
        "3 devices run 1.0.0 and have no confirmed release to go back to.",
    )


async def test_a_device_that_was_installing_goes_back_later(house: House) -> None:
    number = await second_release(house, devices=24)
    await house.step(house.now + HOUR)
    unit = next(u for u in house.units.values() if house.rooms.dispatch.order(u.name))
    order = await unit.poll()
    assert order
    await house.rooms.rollouts.stop(ANN, number)
    unit.away = True
    await house.live(4 * HOUR)
    back = await rollback_of(house, number)
    assert back.phase is Phase.RUNNING
    unit.away = False
    unit.start("1.1.0")  # it had the image already, and did not ask before it booted
    await house.over(back.id)
    assert unit.version == "1.0.0"
    assert (await house.states(back.id)) == {unit.name: State.CONFIRMED}


async def test_a_stopped_rollout_keeps_the_counts_of_its_end(house: House) -> None:
    number = await second_release(house, devices=24)
    await house.live(2 * HOUR)
    await house.rooms.rollouts.stop(ANN, number, "enough")
    case = await house.get(number)
    assert case.ended_counts.startswith('[[1, "')
    titles = [e.title for e in await house.happened(number)]
    back = await rollback_of(house, number)
    assert titles[-2:] == ["Stopped by ann", f"Rollback started as rollout {back.id}"]
    assert (back.plan.rollback, back.plan.comparison, back.plan.held_back) == (True, False, 0.0)


async def test_a_rollback_leaves_alone_who_is_on_the_way_to_a_newer_release(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR)
    await house.live(3 * HOUR)
    bad = [u for u in house.units.values() if u.version == "1.1.0"]
    for unit in bad:
        unit.takes = False
    await house.rooms.rollouts.stop(ANN, number)
    await house.live(2 * HOUR)
    await house.publish("1.1.1")
    fix = (await house.start("1.1.1", waves=[90.0], held_back=10.0, soak_s=HOUR, in_flight_least=50)).id
    await house.live(2 * HOUR)
    for unit in bad:
        unit.takes = True
    await house.live(12 * HOUR)
    taken = set(await house.states(fix))
    assert {u.version for u in bad if u.name in taken} <= {"1.1.1"}
    assert taken & {u.name for u in bad}


async def stuck_house(house: House, devices: int = 30) -> int:
    """A first release, stopped by hand while its second wave soaks: nobody has anything to go back to."""
    await house.add(*names(devices))
    await house.publish("1.0.0")
    number = (
        await house.start(
            "1.0.0", waves=[25.0, 100.0], by_hand=False, crash_limit=0, soak_s=6 * HOUR, in_flight_least=40
        )
    ).id
    await house.until(lambda: opened(house, number, 2))
    await house.live(3 * HOUR)
    await house.rooms.rollouts.stop(ANN, number)
    return number


async def opened(house: House, number: int, wave: int) -> bool:
    return (await house.get(number)).wave == wave


async def test_who_has_no_way_back_is_known_when_the_stop_is_told(house: House) -> None:
    number = await stuck_house(house)
    said = "30 devices run 1.0.0 and have no confirmed release to go back to."
    whole = await house.rooms.rollouts.whole(number)
    assert whole.undoing
    assert whole.undoing.blocked == said
    assert said in (await house.happened(number))[-1].text
    await house.live(2 * HOUR)
    shown = await looking(house).rollout(number)
    assert (shown.left, shown.rollback and shown.rollback.sentence) == (30, said)
    page = view.present(shown, house.now)
    assert f"{said} A person is due." in page.gate.detail
    back = view.present(await looking(house).rollout(whole.undoing.id), house.now)
    assert (back.badge.word, back.gate.state, back.stats) == ("nobody went back", "waiting", ())


async def test_a_stop_freezes_who_was_confirmed(house: House) -> None:
    number = await stuck_house(house)
    then = at_stop(await house.get(number))
    confirmed = sum(n for (_, state, _), n in then.items() if state == "confirmed")
    assert 0 < confirmed < 30
    await house.live(150 * HOUR)  # longer than the soak, and than the deadline of a device that booted
    whole = await house.rooms.rollouts.whole(number)
    assert sum(n for (_, state, _), n in whole.counts.items() if state == "confirmed") == confirmed
    shown = await looking(house).rollout(number)
    told = [wave["states_at_stop"] for wave in waves(whole)]
    assert [w.of("confirmed") for w in shown.waves] == [states.get("confirmed", 0) for states in told]
    assert [w.of("booted") for w in shown.waves] == [states.get("booted", 0) for states in told]


async def test_a_fix_takes_those_who_were_stuck(house: House) -> None:
    number = await stuck_house(house)
    await house.live(2 * HOUR)
    await house.publish("1.0.1")
    plan = {"waves": [80.0], "by_hand": False, "crash_limit": 0, "soak_s": HOUR, "in_flight_least": 40}
    await house.start("1.0.1", **plan, on_inconclusive="go")
    await house.live(12 * HOUR)
    assert {u.version for u in house.units.values()} == {"1.0.1"}
    assert (await looking(house).rollout(number)).left == 0
