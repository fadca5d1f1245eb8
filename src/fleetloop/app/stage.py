"""A stage for stories: a server on a stepped clock, its product, and devices that a conductor moves time for.

The demo and the story tests stand on it. Everything on it is real: the server is a process of its own, devices speak
HTTP to it, releases come from the pipeline; only time is stepped.
"""

import asyncio
import contextlib
import json
import os
import re
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from fleetloop.app.conductor import Conductor, Status
from fleetloop.app.participant import Child, Program, die_with_parent, ended
from fleetloop.app.port import check_port
from fleetloop.core.client import Client
from fleetloop.core.clock import DAY, HOUR, real_now
from fleetloop.core.errors import FleetloopError, InfrastructureError

READY_S = 30.0
DAYS_BACK = 30
SIM = "host-library"


def story_start(days: float = DAYS_BACK) -> float:
    """A whole hour so many days ago: a story must end before real now."""
    return (real_now() // HOUR) * HOUR - days * DAY


def listenable(port: int) -> bool:
    """Whether a server could listen there."""
    try:
        check_port("127.0.0.1", port)
    except FleetloopError:
        return False
    return True


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class ServerProcess:
    """`fleetloop up --stepped` as a child: it dies with us, and can be killed and started again."""

    folder: Path
    start_at: float
    poll_s: int = 3600
    database: str = ""
    port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "server.log"

    def alive(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.returncode is None

    async def restart(self) -> None:
        """Start it; returns once `/readyz` answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "fleetloop", "up", "--stepped", "--start-at", str(self.start_at),
            "--poll-s", str(self.poll_s), "--dir", str(self.folder / "data"), "--port", str(self.port),
            "--log-level", "warning",
        ]  # fmt: skip
        command += ["--database", self.database] if self.database else []
        with self.log.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                *command, stdin=DEVNULL, stdout=out, stderr=out, start_new_session=True, preexec_fn=die_with_parent
            )
        await self._ready()

    async def _ready(self) -> None:
        end = asyncio.get_running_loop().time() + READY_S
        async with aiohttp.ClientSession() as http:
            while asyncio.get_running_loop().time() < end:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                if not self.alive():
                    break
                await asyncio.sleep(0.05)
        raise InfrastructureError(f"the server did not start; its log: {self.log.read_text()[-600:]}")

    def kill(self) -> None:
        """`kill -9`."""
        if self.process and self.alive():
            self.process.kill()

    async def end(self) -> None:
        """SIGTERM, and wait."""
        if self.process and self.alive():
            await ended(self.process)

    def password(self) -> str:
        """The first administrator's, from the log of the first start."""
        found = re.search(r"First administrator: (\S+), password (\S+)", self.log.read_text())
        if found is None:
            raise InfrastructureError(f"{self.log} does not tell the first administrator's password")
        return found[2]


@dataclass(frozen=True)
class Cast:
    """Who plays: simulated devices by hardware revision, and how unlucky they are. Rates as `fleetloop.sim.Faults`."""

    devices: Mapping[str, int]
    seed: int = 1
    faults: Mapping[str, float] = field(default_factory=dict[str, float])
    poll_s: int = 3600
    grid_s: int = 300


class Stage:
    """A server with a product, and what the story does to it through the API."""

    def __init__(self, server: ServerProcess, product: str) -> None:
        self.server = server
        self.product = product
        self.client = Client(server.url)

    async def prepare(self, revisions: Mapping[str, Any], key: Path) -> None:
        """Log in as the first administrator; add product, revisions and the bundle's key."""
        login = {"name": "admin", "password": self.server.password()}
        token = self.client.post("/login", login)["token"]
        self.client = Client(self.server.url, token)
        self.client.post("/products", {"name": self.product, "poll_s": self.server.poll_s})
        for revision in revisions:
            self.client.post(f"/products/{self.product}/revisions", {"name": revision})
        self.client.post("/trust", {"product": self.product, "pem": key.read_text()})  # noqa: ASYNC240  a story waits for it

    def enrol(self, cast: Cast, factory: Mapping[str, Path], into: Path) -> Path:
        """Register the simulated devices, and write the simulation's file; ids are the same every time."""
        names = [(f"{revision}-{i + 1:04}", revision) for revision, n in cast.devices.items() for i in range(n)]
        new = [{"id": i, "product": self.product, "revision": r, "takes": SIM} for i, r in names]
        tokens = {d["id"]: d["token"] for d in self.client.post("/devices", new)}
        units = [{"id": i, "token": tokens[i], "revision": r, "attributes": {"serial": i}} for i, r in names]
        document = {
            "devices": units, "factory": {r: str(p) for r, p in factory.items()}, "start": self.server.start_at,
            "seed": cast.seed, "poll-s": cast.poll_s, "grid-s": cast.grid_s, "faults": dict(cast.faults),
        }  # fmt: skip
        path = into / "devices.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(document, file)
        return path

    def board(self, device: str, revision: str) -> str:
        """Register a real board; its token."""
        return self.client.post("/devices", {"id": device, "product": self.product, "revision": revision})["token"]

    def publish(self, bundle: Path) -> dict[str, Any]:
        """Upload a bundle folder."""
        from fleetloop import releases

        spool = bundle.parent / f"{bundle.name}.tar"
        with spool.open("wb") as file:
            releases.pack(releases.read(bundle), file)
        with spool.open("rb") as file:
            found = self.client.call("POST", "/releases", content=file, headers={"Content-Type": "application/x-tar"})
        spool.unlink()
        return found

    def roll_out(self, version: str, plan: Mapping[str, object]) -> dict[str, Any]:
        """Start a rollout."""
        return self.client.post("/rollouts", {"product": self.product, "version": version, "plan": dict(plan)})

    def rollout(self, number: int) -> dict[str, Any]:
        """One rollout as the API tells it."""
        return self.client.get(f"/rollouts/{number}")


def libraries(bundle: Path) -> dict[str, Path]:
    """The host library of each hardware revision in a bundle folder."""
    from fleetloop import releases

    found = releases.read(bundle)
    return {a.revision: found.path(a.path) for a in found.manifest.artifacts if a.kind is releases.Kind.HOST_LIBRARY}


def simulation(devices: Path, server: ServerProcess, records: Path, log: Path) -> Program:
    """The simulation as a process of its own."""
    command = [
        sys.executable, "-m", "fleetloop", "sim", "--devices", str(devices), "--server", server.url, "--conducted",
        "--records", str(records), "--crumb", str(log.with_suffix(".crumb")),
    ]  # fmt: skip
    return Program("the simulation", command, log, log.with_suffix(".crumb"))


Script = Callable[["Play"], Awaitable[None]]


class Play:
    """A story written in one piece: it waits for instants, and acts between them.

    async def script(play):
        rollout = stage.roll_out(version, plan)
        await play.until(lambda status: over(status, rollout))
    """

    def __init__(self, conductor: Conductor) -> None:
        self.conductor = conductor
        self.status = conductor.status
        self._turn = asyncio.Event()
        self._step = asyncio.Event()
        self.watch: list[Callable[[Status], None]] = []

    async def run(self, script: Script) -> None:
        """Play ``script`` to its end. Raises what it raises."""
        work = asyncio.create_task(self._script(script))
        try:
            await self.conductor.play(lambda status: self._instant(status, work))
            if work.done():
                work.result()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _script(self, script: Script) -> None:
        await self._turn.wait()
        try:
            await script(self)
        finally:
            self._step.set()

    async def _instant(self, status: Status, work: "asyncio.Task[None]") -> bool:
        """The script goes on until it waits for the next instant."""
        self.status = status
        for look in self.watch:
            look(status)
        self._step.clear()
        self._turn.set()
        await self._step.wait()
        await asyncio.sleep(0)
        return not work.done()

    async def next(self) -> Status:
        """Let time move to the next instant."""
        self._turn.clear()
        self._step.set()
        await self._turn.wait()
        return self.status

    async def until(self, true: Callable[[Status], bool]) -> Status:
        """Let time move until ``true``."""
        while not true(self.status):
            await self.next()
        return self.status


def phase(status: Status, rollout: int) -> str:
    """Where a rollout stands."""
    return next((word for number, word, _ in status.rollouts if int(number) == rollout), "")


def wave(status: Status, rollout: int) -> int:
    """The last wave that it opened."""
    return next((n for number, _, n in status.rollouts if int(number) == rollout), 0)


@contextlib.asynccontextmanager
async def conducted(
    server: ServerProcess, programs: list[Program], pace: float = 0.0
) -> AsyncGenerator[tuple[Conductor, list[Child]]]:
    """Start the participants and a conductor; all end with the block."""
    children: list[Child] = []
    try:
        for program in programs:
            children.append(await Child.start(program))  # noqa: PERF401  each is ended if a later one fails
        async with Conductor(server.url, server, children, server.start_at, pace) as conductor:
            yield conductor, children
    except BaseException:
        for child in children:
            with contextlib.suppress(Exception):
                await child.end()
        raise
