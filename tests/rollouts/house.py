"""A whole house without HTTP: the rooms as `app` wires them, on a stepped clock, with devices that act in milliseconds.

house = await House.open(tmp_path, database_url)
await house.publish("1.0.0")
await house.start("1.0.0", soak_s=HOUR)
await house.live(24 * HOUR)            # every unit polls, installs, boots and reports, hour by hour
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tests.conftest import START
from tests.releases.parcel import artifact, make, public

from fleetloop.access import Person, Role
from fleetloop.app.schema import METADATA
from fleetloop.app.settings import ServerSettings
from fleetloop.app.ticking import Ticking
from fleetloop.app.wiring import Inbox, Rooms, build, flush, load
from fleetloop.core.clock import HOUR
from fleetloop.core.db import Reader, facts_after
from fleetloop.core.facts import Fact
from fleetloop.fleet import NewDevice
from fleetloop.releases import Kind, Policy, Release, pack, read
from fleetloop.rollouts import Deployment, Entry, Phase, Rollout, State
from fleetloop.rollouts import store as rollouts_store
from fleetloop.rollouts.desk import Watch
from fleetloop.wire import Execution, Finished, Heartbeat, Order, Outcome, Report

ANN = Person("ann", Role.ADMIN)
PRODUCT = "cell"
SUCCESS = Report(Execution.CLOSED, Finished.SUCCESS)
FAILURE = Report(Execution.CLOSED, Finished.FAILURE)
PROCEEDING = Report(Execution.PROCEEDING, Finished.NONE)


@dataclass
class House:
    """One server and its units."""

    folder: Path
    url: str
    rooms: Rooms
    ticking: Ticking
    inbox: Inbox
    units: dict[str, "Unit"] = field(default_factory=dict[str, "Unit"])

    @classmethod
    async def open(cls, folder: Path, url: str, away: float = 0.0) -> "House":
        """Start on what lies in the database; tables are made if there are none. ``away``: how long nobody served."""
        own = "" if url.startswith("sqlite") else url
        settings = ServerSettings(dir=str(folder), database=own, stepped=True, start_at=START, poll_s=3600)
        rooms = build(settings)
        if not own:  # what these tests show does not rest on the disk
            sa.event.listen(rooms.db.engine, "connect", lambda c, _: c.execute("pragma synchronous=OFF"))
        METADATA.create_all(rooms.db.engine)
        await load(rooms)
        ticking = Ticking(rooms)
        await ticking.begin()
        made = cls(folder, url, rooms, ticking, Inbox(rooms.fleet, rooms.heartbeats, rooms.dispatch))
        await made.step(rooms.clock.now() + away)
        return made

    async def close(self) -> None:
        """Go down in good order."""
        await self.rooms.db.write(lambda tx: flush(self.rooms, tx))
        self.rooms.db.close()

    async def again(self, away: float = 0.0) -> "House":
        """A restart: memory is lost, the database stays. The units are the same."""
        self.rooms.db.close()
        other = await House.open(self.folder, self.url, away)
        for unit in self.units.values():
            unit.house = other
        other.units = self.units
        return other

    @property
    def now(self) -> float:
        return self.rooms.clock.now()

    async def product(self, *revisions: str, poll_s: int = 3600) -> None:
        """The product, its approved boards, and the key that may sign for it."""
        await self.rooms.hardware.add_product(ANN, PRODUCT, poll_s)
        for revision in revisions or ("b",):
            await self.rooms.hardware.add_revision(ANN, PRODUCT, revision)
        await self.rooms.releases.trust(ANN, PRODUCT, public())

    async def publish(self, version: str, *revisions: str, tolerated: float = 0.03) -> Release:
        """A release with one image for each revision."""
        folder = self.folder / f"bundle-{version}"
        shipped = tuple(
            artifact(folder, r, Kind.IMAGE, f"firmware-{version}-{r}.img", f"{version} for {r}".encode())
            for r in revisions or ("b",)
        )
        make(folder, version=version, artifacts=shipped, policy=Policy(tolerated))
        spool = io.BytesIO()
        pack(read(folder), spool)
        spool.seek(0)
        return await self.rooms.releases.publish(ANN, spool)

    async def add(self, *names: str, revision: str = "b", version: str = "0.9.0") -> list["Unit"]:
        """Devices in the field that run ``version``; with an empty one nobody has told yet."""
        await self.rooms.fleet.add(ANN, [NewDevice(name, PRODUCT, revision) for name in names])
        made = [Unit(self, name, revision, version) for name in names]
        self.units.update((unit.name, unit) for unit in made)
        if version:
            await all_of(unit.beat() for unit in made)
        return made

    async def start(self, version: str, **plan: Any) -> Rollout:
        """A rollout of ``version`` with a fixed seed."""
        return await self.rooms.rollouts.start(ANN, PRODUCT, version, {"seed": "s"} | plan)

    async def step(self, to: float) -> None:
        """Time moves; everything due is done."""
        await self.ticking.advance(to)

    async def live(self, seconds: float, every: float = HOUR) -> None:
        """The units contact the house each ``every`` seconds, all of an instant side by side."""
        end = self.now + seconds
        while self.now < end:
            await self.step(min(end, self.now + every))
            await all_of(unit.act() for unit in self.units.values())

    async def until(self, true: Callable[[], Awaitable[bool]], most: float = 1000 * HOUR) -> None:
        """Live hour by hour until it is so."""
        end = self.now + most
        while not await true():
            assert self.now < end, f"not in {most / HOUR:g} h"
            await self.live(HOUR)

    async def over(self, rollout: int) -> Rollout:
        """Live until the rollout is over."""

        async def ended() -> bool:
            return (await self.get(rollout)).ended_at is not None

        await self.until(ended)
        return await self.get(rollout)

    async def get(self, rollout: int) -> Rollout:
        return await self.rooms.rollouts.get(rollout)

    def watch(self, rollout: int) -> Watch:
        return self.rooms.desk.watches[rollout]

    async def deployment(self, name: str) -> Deployment:
        """The device's newest one."""
        found = await self.rooms.db.read(lambda reader: rollouts_store.last_of(reader, name, "application"))
        assert found
        return found[0]

    async def states(self, rollout: int) -> dict[str, State]:
        return {d.device: d.state for d in await self.rooms.rollouts.deployments(rollout)}

    async def asks(self, rollout: int) -> bool:
        """Whether it waits for a person."""
        return (await self.get(rollout)).phase is Phase.ASKING

    async def confirmed(self, version: str) -> None:
        """As if the rollout of ``version`` lay behind us: published, and every unit confirmed on it at once."""
        release = await self.publish(version, "a", "b")
        plan = {"waves": [100.0], "soak_s": 0.0, "in_flight_least": 1000, "confirmed_share": 0.0, "by_hand": False}
        units = list(self.units.values())
        for unit in units:
            unit.start("")
        await all_of(unit.beat(version="0.0.0") for unit in units)
        case = await self.start(version, **plan)
        while (await self.get(case.id)).ended_at is None:
            await self.live(HOUR)
        assert {unit.version for unit in units} == {release.version}

    @staticmethod
    async def gathered(*work: Awaitable[object]) -> list[object]:
        """What each returned or raised, side by side."""
        return list(await asyncio.gather(*work, return_exceptions=True))

    async def happened(self, rollout: int) -> list[Entry]:
        """Oldest first."""
        return (await self.rooms.rollouts.whole(rollout)).journal[::-1]


