"""The conductor: moves the serving clock to the next due contact once everything due now is answered.

Time is stepped, not scaled: a slow machine takes longer, with the same outcome. The server ticks before the contacts of
an instant; a story acts between the two and takes no virtual time; what it starts counts from the next instant on.

    async with Conductor(url, server, [simulation, gateway], start) as conductor:
        await conductor.play(story)      # until story(status) says False, or Ctrl-C calls interrupt()
        await conductor.catch_up()       # contacts alone, up to real now
        await conductor.live()           # hand over to real time

A server that ends by itself is started again and given the same instant; contacts that broke off repeat by themselves.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any, Protocol, Self

import aiohttp

from fleetloop.core.clock import HOUR, real_now
from fleetloop.core.errors import InfrastructureError

LOOK_S = 0.05
"""Real seconds between looks at the server's process, and between two tries to reach it."""
PATIENCE_S = 30.0
RESTARTS = 3
ROUNDS = 1000
LIVE_S = 1.0


class Participant(Protocol):
    """Devices that time is moved for: a simulation, a gateway."""

    name: str

    @property
    def next(self) -> float:
        """When something is due next; infinity for never."""
        ...

    async def run(self, since: float, to: float, *, away: bool = False) -> float:
        """Do all that is due by ``to``; returns `next`. ``since``: where time stood before; ``away``: no server."""
        ...

    async def end(self) -> None:
        """Write what must be kept, and end."""
        ...


class Server(Protocol):
    """The server's process."""

    def alive(self) -> bool:
        """Whether the process is there."""
        ...

    async def restart(self) -> None:
        """Start it again; returns once ``/readyz`` answers. Raises `InfrastructureError`."""
        ...


@dataclass(frozen=True)
class Status:
    """What the server answers to an advance. ``next``: its own earliest timer. ``rollouts``: (id, status, wave)."""

    now: float
    next: float | None
    rollouts: tuple[tuple[str, str, int], ...]


Story = Callable[[Status], Awaitable[bool]]
"""Called between two instants; False ends the play."""


class AwayError(Exception):
    """The server did not take the advance; try again."""


