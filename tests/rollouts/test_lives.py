from tests.rollouts.house import ANN, House, names

from fleetloop.core.clock import HOUR
from fleetloop.core.db import Reader
from fleetloop.rollouts import State, store
from fleetloop.rollouts.cases import Attempt, Deployment
from fleetloop.rollouts.lives import Live

PLAN = {"waves": [50.0, 100.0], "soak_s": HOUR, "by_hand": False, "crash_limit": 0, "in_flight_least": 2}


async def opened(house: House) -> None:
    await house.add(*names(24))
    await house.publish("1.0.0")
    await house.start("1.0.0", **PLAN)
    await house.step(house.now + HOUR)


def told(house: House) -> dict[str, Live]:
    """What memory says of each device, each made as it is asked for."""
    lives = house.rooms.desk.live
    return {name: live for name in house.units if (live := lives.get(name)) is not None}


async def kept(house: House) -> dict[str, tuple[Deployment, Attempt]]:
    def job(reader: Reader) -> list[tuple[Deployment, Attempt]]:
        return store.open_deployments(reader)

    return {one.device: (one, attempt) for one, attempt in await house.rooms.db.read(job)}


async def test_what_is_made_at_the_first_contact_is_what_the_tables_have(house: House) -> None:
    await opened(house)
    lives = house.rooms.desk.live
    assert len(lives) == 12
    mine = {name for name in house.units if name in lives}
    made = told(house)
    assert set(made) == mine
    assert len(lives) == 12
    assert {name: (live.deployment, live.attempt) for name, live in made.items()} == await kept(house)


async def test_a_crash_right_after_an_opening_leaves_every_device_the_same_order(house: House) -> None:
    await opened(house)
    before = {name: (live.deployment, live.attempt, live.order) for name, live in told(house).items()}
    again = await house.again()
    assert {name: (live.deployment, live.attempt, live.order) for name, live in told(again).items()} == before
    again.rooms.db.close()


async def test_who_is_over_is_never_made_again(house: House) -> None:
    await opened(house)
    lives = house.rooms.desk.live
    name = next(name for name in house.units if name in lives)
    await house.rooms.rollouts.stop(ANN, 1, rollback=False)
    assert (await house.deployment(name)).state is State.CANCELLED
    assert name not in lives
    assert lives.get(name) is None
    assert len(lives) == 0
    assert [*lives.values()] == []
    assert not lives.any_of(1)


async def test_a_newer_wave_has_the_device(house: House) -> None:
    await opened(house)
    await house.publish("1.0.1")
    await house.start("1.0.1", **PLAN)
    await house.step(house.now + HOUR)
    made = told(house)
    assert {live.deployment.version for live in made.values()} == {"1.0.1"}
    assert {name: (live.deployment, live.attempt) for name, live in made.items()} == await kept(house)
