"""The gateway's process: holds the contacts of its boards with the server, led by a conductor or by the real clock.

Conducted (``--conducted``), over JSON lines on stdin and stdout: it says ``{"next": T}`` once, then answers each
``{"from": T0, "run": T}`` with ``{"next": T1}`` when all that is due at T is acknowledged; ``"away": true`` beside it
says that the server is stopped on purpose. At ``{"write": true}`` it writes its records, and answers as before.
``{"end": true}`` or the end of the file ends it. ``{"failed": "..."}``: something under it broke; this says nothing
about a device.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

from gateway.config import Config, ConfigError, Unit, scale
from gateway.ddi import Controller, Line
from gateway.device import Device, machine_name
from gateway.image import STEPPED
from gateway.keeper import Keeper, Schedule
from gateway.record import Record, write

logger = logging.getLogger("gateway")


class Service:
    """All boards of one gateway. Enter it with ``async with``: boards are on inside, and off after."""

    def __init__(self, config: Config, *, conducted: bool) -> None:
        """Raises `ConfigError`; among others for a board whose clock does not fit ``conducted``."""
        self._config, self._conducted = config, conducted
        self._line = Line(config.server)
        self.keepers = [self._keeper(unit) for unit in config.boards]
        self._stack = AsyncExitStack()

    def _keeper(self, unit: Unit) -> Keeper:
        found = scale(unit)
        stepped = found == STEPPED
        if stepped != self._conducted:
            told = "is stepped: run it with" if stepped else f"runs by itself (scale {found}): run it without"
            raise ConfigError(f"{unit.device}: the clock of {unit.flash} {told} --conducted")
        clock = "stepped" if stepped else f"scale {found}"
        device = Device(unit, Record(unit.device, machine_name(unit), clock), stepped=stepped)
        controller = Controller(self._line, self._config.tenant, unit.device, unit.authorization)
        logger.info("%s: board=%s clock=%s server=%s", unit.device, machine_name(unit), clock, self._line.server)
        return Keeper(device, controller, self._config, Schedule(self._config, unit.device) if stepped else None)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._line)
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._stack.aclose()
        finally:
            self._write()

    def _write(self) -> None:
        if self._config.records:
            write((keeper.device.record for keeper in self.keepers), self._config.records)

    async def _power(self, at: float) -> None:
        for keeper in self.keepers:
            keeper.device.at = at
            self._stack.push_async_callback(keeper.device.off)
            await keeper.device.on()

    async def conducted(self) -> None:
        """Serve a conductor on stdin and stdout until it ends."""
        lines = await _stdin()
        _tell({"next": self._next()})
        powered = False
        while line := await lines.readline():
            order: dict[str, Any] = json.loads(line)
            if order.get("end"):
                return
            if order.get("write"):
                self._write()
                _tell({"next": self._next()})
                continue
            if not powered:  # it stands where the conductor says, a restarted gateway's too
                await self._power(order["from"])
                powered = True
            await self._run(order["run"], away=bool(order.get("away")))
            _tell({"next": self._next()})

    async def free(self) -> None:
        """Poll by the real clock. A server that is away is met again at the next poll."""
        await self._power(time.time())
        await _together([self._alone(keeper) for keeper in self.keepers])

    async def _alone(self, keeper: Keeper) -> None:
        while True:
            await keeper.device.idle(keeper.due)
            await keeper.run(time.time(), away=True)

    async def _run(self, to: float, *, away: bool) -> None:
        await _together([keeper.run(to, away=away) for keeper in self.keepers if keeper.due <= to])

    def _next(self) -> float:
        return min(keeper.due for keeper in self.keepers)


async def _together(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as causes:
        raise causes.exceptions[0] from None


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _tell(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
