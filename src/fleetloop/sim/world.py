"""All simulated devices of one process: who is due, and the contacts of one instant side by side."""

import asyncio
import heapq
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Self

from fleetloop.core.errors import InfrastructureError
from fleetloop.sim.contact import Contact, RefusedError
from fleetloop.sim.device import Device
from fleetloop.sim.faults import Luck
from fleetloop.sim.library import Crumb, Shelf
from fleetloop.sim.line import TIMEOUT_S, AwayError, Line
from fleetloop.sim.model import Population
from fleetloop.sim.population import factory

logger = logging.getLogger(__name__)
AGAIN_S = 0.05


def _as_they_come(due: list[Device]) -> None:
    """The order of one instant's devices stays as it is."""


class World:
    """A participant of the conductor: `next`, `run`, `end`. Enter it with ``async with``; it opens the line.

    Stepping the code needs the main thread, so does this.
    """

    def __init__(
        self, population: Population, line: Line, folder: Path | None = None, crumb: Crumb | None = None
    ) -> None:
        """``folder``: where the paths of factory libraries count from. Raises `ConfigError` or `LibraryError`."""
        self.name = "simulation"
        self._line, self._shelf = line, Shelf(crumb)
        built = factory(population, folder or Path(), self._shelf)
        luck = Luck(population.seed, population.start, population.faults)
        units = sorted(population.devices, key=lambda unit: unit.id)
        self.devices = [Device(unit, population, luck, built[unit.revision]) for unit in units]
        self._heap = [(device.due, device.unit.id, device) for device in self.devices]
        heapq.heapify(self._heap)
        self.reorder: Callable[[list[Device]], None] = _as_they_come
        """Changes the order in which one instant's devices are served; for tests that show it does not matter."""

    async def __aenter__(self) -> Self:
        await self._line.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._line.__aexit__()

    @property
    def next(self) -> float:
        """When the next device is due; infinity if there is none."""
        return self._heap[0][0] if self._heap else float("inf")

    async def run(self, since: float, to: float, *, away: bool = False) -> float:
        """Hold every contact due by ``to``, at ``to``; returns `next`. ``since`` is for participants that need it.

        A contact that breaks off is begun again until the server is back; with ``away`` it has failed, and the device
        tries again at its next poll. Raises `InfrastructureError` for a server that hangs or stays away.
        """
        del since
        due = self._take(to)
        self.reorder(due)
        workers = min(self._line.connections, len(due))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._serve(due, to, away=away))
        except BaseExceptionGroup as e:
            raise e.exceptions[0] from None
        return self.next

    async def end(self) -> None:
        """Nothing to do here: who made the line closes it."""

    def write(self, path: Path) -> None:
        """Every device's own record, one JSON line each, in the order of their ids."""
        with path.open("w") as file:
            for device in self.devices:
                file.write(json.dumps(device.record.document(), sort_keys=True) + "\n")

    def _take(self, to: float) -> list[Device]:
        due: list[Device] = []
        while self._heap and self._heap[0][0] <= to:
            due.append(heapq.heappop(self._heap)[2])
        return due

    async def _serve(self, due: list[Device], at: float, *, away: bool) -> None:
        while due:
            device = due.pop()
            await self._visit(device, at, away=away)
            device.due = device.next_due(at)
            heapq.heappush(self._heap, (device.due, device.unit.id, device))

    async def _visit(self, device: Device, at: float, *, away: bool) -> None:
        device.board.run(at)
        if device.board.dark_until is not None:
            return
        if device.luck.silent(device.unit.id, at):
            device.fail(at, "radio")
            return
        try:
            await self._hold(device, Contact(device, self._line, self._shelf, at), away=away)
        except AwayError:
            device.fail(at, "server away")
        except RefusedError as e:
            logger.warning("contact refused: device=%s why=%s", device.unit.id, e)
            device.fail(at, str(e))

    async def _hold(self, device: Device, contact: Contact, *, away: bool) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TIMEOUT_S
        while True:
            try:
                return await contact.hold()
            except AwayError as e:
                if away:
                    raise
                if loop.time() > deadline:
                    told = f"{device.unit.id} has tried for {TIMEOUT_S:g} s to reach the server: {e}"
                    raise InfrastructureError(told) from e
                device.record.repeats += 1
                await asyncio.sleep(AGAIN_S)
