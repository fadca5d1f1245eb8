"""Devices and people do anything in any order, the server restarts at any time: what must hold, holds."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest
from tests.rollouts.house import ANN, House, Unit, names

from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.db import Reader
from fleetloop.core.errors import ConflictError, LimitError, NotFoundError
from fleetloop.rollouts import Deployment, Phase, State, experiment_of, store
from fleetloop.rollouts.cases import Attempt
from fleetloop.rollouts.model import PENDING
from fleetloop.wire import Execution, Finished, Report

VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")
SPANS = (1.0, 300.0, HOUR, HOUR, 5 * HOUR, DAY)
PLAN = {
    "waves": [40.0, 80.0], "held_back": 20.0, "soak_s": 2 * HOUR, "by_hand": False, "crash_limit": 0, "on_inconclusive": "go",
    "in_flight_least": 4, "downloads": 3,
}  # fmt: skip


@dataclass
class Chaos:
    house: House
    random: random.Random
    told: dict[int, str] = field(default_factory=dict[int, str])
    """Every action that was handed, and to whom."""

    async def step(self) -> None:
        await self.house.step(self.house.now + self.random.choice(SPANS))
        units = list(self.house.units.values())
        doing = [self.device(unit) for unit in units if self.random.random() < 0.8]
        for told in await self.house.gathered(*doing):
            assert told is None, repr(told)
        if self.random.random() < 0.3:
            await self.person()
        if self.random.random() < 0.1:
            self.house = await self.house.again(away=self.random.choice((0.0, HOUR, 3 * DAY)))

    async def device(self, unit: Unit) -> None:
        for _ in range(self.random.randint(1, 4)):
            acts = (self.poll, self.poll, self.report, self.boot, self.fetch, Unit.beat, Unit.crash)
            await self.random.choice(acts)(unit)

    async def poll(self, unit: Unit) -> None:
        order = await unit.poll()
        if order is None:
            return
        assert self.told.setdefault(order.action, unit.name) == unit.name
        attempt, deployment = await self.attempt(unit, order.action)
        unasked = (
            deployment.booted_at is not None
        )  # it boots what it was never handed, and is shown its action to close it
        assert attempt.handed_at is not None or unasked, "told before it was durable"
        assert deployment.version == order.version

    async def attempt(self, unit: Unit, action: int) -> tuple[Attempt, Deployment]:
        found = await self.house.rooms.db.read(lambda reader: store.attempt(reader, action, unit.name))
        assert found
        return found

    async def report(self, unit: Unit) -> None:
        mine = [action for action, name in self.told.items() if name == unit.name]
        if mine:
            said = Report(self.random.choice(list(Execution)), self.random.choice(list(Finished)))
            await unit.report(self.random.choice(mine), said, on_cancel=self.random.random() < 0.3)

    async def boot(self, unit: Unit) -> None:
        order = self.house.rooms.dispatch.order(unit.name)
        unit.start(order.version if order and self.random.random() < 0.7 else self.random.choice(("0.9.0", *VERSIONS)))
        if self.random.random() < 0.7:
            await unit.beat()

    async def fetch(self, unit: Unit) -> None:
        order = self.house.rooms.dispatch.order(unit.name)
        if order and not order.cancel and order.action in self.told:
            try:
                await unit.download(order)
            except LimitError:
                pass

    async def person(self) -> None:
        rollouts = self.house.rooms.rollouts
        newest = (await rollouts.statuses())[-1][0]
        acts: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: self.house.start(self.random.choice(VERSIONS), **PLAN),
            lambda: rollouts.stop(ANN, newest, rollback=self.random.random() < 0.7),
            lambda: rollouts.pause(ANN, newest, resume=self.random.random() < 0.7),
            lambda: rollouts.decide(ANN, newest, go=self.random.random() < 0.7),
            self.retire,
            self.join,
        )
        try:
            await self.random.choice(acts)()
        except (ConflictError, NotFoundError):
            pass

    async def retire(self) -> None:
        name = self.random.choice(list(self.house.units))
        await self.house.rooms.fleet.retire(ANN, name)
        del self.house.units[name]

    async def join(self) -> None:
        name = self.random.choice(names(16))
        if name not in self.house.units:
            await self.house.add(name, revision=self.random.choice("ab"))

    async def check(self) -> None:
        found = await self.house.rooms.db.read(store.open_deployments)
        self.one_each(found)
        for watch in self.house.rooms.desk.watches.values():
            mine = {d.device: d.state for d, _ in found if d.rollout == watch.rollout.id}
            waiting = {device for device, state in mine.items() if state is State.WAITING}
            assert set(watch.waiting) == (set() if watch.stopped else waiting)
            assert watch.pending == {d for d, s in mine.items() if s in PENDING} - watch.overdue
            assert watch.rollout == await self.house.get(watch.rollout.id)
        for case in await self.house.rooms.rollouts.all():
            whole = await self.house.rooms.rollouts.whole(case.id)
            assert sum(whole.counts.values()) == sum(w.drawn for w in whole.waves)

    def one_each(self, found: list[tuple[Deployment, Attempt]]) -> None:
        devices = [d.device for d, _ in found]
        assert len(devices) == len(set(devices)), "two open deployments of one device"
        for deployment, attempt in found:
            live = self.house.rooms.desk.live.get(deployment.device)
            assert live, "memory forgot it"
            assert (live.deployment, replace(live.attempt, downloads=0)) == (deployment, replace(attempt, downloads=0))

    async def fold(self) -> None:
        """The record tells of what memory concluded."""
        for number, watch in list(self.house.rooms.desk.watches.items()):

            def job(reader: Reader, number: int = number) -> float:
                return experiment_of(reader, number).e_value

            if not watch.stopped:
                assert await self.house.rooms.db.read(job) == pytest.approx(watch.experiment.e_value)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens(house: House, seed: int) -> None:
    chaos = Chaos(house, random.Random(seed))
    for version in VERSIONS:
        await house.publish(version, "a", "b")
    await house.add(*names(6), revision="a")
    await house.add(*names(12)[6:])
    await house.start("1.0.0", **PLAN)
    for _ in range(40):
        await chaos.step()
        await chaos.check()
    await chaos.fold()
    house = chaos.house
    for _ in range(60):
        await house.step(house.now + DAY)
        if not await house.rooms.db.read(store.open_deployments):
            break
    assert await house.rooms.db.read(store.open_deployments) == []
    await house.live(2 * HOUR)
    for case in await house.rooms.rollouts.all():
        assert case.phase is not Phase.RUNNING or case.paused_by or (await house.get(case.id)).blocked
    house.rooms.db.close()
