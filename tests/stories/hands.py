"""Devices moved by hand: each request of a device is a call, and time moves when the test says so.

The server is the whole one, over real HTTP; releases are small bundles made without the pipeline. Every device is of revision b and takes
whatever its test wants; a `Hand` without a heart speaks DDI alone.
"""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from granian.constants import Interfaces
from granian.server.embed import Server as Granian
from tests.releases.parcel import artifact, public, sign
from tests.stories.theatre import staged

from fleetloop.access import first_admin
from fleetloop.app.schema import migrate
from fleetloop.app.serve import Server
from fleetloop.app.settings import ServerSettings
from fleetloop.app.stage import ServerProcess, Stage, story_start
from fleetloop.app.wiring import build
from fleetloop.core.client import Client
from fleetloop.releases import Kind, Manifest, Policy, Tested, encode

HOUR = 3600.0
PRODUCT = "cell"
FRAME: Mapping[str, Any] = {
    "product": PRODUCT, "commit": "c" * 40, "committed_at": 1.7e9, "subject": "A change", "branch": "main",
    "tests": (Tested("test.host", "host", 3, 0, 0, 1),), "policy": Policy(0.03),
}  # fmt: skip


@dataclass
class Hand:
    """One device and its client. ``version`` is what it shows; ``heart``: whether it sends heartbeats."""

    id: str
    token: str
    http: httpx.Client
    version: str = "0.9"
    heart: bool = True
    boots: int = 1
    crashes: int = 0
    at: float = 0.0

    def call(self, method: str, path: str, json: object = None, **headers: str) -> httpx.Response:
        """``path``: below the device's own address, or a whole link."""
        url = path if "://" in path else f"/DEFAULT/controller/v1/{self.id}{path}"
        given = {"Authorization": f"TargetToken {self.token}", **headers}
        return self.http.request(method, url, json=json, headers=given)

    def beat(self) -> int:
        """A heartbeat; its status."""
        body = {
            "version": self.version, "hardware_revision": "b", "boot_id": f"{self.id}-{self.boots}",
            "uptime_s": 100.0, "reset": "power", "crashes": self.crashes, "self_test": True,
        }  # fmt: skip
        headers = {"Authorization": f"TargetToken {self.token}"}
        return self.http.post(f"/DEFAULT/heartbeat/v1/{self.id}", json=body, headers=headers).status_code

    def poll(self) -> dict[str, str]:
        """What it is told to do: address by the link's name."""
        answer = self.call("GET", "")
        assert answer.status_code == 200, answer.text
        return {name: link["href"] for name, link in answer.json().get("_links", {}).items()}

    def contact(self) -> dict[str, str]:
        """A heartbeat, if it has a heart, and a poll; attributes when asked for them."""
        if self.heart:
            assert self.beat() == 200
        links = self.poll()
        if "configData" in links:
            data = {"serial": self.id} if self.heart else {"serial": self.id, "version": self.version}
            assert self.call("PUT", links["configData"], {"mode": "merge", "data": data}).status_code == 200
        return links

    def order(self, links: Mapping[str, str]) -> "Work | None":
        """The deployment it is asked for."""
        if "deploymentBase" not in links:
            return None
        answer = self.call("GET", links["deploymentBase"])
        assert answer.status_code == 200, answer.text
        return Work(answer.json())

    def fetch(self, work: "Work", **headers: str) -> httpx.Response:
        return self.call("GET", work.href, **headers)

    def say(
        self, action: int, execution: str, finished: str = "none", *details: str, on: str = "deploymentBase"
    ) -> int:
        """A report; its status."""
        status = {"execution": execution, "result": {"finished": finished}, "details": list(details)}
        body = {"id": str(action), "timestamp": int(self.at * 1000), "status": status}
        return self.call("POST", f"/{on}/{action}/feedback", body).status_code

    def install(self, work: "Work") -> None:
        """Download, check, say success; it starts again with the next contact."""
        assert self.say(work.action, "proceeding") == 200
        got = self.fetch(work)
        assert hashlib.sha256(got.content).hexdigest() == work.sha256
        assert self.say(work.action, "downloaded") == 200
        assert self.say(work.action, "closed", "success") == 200

    def restart(self, version: str = "") -> None:
        self.boots += 1
        self.version = version or self.version

    def crash(self) -> None:
        self.crashes += 1
        self.boots += 1


@dataclass(frozen=True)
class Work:
    """An order as the device read it."""

    document: Mapping[str, Any]

    @property
    def action(self) -> int:
        return int(self.document["id"])

    @property
    def version(self) -> str:
        return self.document["deployment"]["chunks"][0]["version"]

    @property
    def _artifact(self) -> Mapping[str, Any]:
        [chunk] = self.document["deployment"]["chunks"]
        [artifact] = chunk["artifacts"]
        return artifact

    @property
    def href(self) -> str:
        return self._artifact["_links"]["download-http"]["href"]

    @property
    def sha256(self) -> str:
        return self._artifact["hashes"]["sha256"]

    @property
    def size(self) -> int:
        return self._artifact["size"]


