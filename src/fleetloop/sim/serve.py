"""How a simulation lives as a process: led by a conductor over JSON lines, or free, by the real clock.

- The simulation says ``{"next": T}`` once, at the start.
- The conductor says ``{"from": T0, "run": T}``; the answer is ``{"next": T1}``, once all due at T is acknowledged.
  With ``"away": true`` beside it the server is stopped on purpose: contacts may fail.
- At ``{"write": true}`` it writes its records, and answers as above.
- At ``{"end": true}`` or the end of the file it writes its records and ends.
- ``{"failed": "sentence"}`` and an end: something under it broke; this says nothing about a device.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from fleetloop.core.clock import real_now
from fleetloop.core.errors import FleetloopError
from fleetloop.sim.world import World


async def conducted(world: World, records: Path | None) -> None:
    """Serve a conductor on stdin and stdout until it ends; the records are written whatever happens."""
    _end_on_sigterm()
    try:
        async with world:
            await _answer(world, records)
    except FleetloopError as e:
        _tell({"failed": str(e)})
        raise
    except asyncio.CancelledError:
        return
    finally:
        _write(world, records)


async def free(world: World, records: Path | None) -> None:
    """Poll by the real clock until SIGTERM or Ctrl-C. A server that is away is met again at the next poll."""
    _end_on_sigterm()
    try:
        async with world:
            while True:
                await asyncio.sleep(max(0.0, world.next - real_now()))
                await world.run(world.next, max(world.next, real_now()), away=True)
    except asyncio.CancelledError:
        return
    finally:
        _write(world, records)


async def _answer(world: World, records: Path | None) -> None:
    lines = await _stdin()
    _tell({"next": world.next})
    while line := await lines.readline():
        order: dict[str, Any] = json.loads(line)
        if order.get("end"):
            return
        if order.get("write"):
            _write(world, records)
        else:
            await world.run(order["from"], order["run"], away=bool(order.get("away")))
        _tell({"next": world.next})


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _tell(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _end_on_sigterm() -> None:
    task = asyncio.current_task()
    if task:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        loop.add_signal_handler(signal.SIGINT, task.cancel)


def _write(world: World, records: Path | None) -> None:
    if records:
        world.write(records)