class Conductor:
    """``now`` is the instant that everybody stands at. ``pace``: least real seconds a virtual hour; it only sleeps."""

    def __init__(
        self, url: str, server: Server, participants: Sequence[Participant], start: float, pace: float = 0.0
    ) -> None:
        self.url, self.now, self.pace = url.rstrip("/"), start, pace
        self.status = Status(start, None, ())
        self.restarts = 0
        self.clock = real_now
        self._server, self._participants = server, list(participants)
        self._since = {p.name: start for p in self._participants}
        self._stopped, self._lock = asyncio.Event(), asyncio.Lock()
        self._began = 0.0
        self._revived = (start, 0)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S))
        return self

    async def __aexit__(self, *_: object) -> None:
        for participant in self._participants:
            await participant.end()
        if self._http:
            await self._http.close()

    def interrupt(self) -> None:
        """Ctrl-C: the loop ends after the instant it is in."""
        self._stopped.set()

    async def play(self, story: Story) -> None:
        """Raises `InfrastructureError` when something under the story breaks, or the story reaches real now."""
        await self._supervised(self._play(story))

    async def catch_up(self) -> None:
        """Step on with nothing but contacts, to the last instant that is not in the future."""
        await self._supervised(self._catch_up())

    async def live(self) -> None:
        """Real time, until interrupted: the page of the server stays alive."""
        await self._supervised(self._live())

    async def alone(self, until: float) -> None:
        """The caller has stopped the server: devices go on, their contacts fail. Start it before the next play."""
        while (due := min(p.next for p in self._participants)) <= until:
            self.now = due
            await self._contacts(away=True)
        self.now = until

    async def _play(self, story: Story) -> None:
        await self._move(self.now)
        while await story(self.status) and not self._stopped.is_set():
            await self._contacts()
            due = self._next()
            if due > self.clock():
                raise InfrastructureError("the story has reached the present; it needs an earlier start")
            await self._move(due)

    async def _catch_up(self) -> None:
        await self._contacts()
        while not self._stopped.is_set() and (due := self._next()) <= self.clock():
            await self._move(due)
            await self._contacts()

    async def _live(self) -> None:
        while not await self._wait(LIVE_S):
            await self._move(max(self.now, float(floor(self.clock()))))
            await self._contacts()

    def _next(self) -> float:
        timers = [] if self.status.next is None else [self.status.next]
        due = min((t for t in (*timers, *(p.next for p in self._participants)) if t > self.now), default=float("inf"))
        if due == float("inf"):
            raise InfrastructureError("nothing is due any more, with the server or any device: time cannot move on")
        return due

    async def _move(self, to: float) -> None:
        loop = asyncio.get_running_loop()
        await self._wait(self._began + self.pace * (to - self.now) / HOUR - loop.time())
        self._began, self.now = loop.time(), to
        self.status = await self._advance(to)

    async def _wait(self, seconds: float) -> bool:
        """Whether it was interrupted."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)
        return self._stopped.is_set()

    async def _contacts(self, *, away: bool = False) -> None:
        """Everybody due at this instant, until nobody is: an answer may make somebody due at once."""
        for _ in range(ROUNDS):
            due = [p for p in self._participants if p.next <= self.now]
            if not due:
                return
            await _together([self._run(p, away) for p in due])
        raise InfrastructureError(f"somebody is due at {self.now:.0f} again and again; time cannot move on")

    async def _run(self, participant: Participant, away: bool) -> None:
        await participant.run(self._since[participant.name], self.now, away=away)
        self._since[participant.name] = self.now

    async def _supervised(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` with an eye on the server's process."""
        await _together([work, self._watch()], until_first=True)

    async def _watch(self) -> None:
        """Start the server again if it ended, and give it the same instant: until then it answers no device."""
        told = True
        while True:
            await asyncio.sleep(LOOK_S)
            if not self._server.alive():
                await self._revive()
                told = False
            told = told or await self._told_again()

    async def _revive(self) -> None:
        at, times = self._revived
        times = times + 1 if at == self.now else 1
        if times > RESTARTS:
            raise InfrastructureError(f"the server ended {times} times in the instant {at:.0f}; its log says why")
        self._revived = (self.now, times)
        self.restarts += 1
        await self._server.restart()

    async def _told_again(self) -> bool:
        with contextlib.suppress(AwayError, aiohttp.ClientError, TimeoutError):
            async with self._lock:
                await self._post(self.now)
            return True
        return False

    async def _advance(self, to: float) -> Status:
        """Repeated until it is answered: the same instant again moves nothing."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while True:
            try:
                async with self._lock:
                    return await self._post(to)
            except (AwayError, aiohttp.ClientError, TimeoutError) as e:
                if loop.time() > deadline:
                    told = f"the server at {self.url} did not take an advance to {to:.0f} in {PATIENCE_S:g} s: {e}"
                    raise InfrastructureError(told) from e
                await asyncio.sleep(LOOK_S)

    async def _post(self, to: float) -> Status:
        if self._http is None:
            raise InfrastructureError("enter the conductor with `async with`")
        async with self._http.post(f"{self.url}/conductor/advance", json={"to": to}) as answer:
            if answer.status == 404:
                raise InfrastructureError(f"{self.url} does not step time; start it with `fleetloop up --stepped`")
            if answer.status != 200:
                raise AwayError(f"status {answer.status} {(await answer.text())[:300]}")
            body: dict[str, Any] = await answer.json()
        rollouts = tuple((str(r[0]), str(r[1]), int(r[2])) for r in body.get("rollouts", ()))
        return Status(float(body["now"]), body["next"], rollouts)


async def _together(works: Sequence[Coroutine[Any, Any, None]], *, until_first: bool = False) -> None:
    """Run side by side until all (or the first) are done; the first error ends the others and is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    when = asyncio.FIRST_COMPLETED if until_first else asyncio.FIRST_EXCEPTION
    try:
        done, _ = await asyncio.wait(tasks, return_when=when)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
