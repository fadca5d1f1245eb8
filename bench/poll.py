"""Idle polls against a raw ASGI function that sends a fixed body of the same size: processor time per request.

    python bench/poll.py

Prints two lines: ``idle_poll VALUE BAR VERDICT`` and ``idle_poll_in_server`` of the same shape; figures of each round go to
stderr. VALUE is what the bare function costs, divided by what a whole poll costs, each in its least disturbed round. The
poll has path, token (SHA-256, 100,000 devices), tenancy, limits, contact, dispatch, entity tag and counters. The second
line is the same in the server itself: its front, its rooms on SQLite with 20,000 devices, an open rollout that has drawn
half of them and heard each once since, its clock, and its writes of last contacts. All sides run under granian with the
same flags, one after the other in every round, and are asked the same requests by wrk.
"""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
DEVICES = 100_000
IN_SERVER = 20_000
FOLDER = "BENCH_FOLDER"
CONNECTIONS = 64
SECONDS = 3
ROUNDS = 3
BAR, AIM = 0.60, 0.75
FLAGS = (
    "--interface", "asginl", "--workers", "1", "--no-ws", "--loop", "uvloop", "--http", "1", "--log-level", "warning",
)  # fmt: skip
TICK = os.sysconf("SC_CLK_TCK")
LUA = """
local at = 0
request = function()
  at = (at + 7919) % {devices}
  return wrk.format("GET", string.format("/DEFAULT/controller/v1/dev-%06d", at),
    {{["Authorization"] = string.format("TargetToken %032x", at), ["Accept"] = "application/json"}})
end
"""


class Quiet:
    """Dispatch and Inbox of a house where nobody has anything to do; every answer is one look-up."""

    def __init__(self) -> None:
        self.orders: dict[str, Any] = {}
        self.ended: dict[str, int] = {}
        self.asked: set[str] = set()
        self.seen: dict[str, float] = {}

    def order(self, device: str) -> Any:
        return self.orders.get(device)

    def installed(self, device: str) -> int | None:
        return self.ended.get(device)

    def wants_attributes(self, device: str) -> bool:
        return device in self.asked

    def contact(self, device: str) -> Awaitable[None] | None:
        self.seen[device] = time.time()
        return None


def whole() -> Any:
    """The device side as `app` mounts it, with the real guard."""
    from hashlib import sha256

    from fleetloop.access import Tokens
    from fleetloop.core.clock import RealClock
    from fleetloop.fleet import TokenGuard
    from fleetloop.wire import Devices, House, Settings

    tokens = Tokens()
    tokens.devices |= {sha256(f"{n:032x}".encode()).digest(): f"dev-{n:06}" for n in range(DEVICES)}
    guard = TokenGuard(SimpleNamespace(knows=set(tokens.devices.values()).__contains__), tokens)
    quiet: Any = Quiet()
    devices = Devices(House("DEFAULT", RealClock(), guard, quiet, quiet, Settings()))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and devices.matches(scope["path"]):
            await devices(scope, receive, send)

    return app


class Served:
    """The whole server as `fleetloop up` mounts it, started with its first request."""

    def __init__(self) -> None:
        self._server: Any = None
        self._starting = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._server is None:
            async with self._starting:
                await self._start()
        await self._server(scope, receive, send)

    async def _start(self) -> None:
        if self._server is None:
            from fleetloop.app.serve import Server
            from fleetloop.app.settings import ServerSettings
            from fleetloop.app.wiring import build

            server = Server(build(ServerSettings(dir=os.environ[FOLDER])))
            await server.start()
            self._server = server


def server() -> Any:
    return Served()


def bare() -> Any:
    """A fixed body of the same size, and the one header that every answer needs."""
    body = b"x" * int(os.environ["BENCH_BYTES"])
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    rest = {"type": "http.response.body", "body": body}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(start)
            await send(rest)

    return app


@contextmanager
def serving(name: str, size: int = 0, folder: str = "") -> Iterator[tuple[int, int]]:
    """(pid, port) of a granian that serves the application ``name`` of this file, started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    granian = Path(sys.executable).with_name("granian")
    command = [granian, *FLAGS, "--port", str(port), "--factory", f"bench.poll:{name}"]
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "BENCH_BYTES": str(size), FOLDER: folder}
    process = subprocess.Popen(command, env=env, cwd=ROOT)
    try:
        wait(port)
        answer(port)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(10)


def wait(port: int) -> None:
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    sys.exit("granian did not start")


def answer(port: int) -> bytes:
    url = f"http://127.0.0.1:{port}/DEFAULT/controller/v1/dev-000007"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"TargetToken {7:032x}"})) as got:
        return got.read()


def spent(pid: int) -> float:
    """Seconds of processor time of a process and its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / TICK + sum(spent(int(child)) for child in children)


def press(port: int, seconds: int, script: Path) -> int:
    """Requests that wrk got answered, all with 2xx."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{port}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"not every poll was answered:\n{text}")
    return int(re.search(r"(\d+) requests in", text)[1])


def cost(name: str, size: int, script: Path, folder: str = "") -> float:
    """Microseconds of processor time per request."""
    with serving(name, size, folder) as (pid, port):
        press(port, 1, script)
        before = spent(pid)
        count = press(port, SECONDS, script)
        micros = (spent(pid) - before) / count * 1e6
    print(f"# {name}: {micros:.1f} us, {count / SECONDS:.0f} polls/s", file=sys.stderr)
    return micros


def main() -> int:
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (apt-get install wrk)")
    with serving("whole") as (_, port):
        size = len(answer(port))
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        asyncio.run(half_drawn(Path(folder, "house")))
        scripts = {n: Path(folder, f"poll-{n}.lua") for n in (DEVICES, IN_SERVER)}
        for n, script in scripts.items():
            script.write_text(LUA.format(devices=n))
        many, fewer = scripts[DEVICES], scripts[IN_SERVER]
        home = str(Path(folder, "house"))
        rounds = [
            (cost("bare", size, many), cost("whole", size, many), cost("server", size, fewer, home))
            for _ in range(ROUNDS)
        ]
    bare, device_side, in_server = (min(costs) for costs in zip(*rounds, strict=True))
    print(f"# load {os.getloadavg()[0]:.1f}, aim {AIM}", file=sys.stderr)
    return max(told("idle_poll", bare / device_side), told("idle_poll_in_server", bare / in_server))


async def half_drawn(folder: Path) -> None:
    """A house whose first wave has drawn every second device.

    Each was heard once since: the first contact of a wave is written down before it is answered, and is not idle.
    """
    from bench import house

    rooms = await house.house(folder, IN_SERVER)
    await rooms.rollouts.start(house.ADMIN, house.PRODUCT, house.VERSION, {"waves": [50.0]})
    await rooms.runner.tick(rooms.clock.now())
    heard = [rooms.dispatch.contact(house.device(n)) for n in range(IN_SERVER)]
    await asyncio.gather(*(one for one in heard if one is not None))
    await rooms.runner.tick(rooms.clock.now())
    await rooms.pump.drain()
    rooms.db.close()


def told(name: str, value: float) -> int:
    """One line; 1 for a value that misses the bar."""
    print(f"{name} {value:.2f} {BAR:.2f} {'pass' if value >= BAR else 'FAIL'}")
    return 0 if value >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
