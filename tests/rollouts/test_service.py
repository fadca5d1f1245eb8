import pytest
from tests.rollouts.house import ANN, House, names

from fleetloop.access import Person, Role
from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.db import Reader
from fleetloop.core.errors import ConflictError, InputError, NotFoundError, PreconditionError
from fleetloop.core.tags import check_of
from fleetloop.rollouts import Phase, State, experiment_of
from fleetloop.rollouts.cases import Rollout, Sort, state_of
from fleetloop.rollouts.plan import PlanError
from fleetloop.rollouts.service import NoDevicesError, OverError

BOB = Person("bob", Role.OPERATOR)


async def second_release(house: House, devices: int = 24, **plan: object) -> int:
    """Everybody runs 1.0.0, and a rollout of 1.1.0 was started."""
    await house.add(*names(devices), version="1.0.0")
    await house.confirmed("1.0.0")
    await house.publish("1.1.0")
    return (await house.start("1.1.0", **plan)).id


async def test_a_start_freezes_the_plan_and_says_what_it_sees(house: House) -> None:
    await house.add("d1", "d2", "d3")
    await house.publish("1.0.0")
    case = await house.start("1.0.0", soak_s=7200)
    assert (case.phase, case.wave, case.plan.soak_s, case.plan.comparison) == (Phase.RUNNING, 0, 7200.0, False)
    assert case.sight.startswith("A first release has nothing to be compared with")
    assert "With 3 devices no verdict is possible" in case.sight
    [entry] = await house.happened(case.id)
    assert (entry.title, entry.text[:24]) == ("Started by ann", "From 0.9.0 to 3 devices.")


async def test_a_start_that_cannot_be_leaves_nothing(house: House) -> None:
    with pytest.raises(NotFoundError, match="no release 1.0.0 of cell; published: none"):
        await house.start("1.0.0")
    await house.publish("1.0.0")
    with pytest.raises(NoDevicesError, match="it is built for hardware revision b and comes as image"):
        await house.start("1.0.0")
    await house.add("d1")
    with pytest.raises(PlanError, match="did you mean 'waves'"):
        await house.start("1.0.0", wavs=[50])
    assert await house.rooms.rollouts.all() == []


async def test_a_seed_is_only_for_a_stepped_clock(house: House) -> None:
    await house.add("d1")
    await house.publish("1.0.0")
    house.rooms.rollouts._stepped = False
    with pytest.raises(InputError, match="seed is secret"):
        await house.start("1.0.0")


async def test_a_newer_release_ends_the_older_rollout_quietly(house: House) -> None:
    old = await second_release(house, soak_s=DAY)
    await house.live(6 * HOUR)
    await house.publish("1.1.1")
    new = (await house.start("1.1.1", soak_s=DAY)).id
    await house.live(40 * HOUR)
    case = await house.get(old)
    assert (case.phase, case.blocked, case.ending) == (Phase.CANCELLED, "Superseded by 1.1.1.", "")
    assert [c.id for c in await house.rooms.rollouts.all() if c.kind is Sort.ROLLBACK] == []
    assert await house.rooms.incidents.all() == []
    assert State.WAITING not in (await house.states(old)).values()
    assert (await house.get(new)).wave >= 1


async def test_a_stop_takes_back_what_runs_it(house: House) -> None:
    number = await second_release(house)
    await house.live(6 * HOUR)
    assert [u.name for u in house.units.values() if u.version == "1.1.0"]
    stopped = await house.rooms.rollouts.stop(BOB, number, "smoke")
    assert (stopped.phase, stopped.ending, stopped.blocked) == (Phase.STOPPED, "bob", "Stopped by bob: smoke.")
    undone = max(c.id for c in await house.rooms.rollouts.all())
    assert (await house.over(undone)).phase is Phase.ROLLED_BACK
    assert {u.version for u in house.units.values()} == {"1.0.0"}
    with pytest.raises(OverError):
        await house.rooms.rollouts.stop(BOB, undone)


async def test_a_rollout_that_is_stopped_may_be_stopped_again(house: House) -> None:
    number = await second_release(house)
    await house.live(6 * HOUR)
    rollouts = house.rooms.rollouts
    stopped = await rollouts.stop(BOB, number, "smoke")
    known = len(await rollouts.all())
    assert await rollouts.stop(ANN, number, "too late") == stopped
    assert len(await rollouts.all()) == known
    with pytest.raises(PreconditionError):
        await rollouts.stop(ANN, number, check=check_of('"old"', state_of))


async def test_a_stop_without_rollback_leaves_devices_where_they_are(house: House) -> None:
    number = await second_release(house)
    await house.live(6 * HOUR)
    there = {u.name: u.version for u in house.units.values()}
    await house.rooms.rollouts.stop(BOB, number, rollback=False)
    await house.live(6 * HOUR)
    assert {u.name: u.version for u in house.units.values()} == there
    assert max(c.id for c in await house.rooms.rollouts.all()) == number