@dataclass
class Scene:
    """A server with devices moved by hand."""

    folder: Path
    server: ServerProcess
    stage: Stage
    http: httpx.Client
    now: float
    hands: dict[str, Hand] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return self.stage.client

    def add(self, *ids: str, heart: bool = True, version: str = "0.9") -> list[Hand]:
        new = [{"id": i, "product": PRODUCT, "revision": "b", "takes": "image"} for i in ids]
        told = self.client.post("/devices", new)
        made = [Hand(d["id"], d["token"], self.http, version, heart, at=self.now) for d in told]
        self.hands |= {hand.id: hand for hand in made}
        return made

    def publish(self, version: str, size: int = 0) -> Path:
        """A small release."""
        folder = bundle(
            self.folder / f"bundle-{version}-{size}", version, b"image of " + version.encode() + b"." * size
        )
        self.stage.publish(folder)
        return folder

    def roll_out(self, version: str, **plan: object) -> int:
        return self.stage.roll_out(version, {"tolerated": 0.03, "seed": "s", **plan})["id"]

    def advance(self, seconds: float = 0.0) -> dict[str, Any]:
        """Move time, without any contact."""
        self.now += seconds
        answer = self.http.post("/conductor/advance", json={"to": self.now})
        assert answer.status_code == 200, answer.text
        for hand in self.hands.values():
            hand.at = self.now
        return answer.json()

    def hour(self, *silent: str) -> dict[str, dict[str, str]]:
        """In the last second of an hour all but ``silent`` make their contact; what each is told.

        The second is for the tick that hears what they said.
        """
        self.advance(HOUR - 1)
        told = {hand.id: hand.contact() for hand in self.hands.values() if hand.id not in silent}
        self.advance(1)
        return told

    def updated(self, version: str, *, hours: int = 60, rollout: int = 0) -> None:
        """Everybody obeys until the rollout is over; a person says go where one is due."""
        number = rollout or self.roll_out(version, soak_s=7200)
        for _ in range(hours):
            for device, links in self.hour().items():
                hand = self.hands[device]
                if work := hand.order(links):
                    hand.install(work)
                    hand.restart(work.version)
            if self.phase(number) == "waiting for a person":
                self.client.post(f"/rollouts/{number}/decide", {"go": True})
            if self.phase(number).startswith("finished"):
                return
        raise AssertionError(self.stage.rollout(number)["blocked"])

    def phase(self, number: int) -> str:
        return self.stage.rollout(number)["phase"]

    def state(self, number: int, device: str) -> str:
        return self.deployment(number, device)["state"]

    def deployment(self, number: int, device: str) -> dict[str, Any]:
        found = self.client.get(f"/rollouts/{number}/deployments")
        return next(d for d in found if d["device"] == device)

    def offered(self, hands: Iterable[Hand]) -> dict[str, Work]:
        """Everybody's contact now; who has work."""
        found = {hand.id: hand.order(hand.contact()) for hand in hands}
        return {device: work for device, work in found.items() if work}

    async def restart(self) -> None:
        """`kill -9`, and start again."""
        self.server.kill()
        assert self.server.process is not None
        await self.server.process.wait()
        await self.server.restart()
        self.advance()


def bundle(folder: Path, version: str, image: bytes, file: str = "", **changes: Any) -> Path:
    """A signed bundle with ``image`` for revision b."""
    folder.mkdir(parents=True, exist_ok=True)
    made = artifact(folder, "b", Kind.IMAGE, file or f"cell-{version}-b.img", image)
    (folder / "release.json").write_bytes(
        encode(Manifest(**FRAME | {"version": version, "artifacts": (made,)} | changes))
    )
    sign(folder)
    return folder


class Inside(ServerProcess):
    """The same server in a thread of this process: up in a moment, and beyond `kill -9`."""

    async def restart(self) -> None:
        self.folder.mkdir(parents=True)
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        await asyncio.to_thread(self._up.wait, 30)
        await self._ready()

    async def _serve(self) -> None:
        settings = ServerSettings(
            dir=str(self.folder), database=self.database, port=self.port, poll_s=self.poll_s, stepped=True,
            start_at=self.start_at,
        )  # fmt: skip
        migrate(settings.url, lambda _: None)
        server = Server(build(settings))
        await server.start()
        self._password = await server.rooms.db.write(lambda tx: first_admin(tx, "admin"))
        self._loop = asyncio.get_running_loop()
        self._granian = Granian(
            server, "127.0.0.1", self.port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False
        )
        self._up.set()
        try:
            await self._granian.serve()
        finally:
            await server.stop()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def password(self) -> str:
        return self._password or ""

    async def end(self) -> None:
        self._loop.call_soon_threadsafe(self._granian.stop)
        await asyncio.to_thread(self._thread.join, 20)


@contextlib.asynccontextmanager
async def scene(folder: Path, database: str = "", *, process: bool = False) -> AsyncIterator[Scene]:
    """A stepped server with the product, its key and no device. ``process``: one of its own, which can be killed."""
    key = folder / "story.pub"
    key.write_bytes(public())
    server = (ServerProcess if process else Inside)(folder / "server", story_start(25), database=database)
    try:
        await server.restart()
        async with staged(server, PRODUCT, "ab", key) as stage:
            with httpx.Client(base_url=server.url, timeout=30) as http:
                made = Scene(folder, server, stage, http, server.start_at)
                made.advance()
                yield made
    finally:
        await server.end()


__all__ = ["HOUR", "PRODUCT", "Hand", "Scene", "Work", "bundle", "scene"]
