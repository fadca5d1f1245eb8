"""Who is who: the rooms of one server, what they hand each other, and the only list of who listens to what."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleetloop.access import Access
from fleetloop.app.settings import ServerSettings
from fleetloop.core.clock import Clock, RealClock, SteppedClock
from fleetloop.core.db import Database, Tx
from fleetloop.core.listen import Pump
from fleetloop.core.serving import Served
from fleetloop.fleet import Fleet, TokenGuard
from fleetloop.hardware import Hardware
from fleetloop.incidents import Incidents
from fleetloop.releases import Releases
from fleetloop.rollouts import Clocks, Desk, Dispatch, Hearing, Rollouts, Runner
from fleetloop.telemetry import Heartbeats
from fleetloop.web import Live
from fleetloop.wire import Devices, File, Heartbeat, House, Outcome, Report, Settings

TENANT = "DEFAULT"
LAG_S = 60.0
"""How much older than memory a last contact on disk may be: what a crash forgets of one that polls all the time."""


@dataclass
class Rooms:
    """Everything one server is made of."""

    settings: ServerSettings
    db: Database
    clock: Clock
    served: Served
    live: Live
    access: Access
    hardware: Hardware
    fleet: Fleet
    heartbeats: Heartbeats
    releases: Releases
    desk: Desk
    dispatch: Dispatch
    rollouts: Rollouts
    clocks: Clocks
    runner: Runner
    incidents: Incidents
    pump: Pump
    devices: Devices


class Inbox:
    """What devices say goes to the room that keeps it; every accepted request is a contact."""

    def __init__(self, fleet: Fleet, heartbeats: Heartbeats, dispatch: Dispatch) -> None:
        self._fleet = fleet
        self._heartbeats = heartbeats
        self._dispatch = dispatch

    def contact(self, device: str) -> Awaitable[None] | None:
        """The window of its rollouts first: it looks at the contact before this one."""
        window = self._dispatch.contact(device)
        self._fleet.touch(device)
        return window

    async def report(self, device: str, action: int, report: Report, *, on_cancel: bool) -> Outcome:
        """To rollouts."""
        return await self._dispatch.report(device, action, report, on_cancel=on_cancel)

    def wants_attributes(self, device: str) -> bool:
        """From the fleet."""
        return self._fleet.wants_attributes(device)

    async def attributes(self, device: str, mode: str, data: Mapping[str, str | None]) -> None:
        """To the fleet."""
        await self._fleet.attributes(device, mode, data)

    def heartbeat(self, device: str, heartbeat: Heartbeat) -> Awaitable[None] | None:
        """To telemetry."""
        return self._heartbeats.take(device, heartbeat)

    async def download(self, device: str, key: int, name: str, *, resumed: bool) -> tuple[int, File, Path] | None:
        """To rollouts; the bytes are those of releases."""
        return await self._dispatch.download(device, key, name, resumed=resumed)


def build(settings: ServerSettings) -> Rooms:
    """Make the rooms and hand each what it needs; nothing is loaded or started yet."""
    db = Database(settings.url)
    clock: Clock = SteppedClock(settings.start_at) if settings.stepped else RealClock()
    lag = 0.0 if settings.stepped else LAG_S  # a story told twice reads the same contacts after each restart
    served, live, access = Served(), Live(), Access(db)
    hardware, fleet = Hardware(db, clock), Fleet(db, clock, access.tokens, lag_s=lag)
    heartbeats = Heartbeats(db, clock)
    releases = Releases(db, clock, Path(settings.dir, "artifacts"))
    desk = Desk(releases.described)
    dispatch, hearing = Dispatch(db, clock, desk, releases.file), Hearing(desk)
    rollouts = Rollouts(db, clock, desk, stepped=settings.stepped)
    clocks = Clocks(clock, served, desk, hearing, fleet.last_contact, (fleet.flush,))
    incidents = Incidents(db)
    # Who listens to what, and nowhere else.
    pump = Pump(db, [hearing.listener, incidents.listener])
    settled = wire_settings(settings)
    house = House(
        TENANT,
        clock,
        TokenGuard(fleet, access.tokens),
        dispatch,
        Inbox(fleet, heartbeats, dispatch),
        settled,
        lambda device: hardware.poll_s(fleet.product(device)) or settled.poll_s,
    )
    return Rooms(
        settings, db, clock, served, live, access, hardware, fleet, heartbeats, releases, desk, dispatch, rollouts,
        clocks,
        Runner(db, clock, served, desk, clocks), incidents, pump, Devices(house),
    )  # fmt: skip


def wire_settings(settings: ServerSettings) -> Settings:
    """What devices are told, and their bounds; a stepped minute holds a whole instant, so it has hardly a limit."""
    most = 100_000 if settings.stepped else Settings.requests_a_minute
    return Settings(poll_s=settings.poll_s, requests_a_minute=most, behind_proxy=settings.behind_proxy)


async def load(rooms: Rooms) -> None:
    """Fill every memory from the database, lower rooms first."""
    await rooms.access.load()
    await rooms.hardware.load()
    await rooms.fleet.load()
    await rooms.heartbeats.load()
    await rooms.releases.load()
    await rooms.db.read(rooms.served.load)
    await rooms.pump.drain()
    await rooms.db.read(rooms.desk.load)
    rooms.clocks.load()
    await rooms.runner.prepare()


def flush(rooms: Rooms, tx: Tx) -> None:
    """What memory holds and disk does not, at the end."""
    rooms.fleet.flush_all(tx)
    flush_often(rooms, tx)


def flush_often(rooms: Rooms, tx: Tx) -> None:
    """What memory holds, every few seconds; contacts go with the ticks."""
    for part in (rooms.heartbeats.flush, rooms.access.flush):
        part(tx)
