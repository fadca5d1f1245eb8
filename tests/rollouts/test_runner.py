import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.rollouts.house import ANN, House, facts_of, names
from tests.rollouts.test_service import second_release

from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.db import Database, Tx
from fleetloop.core.errors import ConflictError
from fleetloop.rollouts import Phase, RolloutEnded, RolloutStopped, State, WaveOpened
from fleetloop.rollouts.cases import Sort
from fleetloop.rollouts.runner import gate
from fleetloop.rollouts.seam import GATES

CALM = {"soak_s": 2 * HOUR, "on_inconclusive": "go"}


async def test_a_calm_release_reaches_everybody(house: House) -> None:
    number = await second_release(house, devices=40, **CALM)
    case = await house.over(number)
    assert case.phase in (Phase.GOOD_ENOUGH, Phase.INCONCLUSIVE)
    assert {u.version for u in house.units.values()} == {"1.1.0"}
    whole = await house.rooms.rollouts.whole(number)
    assert [(w.kind, w.drawn) for w in whole.waves] == [("wave", 10), ("wave", 10), ("wave", 10), ("remainder", 10)]
    assert set((await house.states(number)).values()) == {State.CONFIRMED}
    facts = await house.rooms.db.read(lambda reader: facts_of(reader, WaveOpened, RolloutEnded))
    mine = [f for f in facts if getattr(f, "rollout", 0) == number]
    assert [type(f).__name__ for f in mine] == ["WaveOpened"] * 4 + ["RolloutEnded"]


async def test_waves_wait_for_the_soak_and_for_confirmed_devices(house: House) -> None:
    number = await second_release(house, devices=40, soak_s=6 * HOUR, confirmed_share=1.0)
    await house.live(5 * HOUR)
    assert "waits for wave 1 to boot and soak: not before" in (await house.get(number)).blocked
    waves = (await house.rooms.rollouts.whole(number)).waves
    while len(waves) < 2:
        await house.live(HOUR)
        waves = (await house.rooms.rollouts.whole(number)).waves
    first = [d for d in await house.rooms.rollouts.deployments(number) if d.wave == 1]
    assert {d.state for d in first} == {State.CONFIRMED}
    booted = [d.booted_at for d in first if d.booted_at is not None]
    assert waves[1].opened_at >= sorted(booted)[8] + 6 * HOUR


async def broken(house: House) -> int:
    """1.1.0 crashes every device within hours of its booting; 1.0.0 crashes nobody."""
    number = await second_release(house, devices=40, soak_s=DAY, tolerated=0.03, in_flight_least=40)
    for unit in house.units.values():
        unit.crash_on = frozenset({"1.1.0"})
    return number


async def test_a_release_that_hurts_is_stopped_and_taken_back(house: House) -> None:
    number = await broken(house)
    stopped = await house.over(number)
    assert (stopped.phase, stopped.ending) == (Phase.STOPPED, "verdict")
    assert stopped.blocked.startswith("Stopped")
    assert len(await house.states(number)) <= 20
    [back] = [c for c in await house.rooms.rollouts.all() if c.kind is Sort.ROLLBACK]
    assert (await house.over(back.id)).phase is Phase.ROLLED_BACK
    assert {u.version for u in house.units.values()} == {"1.0.0"}
    [fact] = await house.rooms.db.read(lambda reader: facts_of(reader, RolloutStopped))
    assert isinstance(fact, RolloutStopped)
    assert (fact.rollout, fact.by, fact.version) == (number, "verdict", "1.1.0")


async def test_a_plan_may_leave_the_way_back_to_people(house: House) -> None:
    number = await second_release(house, devices=40, soak_s=DAY, in_flight_least=40, on_stop="stop")
    for unit in house.units.values():
        unit.crash_on = frozenset({"1.1.0"})
    assert (await house.over(number)).phase is Phase.STOPPED
    await house.live(4 * HOUR)
    assert [c for c in await house.rooms.rollouts.all() if c.kind is Sort.ROLLBACK] == []


async def test_a_fault_that_comes_late_holds_and_stops(house: House) -> None:
    """It fires on new devices only, 1.3 x soak after they booted: before most of the fleet has it, it is stopped."""
    soak = 6 * HOUR
    number = await second_release(house, devices=60, soak_s=soak, in_flight_least=60, waves=[10.0, 30.0, 60.0, 80.0])
    booted: dict[str, float] = {}

    async def over() -> bool:
        for unit in house.units.values():
            if unit.version == "1.1.0" and house.now - booted.setdefault(unit.name, house.now) == 8 * HOUR:
                await unit.crash()
        return (await house.get(number)).ended_at is not None

    await house.until(over)
    assert (await house.get(number)).phase is Phase.STOPPED
    assert len(await house.states(number)) < 60


