"""Who moves the serving clock: a timer in real time, or a conductor on loopback.

After a restart the first instant shows how long the server was away: soak does not count it, and no deadline or silence
ends before two poll intervals after the return.
"""

import asyncio
import logging

from fleetloop.app.wiring import Rooms
from fleetloop.core import serving
from fleetloop.core.clock import SteppedClock
from fleetloop.core.errors import ConflictError, UnavailableError

log = logging.getLogger(__name__)
TICK_S = 1.0
AWAY_S = 10.0
"""A gap shorter than this is a restart, not an outage."""


class Ticking:
    """One tick at a time. ``open`` says whether devices are answered: not before the first instant after a start."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._lock = asyncio.Lock()
        self._last: float | None = None
        self.open = False
        self.failing = ""

    async def begin(self) -> None:
        """Learn where the clock stood."""
        self._last = await self._rooms.db.read(serving.last)
        clock = self._rooms.clock
        if isinstance(clock, SteppedClock):
            if self._last is not None:
                clock.move(max(self._last, clock.now()))
        else:
            await self.tick(clock.now())

    async def run(self) -> None:
        """Real time: a tick a second, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick(self._rooms.clock.now())
                self.failing = ""
            except Exception as error:
                log.exception("tick failed")
                self.failing = str(error)
                await self._again()

    async def _again(self) -> None:
        """What memory concluded may not be on disk: read all of it again."""
        try:
            await self._rooms.db.read(self._rooms.desk.load)
            self._rooms.clocks.load()
        except Exception:
            log.exception("reload failed")

    async def advance(self, to: float) -> dict[str, object]:
        """A conductor's step; answered after ticks, commit and listeners. The same instant again ticks nothing."""
        clock = self._rooms.clock
        if not isinstance(clock, SteppedClock):
            raise ConflictError("this server runs in real time; start it with --stepped")
        if to < clock.now():
            raise ConflictError(f"the clock stands at {clock.now():.3f} and never goes back; asked for {to:.3f}")
        if not self.open or to > clock.now():
            known = self._last is not None and to <= self._last
            clock.move(to)
            if not known:
                await self.tick(to)
        self.open = True
        return await self._status(to)

    async def tick(self, now: float) -> None:
        """Facts first, then everything due, then the facts of that."""
        async with self._lock:
            if not self.open:
                await self._return(now)
            await self._rooms.pump.drain()
            await self._rooms.runner.tick(now)
            await self._rooms.pump.drain()
            self._last, self.open = now, True
            self._tell()

    def _tell(self) -> None:
        """Pages that look at what changed hear of it; only names travel."""
        desk = self._rooms.desk
        news, desk.news = desk.news, set()
        self._rooms.live.publish(*news)
        drawn, desk.news_of = desk.news_of, []
        for devices in drawn:
            self._rooms.live.publish_many("device", devices)

    async def _return(self, now: float) -> None:
        gap = 0.0 if self._last is None else now - self._last
        if gap > AWAY_S and self._last is not None:
            away_since = self._last
            log.warning("was away for %.0f s", gap)
            await self._rooms.db.write(lambda tx: self._rooms.served.note(tx, away_since, now))
            self._rooms.clocks.load()

    async def _status(self, now: float) -> dict[str, object]:
        due = self._rooms.runner.next()
        rows = [[str(number), phase, wave] for number, phase, wave in await self._rooms.rollouts.statuses()]
        return {"now": now, "next": None if due == float("inf") else due, "rollouts": rows}

    def check(self) -> None:
        """Raises `UnavailableError` with what is not in order."""
        if not self.open:
            raise UnavailableError("the serving clock has not started yet")
        if self.failing or self._rooms.pump.failing:
            raise UnavailableError(self.failing or f"listeners fail: {self._rooms.pump.failing}")
