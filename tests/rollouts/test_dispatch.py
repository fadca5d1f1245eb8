import pytest
from tests.rollouts.house import ANN, FAILURE, PROCEEDING, SUCCESS, House, Unit

from fleetloop.core import db as core_db
from fleetloop.core.clock import HOUR
from fleetloop.core.errors import LimitError
from fleetloop.rollouts import State
from fleetloop.wire import Execution, Finished, Order, Outcome, Report

REJECTED = Report(Execution.REJECTED, Finished.NONE)
MANY = {"waves": [100.0], "soak_s": HOUR, "by_hand": False, "crash_limit": 0}


@pytest.fixture
async def unit(house: House) -> Unit:
    """One device with a release to fetch at its next poll."""
    [made] = await house.add("d1")
    await house.publish("1.0.0")
    await house.start("1.0.0", **MANY)
    await house.step(house.now + HOUR)
    return made


async def ordered(unit: Unit) -> Order:
    order = await unit.poll()
    assert order
    return order


async def state(unit: Unit) -> State:
    return (await unit.house.deployment(unit.name)).state


async def test_a_poll_with_nothing_to_do_asks_no_database(house: House) -> None:
    [unit] = await house.add("d1")
    said: list[object] = []
    core_db.watchers.append(said.append)
    try:
        assert await unit.poll() is None
        assert said == []
    finally:
        core_db.watchers.remove(said.append)


async def test_an_order_is_handed_once_and_durably(unit: Unit) -> None:
    dispatch = unit.house.rooms.dispatch
    order = dispatch.order(unit.name)
    assert order
    assert (order.version, order.product, order.cancel) == ("1.0.0", "cell", False)
    waiting = dispatch.hand(unit.name, order.action)
    assert waiting is not None
    assert await waiting
    assert await state(unit) is State.OFFERED
    assert dispatch.hand(unit.name, order.action) is None
    assert dispatch.stands(unit.name, order.action)


async def test_polls_side_by_side_hand_it_once(unit: Unit) -> None:
    first, second = await unit.house.gathered(unit.poll(), unit.poll())
    assert first == second is not None
    record = await unit.house.rooms.rollouts.record(1)
    await unit.house.step(unit.house.now + HOUR)
    started = [r for r in await unit.house.rooms.rollouts.record(1) if "started" in r]
    assert len(started) == 1
    assert len(record) > 1


async def test_another_devices_action_is_nobodys(unit: Unit) -> None:
    order = await ordered(unit)
    [other] = await unit.house.add("d2")
    assert await other.report(order.action, SUCCESS) is Outcome.UNKNOWN
    assert await other.report(4711, SUCCESS) is Outcome.UNKNOWN
    waiting = unit.house.rooms.dispatch.hand(other.name, order.action)
    assert waiting is not None
    assert not await waiting
    assert await unit.house.rooms.dispatch.deployment(other.name, order.action) is None


async def test_reports_move_it_and_repetitions_do_not(unit: Unit) -> None:
    order = await ordered(unit)
    assert await unit.download(order)
    assert await state(unit) is State.DOWNLOADING
    assert await unit.report(order.action, Report(Execution.DOWNLOADED, Finished.NONE)) is Outcome.TAKEN
    assert await unit.report(order.action, PROCEEDING) is Outcome.TAKEN
    assert await state(unit) is State.INSTALLING
    assert await unit.report(order.action, SUCCESS) is Outcome.TAKEN
    assert await unit.report(order.action, SUCCESS) is Outcome.OVER
    assert await unit.report(order.action, FAILURE) is Outcome.OVER
    assert await state(unit) is State.INSTALLED
    word, said = await unit.house.rooms.dispatch.history(unit.name, order.action, 10)
    assert (word, said) == ("FINISHED", [])


async def test_what_the_device_said_can_be_read_again(unit: Unit) -> None:
    order = await ordered(unit)
    await unit.report(order.action, Report(Execution.PROCEEDING, Finished.NONE, ("one", "two")))
    await unit.report(order.action, Report(Execution.PROCEEDING, Finished.NONE, ("three",)))
    history = unit.house.rooms.dispatch.history
    assert await history(unit.name, order.action, 10) == ("RETRIEVED", ["three", "one", "two"])
    assert await history(unit.name, order.action, 1) == ("RETRIEVED", ["three"])
    assert await history("d2", order.action, 10) == ("ERROR", [])


