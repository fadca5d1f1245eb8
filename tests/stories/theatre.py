"""A story's stage: a server process on a stepped clock, simulated devices that run the release, and a conductor.

async with theatre(folder, bundles, Cast({"a": 9, "b": 9}), database) as house:
    async def script(play):
        chapter = await house.release(play, "1.1.0", plan)
    await house.play(script)
    checker.check(house)
"""

import contextlib
import hashlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.stories.bundles import FACTORY, Bundles

from fleetloop.app.conductor import Conductor, Participant, Status
from fleetloop.app.participant import Child
from fleetloop.app.stage import Cast, Play, ServerProcess, Stage, libraries, phase, simulation, story_start, wave
from fleetloop.core.client import Client
from fleetloop.sim import Line, World, load

DAYS = 25.0
ASKING = "waiting for a person"
FIRST_PLAN: Mapping[str, object] = {"waves": [25, 100], "soak_s": 7200, "tolerated": 0.03, "seed": "s"}
PLAN: Mapping[str, object] = {"waves": [25, 50, 75], "soak_s": 86400, "tolerated": 0.03, "seed": "s"}


@dataclass(frozen=True)
class How:
    """What a real machine may do to a story, and must not change its outcome."""

    connections: int = 32
    shuffled: int | None = None
    """In this process, with the contacts of one instant in an order of this seed."""


@dataclass
class Theatre:
    """``tokens`` of the devices; ``records``: their own, once a play is over."""

    folder: Path
    server: ServerProcess
    stage: Stage
    bundles: Bundles
    devices: Path
    restarts: int = 0
    """How often the last play had to start the server again."""
    watch: list[Callable[[Status], None]] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return self.stage.client

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "records.jsonl").read_text().splitlines()]

    async def play(self, script: Callable[[Play], Awaitable[None]], how: How | None = None) -> None:
        """Play to the end of ``script``; devices write their records."""
        async with self.performance(how) as (play, _):
            await play.run(script)

    @contextlib.asynccontextmanager
    async def performance(self, how: How | None = None) -> AsyncIterator[tuple[Play, Conductor]]:
        """For a story in several acts."""
        how, start = how or How(), self.server.start_at
        async with (
            self._devices(how) as devices,
            Conductor(self.server.url, self.server, [devices], start) as conductor,
        ):
            play = Play(conductor)
            play.watch += self.watch
            yield play, conductor
            self.restarts = conductor.restarts

    @contextlib.asynccontextmanager
    async def _devices(self, how: How) -> AsyncIterator[Participant]:
        records = self.folder / "records.jsonl"
        if how.shuffled is None:
            program = simulation(self.devices, self.server, records, self.folder / "sim.log")
            yield await Child.start(replace(program, command=[*program.command, "--connections", str(how.connections)]))
            return
        line = Line(self.server.url, how.connections)
        async with World(load(self.devices), line, self.devices.parent) as world:
            world.reorder = random.Random(how.shuffled).shuffle
            yield world
            world.write(records)

    async def release(self, play: Play, tag: str, plan: Mapping[str, object] = PLAN, **more: object) -> dict[str, Any]:
        """Publish, start, follow to the end (a person says go where one is due), and a rollback to its end."""
        self.stage.publish(self.bundles[tag])
        number = self.stage.roll_out(tag, {**plan, **more})["id"]
        return await self.follow(play, number)

    async def follow(self, play: Play, number: int) -> dict[str, Any]:
        """To the end of a rollout, and of its rollback."""
        end = play.status.now + 20 * 86_400
        while not over(play.status, number):
            if phase(play.status, number) == ASKING:
                self.go(number)
            assert play.status.now < end, self.stage.rollout(number)["blocked"]
            await play.next()
        if phase(play.status, number) == "stopped":
            await play.until(lambda status: all(over(status, int(n)) for n, _, _ in status.rollouts))
        return self.stage.rollout(number)

    def go(self, number: int) -> None:
        """A person says go on, once a question."""
        found = self.stage.rollout(number)
        if found["go"] != found["wave"] + 1:
            self.client.post(f"/rollouts/{number}/decide", {"go": True, "reason": "story"})

    def on(self) -> dict[str, int]:
        """Devices by version."""
        counts: dict[str, int] = {}
        for device in self.client.get("/devices"):
            counts[device["version"]] = counts.get(device["version"], 0) + 1
        return counts

    def deployments(self, number: int) -> list[dict[str, Any]]:
        return self.client.get(f"/rollouts/{number}/deployments")

    def record(self, number: int) -> str:
        """The verdict's record as the API gives it."""
        return self.client.text(f"/rollouts/{number}/record")

    def outcome(self) -> dict[str, str]:
        """What must be the same in every run of one seed: each rollout's record and attempts, relative to the start."""
        start, found = self.server.start_at, dict[str, str]()
        for case in self.client.get("/rollouts"):
            number = case["id"]
            lines = [json.loads(line) for line in self.record(number).splitlines()]
            moved = [line | ({"at": line["at"] - start} if "at" in line else {}) for line in lines]
            found[f"record {number}"] = digest(moved)
            drawn = sorted(self.deployments(number), key=lambda d: d["device"])
            found[f"attempts {number}"] = digest([[d[k] for k in KEPT] + [_from(start, d)] for d in drawn])
            found[f"case {number}"] = digest([case[k] for k in ("version", "phase", "wave", "blocked", "ending")])
        return found


KEPT = ("device", "wave", "version", "previous", "state", "hurt", "weak")


def _from(start: float, deployment: Mapping[str, Any]) -> list[float | None]:
    times = (deployment["since"], deployment["booted_at"])
    return [None if at is None else at - start for at in times]


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def over(status: Status, number: int) -> bool:
    word = phase(status, number)
    return word.startswith("finished") or word in ("stopped", "rollback done", "cancelled")


def at_wave(number: int, opened: int) -> Callable[[Status], bool]:
    """True from the opening of this wave on."""
    return lambda status: wave(status, number) >= opened


@contextlib.asynccontextmanager
async def theatre(
    folder: Path, bundles: Bundles, cast: Cast, database: str = "", start: float | None = None
) -> AsyncIterator[Theatre]:
    """Everything before the first instant: server, product, key, devices as they left the factory."""
    server = ServerProcess(folder / "server", story_start(DAYS) if start is None else start, database=database)
    try:
        await server.restart()
        async with staged(server, "coldcell", "abc", bundles.key) as stage:
            devices = stage.enrol(cast, libraries(bundles[FACTORY]), folder)
            yield Theatre(folder, server, stage, bundles, devices)
    finally:
        await server.end()


@contextlib.asynccontextmanager
async def staged(server: ServerProcess, product: str, revisions: str, key: Path) -> AsyncIterator[Stage]:
    """Logged in, with product and key."""
    stage = Stage(server, product)
    clients = [stage.client]
    try:
        await stage.prepare(dict.fromkeys(revisions), key)
        clients.append(stage.client)
        yield stage
    finally:
        for client in clients:
            client._http.close()