async def test_the_limit_of_crashes_stops_a_small_fleet(house: House) -> None:
    number = await second_release(house, devices=6, soak_s=DAY)
    for unit in house.units.values():
        unit.crash_on = frozenset({"1.1.0"})
    while (await house.get(number)).ended_at is None:
        if await house.asks(number):
            await house.rooms.rollouts.decide(ANN, number, go=True)
        await house.live(HOUR)
    assert (await house.get(number)).phase is Phase.STOPPED


async def test_a_restart_at_any_hour_changes_nothing(house: House) -> None:
    number = await second_release(house, devices=24, **CALM)
    for hour in range(40):
        await house.live(HOUR)
        if hour % 3 == 0:
            house = await house.again()
        if (await house.get(number)).ended_at is not None:
            break
    whole = await house.rooms.rollouts.whole(number)
    assert [w.drawn for w in whole.waves] == [6, 6, 6, 6]
    assert {u.version for u in house.units.values()} == {"1.1.0"}
    assert all(len({action for _, action, _ in u.told}) <= 2 for u in house.units.values())
    house.rooms.db.close()


async def leave(house: House, *gone: str) -> None:
    for name in gone:
        await house.rooms.fleet.retire(ANN, name)
        del house.units[name]


async def test_who_left_the_selection_is_not_held_back(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR, tolerated=1e-6, on_inconclusive="ask")
    while (await house.get(number)).wave < 3:
        await house.live(HOUR)
    drawn = await house.states(number)
    await leave(house, *(name for name in names(24) if name not in drawn))
    case = await house.over(number)
    assert (case.phase, case.wave) == (Phase.INCONCLUSIVE, 3)


async def test_the_last_one_held_back_is_not_forgotten(house: House) -> None:
    """Drawn devices leave too, and must not be taken for held-back ones that got it."""
    number = await second_release(house, devices=24, soak_s=HOUR, on_inconclusive="go")
    while (await house.get(number)).wave < 3:
        await house.live(HOUR)
    drawn = list(await house.states(number))
    await leave(house, *[name for name in names(24) if name not in drawn][1:], drawn[0])
    await house.over(number)
    assert {u.version for u in house.units.values()} == {"1.1.0"}


class Twice:
    """Runs every job twice, as a group of commits that is taken apart does: what the first run wrote is undone."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.read = db.read

    async def write(self, job: Callable[[Tx], Any]) -> Any:
        def undone(tx: Tx) -> None:
            job(tx)
            tx.writes += 1
            raise ConflictError

        with contextlib.suppress(ConflictError):
            await self._db.write(undone)
        return await self._db.write(job)


@pytest.mark.parametrize("hurts", [False, True])
async def test_a_tick_that_runs_twice_decides_once(house: House, hurts: bool) -> None:
    number = await second_release(house, devices=24, soak_s=DAY, on_inconclusive="go", in_flight_least=40, attempts=1)
    house.rooms.runner._db = Twice(house.rooms.db)  # type: ignore[assignment]
    for unit in house.units.values():
        unit.crash_on = frozenset({"1.1.0"} if hurts else ())
    case = await house.over(number)
    assert case.phase in ((Phase.STOPPED,) if hurts else (Phase.GOOD_ENOUGH, Phase.INCONCLUSIVE))
    titles = [e.title for e in await house.happened(number)]
    waves = [t for t in titles if t.startswith(("Wave", "The remainder"))]
    assert waves == ["Wave 1 opened (6 devices)"] if hurts else len(waves) == 4
    hurt = {d.device for d in await house.rooms.rollouts.deployments(number) if d.hurt}
    assert hurt == (await house.rooms.rollouts.experiment(number)).hurt_devices


async def test_a_person_and_a_tick_at_once(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR)
    await house.live(2 * HOUR)
    await house.gathered(house.rooms.rollouts.stop(ANN, number, "now"), house.step(house.now + HOUR))
    await house.live(HOUR)
    case = await house.get(number)
    assert (case.phase, case.ending) == (Phase.STOPPED, "ann")
    assert len([c for c in await house.rooms.rollouts.all() if c.undoes == number]) == 1


@pytest.mark.parametrize("name", GATES)
def test_every_gate_is_found_by_its_name(name: str) -> None:
    assert gate(name).decide