async def test_an_action_is_served_as_long_as_its_device_may_look_at_it(unit: Unit) -> None:
    dispatch = unit.house.rooms.dispatch
    [shown] = [o.action for o in [dispatch.order(unit.name)] if o]
    order = await ordered(unit)
    assert order.action == shown
    assert await dispatch.deployment(unit.name, order.action) == order
    await unit.report(order.action, SUCCESS)
    served = await dispatch.deployment(unit.name, order.action)
    assert served
    assert (served.action, served.version) == (order.action, "1.0.0")
    assert dispatch.installed(unit.name) == order.action
    unit.start("1.0.0")
    await unit.house.live(4 * HOUR)
    assert await state(unit) is State.CONFIRMED
    assert await dispatch.deployment(unit.name, order.action)


async def test_what_was_never_handed_is_not_served(house: House) -> None:
    [unit] = await house.add("d1")
    await house.publish("1.0.0")
    number = (await house.start("1.0.0", **MANY)).id
    await house.step(house.now + HOUR)
    order = house.rooms.dispatch.order("d1")
    assert order
    await house.rooms.rollouts.stop(ANN, number)
    assert await house.rooms.dispatch.deployment("d1", order.action) is None
    assert not await house.rooms.dispatch.cancelling("d1", order.action)
    assert await unit.poll() is None


async def test_a_stop_asks_who_has_it_to_cancel(unit: Unit) -> None:
    order = await ordered(unit)
    house, dispatch = unit.house, unit.house.rooms.dispatch
    await house.rooms.rollouts.stop(ANN, 1)
    shown = dispatch.order(unit.name)
    assert shown
    assert (shown.action, shown.cancel) == (order.action, True)
    assert shown.tag != order.tag
    assert not dispatch.stands(unit.name, order.action)
    assert not await unit.download(order)
    assert await dispatch.cancelling(unit.name, order.action)
    assert await unit.report(order.action, SUCCESS, on_cancel=True) is Outcome.TAKEN
    assert await state(unit) is State.CANCELLED
    assert dispatch.order(unit.name) is None
    assert await dispatch.cancelling(unit.name, order.action)


async def test_a_cancel_that_nobody_asked_for(unit: Unit) -> None:
    order = await ordered(unit)
    assert await unit.report(order.action, SUCCESS, on_cancel=True) is Outcome.NOT_CANCELLING


async def test_three_rejections_are_an_answer(unit: Unit) -> None:
    order = await ordered(unit)
    for left in (State.OFFERED, State.OFFERED, State.DECLINED):
        assert await unit.report(order.action, REJECTED) is Outcome.TAKEN
        assert await state(unit) is left


async def test_a_download_that_never_ends_is_a_loop(house: House) -> None:
    [unit] = await house.add("d1")
    await house.publish("1.0.0")
    await house.start("1.0.0", **MANY, downloads=2, attempts=1)
    await house.step(house.now + HOUR)
    order = await ordered(unit)
    assert await unit.download(order)
    assert await unit.download(order, resumed=True)
    assert await unit.download(order)
    with pytest.raises(LimitError, match="d1 downloaded this 2 times"):
        await unit.download(order)
    assert await state(unit) is State.FAILED


async def test_only_the_file_of_the_order_is_served(unit: Unit) -> None:
    order = await ordered(unit)
    inbox = unit.house.inbox
    assert await inbox.download("d1", order.file.key + 1, order.file.name, resumed=False) is None
    assert await inbox.download("d1", order.file.key, "other.img", resumed=False) is None
    found = await inbox.download("d1", order.file.key, order.file.name, resumed=False)
    assert found
    assert found[2].read_bytes() == b"1.0.0 for b"


async def test_a_client_that_cannot_tell_its_version_came_back(house: House) -> None:
    [unit] = await house.add("d1", version="")
    await house.publish("1.0.0")
    await house.start("1.0.0", **MANY)
    await house.step(house.now + HOUR)
    order = await ordered(unit)
    await unit.report(order.action, SUCCESS)
    await unit.contact()
    assert await state(unit) is State.INSTALLED
    await house.step(house.now + HOUR)
    await unit.contact()
    deployment = await house.deployment("d1")
    assert (deployment.state, deployment.weak) == (State.BOOTED, True)


async def test_a_report_on_an_older_attempt_is_over(house: House) -> None:
    [unit] = await house.add("d1")
    await house.publish("1.0.0")
    await house.start("1.0.0", **MANY, back_off_s=HOUR)
    await house.step(house.now + HOUR)
    first = await ordered(unit)
    await unit.report(first.action, FAILURE)
    await house.step(house.now + HOUR)
    await house.step(house.now + HOUR)
    second = await ordered(unit)
    assert second.action > first.action
    assert await unit.report(first.action, SUCCESS) is Outcome.OVER
    assert await state(unit) is State.OFFERED