@dataclass
class Unit:
    """One device. ``takes``, ``falls_back``, ``away``: how it behaves; ``crash_on``: versions that crash at each act."""

    house: House
    name: str
    revision: str
    version: str
    boot: int = 1
    crashes: int = 0
    healthy: bool = True
    takes: bool = True
    falls_back: bool = False
    away: bool = False
    crash_on: frozenset[str] = frozenset()
    told: list[tuple[float, int, bool]] = field(default_factory=list[tuple[float, int, bool]])
    """(at, action, cancel) of every order it was handed."""

    async def act(self) -> None:
        """A heartbeat and a poll; an order is done at once."""
        if self.away:
            return
        if self.version in self.crash_on:
            await self.crash()
        await self.beat()
        order = await self.poll()
        if order is None:
            return
        if order.cancel:
            await self.report(order.action, SUCCESS, on_cancel=True)
        elif self.takes:
            await self.install(order)

    async def contact(self) -> None:
        waiting = self.house.inbox.contact(self.name)
        if waiting is not None:
            await waiting

    async def poll(self) -> Order | None:
        """As the wire does: the contact, the order, and its handing made durable."""
        await self.contact()
        dispatch = self.house.rooms.dispatch
        order = dispatch.order(self.name)
        if order is None:
            return None
        if not order.cancel:
            waiting = dispatch.hand(self.name, order.action)
            if waiting is not None and not await waiting:
                return None
        self.told.append((self.house.now, order.action, order.cancel))
        return order

    async def download(self, order: Order, *, resumed: bool = False) -> bool:
        found = await self.house.inbox.download(self.name, order.file.key, order.file.name, resumed=resumed)
        return found is not None

    async def report(self, action: int, report: Report, *, on_cancel: bool = False) -> Outcome:
        return await self.house.inbox.report(self.name, action, report, on_cancel=on_cancel)

    async def install(self, order: Order) -> None:
        """Download, say so, boot; then the heartbeat that shows it."""
        await self.download(order)
        await self.report(order.action, SUCCESS)
        self.start(self.version if self.falls_back else order.version)
        await self.beat()

    def start(self, version: str) -> None:
        """Boot ``version``; nobody is told yet."""
        self.version, self.boot = version, self.boot + 1

    async def crash(self) -> None:
        self.crashes, self.boot = self.crashes + 1, self.boot + 1
        await self.beat(reset="watchdog")

    async def beat(self, **changes: Any) -> None:
        """A heartbeat; every one is a contact."""
        await self.contact()
        said = Heartbeat(self.version, self.revision, f"boot-{self.boot}", 60.0, "power", self.crashes, self.healthy)
        waiting = self.house.inbox.heartbeat(self.name, replace(said, **changes))
        if waiting is not None:
            await waiting
        await self.house.rooms.pump.drain()


def facts_of(reader: Reader, *kinds: type[Fact]) -> list[Fact]:
    """Everything of these kinds that was recorded, in order."""
    return [one.fact for one in facts_after(reader, 0, [kind.__name__ for kind in kinds])]


async def all_of(work: Iterable[Awaitable[object]]) -> None:
    """Side by side, so that commits are shared. Raises what the first of them raised, once none is still at work."""
    for ended in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended


def names(n: int, prefix: str = "d") -> list[str]:
    """Ids of ``n`` devices."""
    return [f"{prefix}{i:03}" for i in range(n)]
