import pytest
from tests.rollouts.house import House

from fleetloop.core.clock import HOUR
from fleetloop.core.db import Reader, Tx
from fleetloop.core.errors import ConflictError
from fleetloop.rollouts import Deployment, store
from fleetloop.rollouts.cases import Attempt
from fleetloop.rollouts.model import Event, Intent, State
from fleetloop.rollouts.moves import again, apply

Case = tuple[Deployment, Attempt]


@pytest.fixture
async def case(house: House) -> Case:
    """A device waits for 1.0.0."""
    await house.add("d1")
    await house.publish("1.0.0")
    await house.start("1.0.0", waves=[100.0], by_hand=False)
    await house.step(house.now + HOUR)
    return await last(house)


async def last(house: House) -> Case:
    def job(reader: Reader) -> Case:
        found = store.last_of(reader, "d1", "application")
        assert found
        return found

    return await house.rooms.db.read(job)


async def happen(house: House, *events: Event) -> None:
    """Each in a transaction of its own, at one instant."""
    for event in events:

        def job(tx: Tx, event: Event = event) -> None:
            found = store.last_of(tx, "d1", "application")
            assert found
            apply(tx, house.rooms.desk, found, event, house.now)

        await house.rooms.db.write(job)


async def installs(house: House) -> list[str]:
    """The guard's lines in order, once they are booked."""
    await house.step(house.now + 1)
    rows = await house.rooms.rollouts.record(1)
    return [row.split('"state":"')[1].split('"')[0] for row in rows if '"state":"' in row]


async def test_what_an_event_changes_is_written_down(house: House, case: Case) -> None:
    await happen(house, Event.HANDED)
    deployment, attempt = await last(house)
    assert (deployment.state, deployment.since, attempt.handed_at) == (State.OFFERED, house.now, house.now)
    await happen(house, Event.SAID_SUCCESS)
    deployment, attempt = await last(house)
    assert (deployment.state, deployment.open, attempt.closed_at) == (State.INSTALLED, True, house.now)
    await happen(house, Event.SEEN_TARGET, Event.HEALTHY)
    deployment, _ = await last(house)
    assert (deployment.state, deployment.open, deployment.booted_at) == (State.CONFIRMED, False, house.now)


async def test_memory_learns_of_it_after_the_commit(house: House, case: Case) -> None:
    def broken(tx: Tx) -> None:
        apply(tx, house.rooms.desk, case, Event.HANDED, house.now)
        raise ConflictError

    with pytest.raises(ConflictError):
        await house.rooms.db.write(broken)
    assert await last(house) == case
    live = house.rooms.desk.live.get("d1")
    assert live
    assert live.deployment.state is State.WAITING
    await happen(house, Event.HANDED)
    live = house.rooms.desk.live.get("d1")
    assert live
    assert live.deployment.state is State.OFFERED


async def test_the_guard_hears_of_an_install_in_its_own_order(house: House, case: Case) -> None:
    await happen(house, Event.HANDED, Event.SAID_SUCCESS, Event.SEEN_TARGET, Event.BAD_IN_WINDOW)
    assert await installs(house) == ["started", "booted", "failed"]
    guard = house.watch(1).experiment.guard
    assert (guard.started, guard.booted, guard.failed, guard.in_flight) == (1, 1, 1, 0)


async def test_what_comes_after_the_window_is_the_comparisons(house: House, case: Case) -> None:
    await happen(house, Event.HANDED, Event.SAID_SUCCESS, Event.SEEN_TARGET)
    await house.step(house.now + house.watch(1).rollout.plan.window_s + 1)
    await happen(house, Event.SEEN_OLD)
    assert (await last(house))[0].state is State.REVERTED
    assert await installs(house) == ["started", "booted"]


async def test_the_guard_counts_a_device_once(house: House, case: Case) -> None:
    await happen(house, Event.HANDED, Event.SAID_FAILURE)

    def job(tx: Tx) -> None:
        found = store.last_of(tx, "d1", "application")
        assert found
        again(tx, house.rooms.desk, found[0], 2, house.now)

    await house.rooms.db.write(job)
    deployment, attempt = await last(house)
    assert (deployment.state, deployment.open, attempt.number) == (State.WAITING, True, 2)
    await happen(house, Event.HANDED, Event.SAID_FAILURE)
    assert await installs(house) == ["started", "failed"]


async def test_a_stop_reaches_what_can_still_be_reached(house: House, case: Case) -> None:
    await happen(house, Event.HANDED, Event.STOP)
    deployment, _ = await last(house)
    assert (deployment.state, deployment.intent) == (State.OFFERED, Intent.HARD)
    live = house.rooms.desk.live.get("d1")
    assert live
    assert live.shown
    assert live.shown.cancel