async def test_once_a_stop_is_told_nobody_is_handed_anything(house: House) -> None:
    number = await second_release(house)
    await house.step(house.now + HOUR)
    shown = [u for u in house.units.values() if house.rooms.dispatch.order(u.name)]
    assert shown
    await house.rooms.rollouts.stop(BOB, number)
    assert [await u.poll() for u in shown] == [None] * len(shown)
    assert set((await house.states(number)).values()) == {State.CANCELLED}


async def test_two_stops_at_once_make_one_rollback(house: House) -> None:
    number = await second_release(house)
    await house.live(6 * HOUR)
    rollouts = house.rooms.rollouts
    told = await house.gathered(rollouts.stop(ANN, number, "one"), rollouts.stop(BOB, number, "two"))
    [(phase, words)] = {(t.phase, t.blocked) for t in told if isinstance(t, Rollout)}
    assert phase is Phase.STOPPED
    assert words in ("Stopped by ann: one.", "Stopped by bob: two."), "whoever was faster"
    assert len([t for t in told if isinstance(t, Rollout)]) == 2
    assert len([c for c in await rollouts.all() if c.kind is Sort.ROLLBACK]) == 1


async def test_once_a_pause_is_told_nobody_new_is_handed_the_release(house: House) -> None:
    number = await second_release(house)
    await house.step(house.now + HOUR)
    shown = [u for u in house.units.values() if house.rooms.dispatch.order(u.name)]
    await house.rooms.rollouts.pause(BOB, number)
    assert [await u.poll() for u in shown] == [None] * len(shown)
    await house.live(3 * HOUR)
    assert set((await house.states(number)).values()) == {State.WAITING}
    assert "Paused by bob" in (await house.get(number)).blocked
    await house.rooms.rollouts.pause(BOB, number, resume=True)
    await house.live(3 * HOUR)
    assert State.BOOTED in (await house.states(number)).values()


async def test_a_person_decides_only_where_one_is_due(house: House) -> None:
    number = await second_release(house)
    with pytest.raises(ConflictError, match="does not wait for a person"):
        await house.rooms.rollouts.decide(BOB, number, go=True)


async def test_a_small_fleet_goes_wave_by_wave_by_hand(house: House) -> None:
    number = await second_release(house, devices=4, soak_s=HOUR)
    for wave in (1, 2, 3):
        await house.until(lambda: house.asks(number))
        assert (await house.get(number)).wave == wave - 1
        await house.rooms.rollouts.decide(BOB, number, go=True, reason="looks good")
        await house.live(HOUR)
    case = await house.over(number)
    assert case.phase in (Phase.INCONCLUSIVE, Phase.GOOD_ENOUGH)
    assert {u.version for u in house.units.values()} == {"1.1.0"}


async def test_an_inconclusive_end_is_a_persons_and_no_is_the_end(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR, tolerated=1e-6)
    await house.until(lambda: house.asks(number))
    assert "held-back devices wait: a person decides" in (await house.get(number)).blocked
    await house.rooms.rollouts.decide(BOB, number, go=False, reason="not worth it")
    case = await house.over(number)
    assert (case.phase, "A person left it at that." in case.blocked) == (Phase.INCONCLUSIVE, True)
    assert {u.version for u in house.units.values()} == {"1.0.0", "1.1.0"}


async def test_no_further_ends_a_rollout_that_asks_to_open_a_wave(house: House) -> None:
    number = await second_release(house, devices=4, soak_s=HOUR)
    await house.until(lambda: house.asks(number))
    await house.rooms.rollouts.decide(BOB, number, go=False)
    assert (await house.over(number)).phase is Phase.INCONCLUSIVE


async def test_what_people_ask_about(house: House) -> None:
    number = await second_release(house)
    await house.live(4 * HOUR)
    whole = await house.rooms.rollouts.whole(number)
    assert (whole.members, whole.waves[0].drawn) == (24, 6)
    assert sum(whole.counts.values()) == 6
    assert (await house.rooms.rollouts.statuses())[-1] == (number, "running", 1)
    record = await house.rooms.rollouts.record(number)
    assert '"plan"' in record[0]
    now = await house.rooms.rollouts.experiment(number)
    again = await house.rooms.db.read(lambda reader: experiment_of(reader, number))
    assert len(again.rows()) == len(now.rows()) == 1
    for ask in (house.rooms.rollouts.get, house.rooms.rollouts.record, house.rooms.rollouts.deployments):
        with pytest.raises(NotFoundError, match="no rollout 99"):
            await ask(99)

    def missing(reader: Reader) -> None:
        experiment_of(reader, 99)

    with pytest.raises(NotFoundError, match="no rollout 99"):
        await house.rooms.db.read(missing)
