"""A small house that speaks DDI on a real socket: what the simulation's tests meet instead of the server.

It offers each part of a plan, once its time has come, to the devices that the part names; an action is over when a
device closes it. Run as a program (``python -m tests.sim.house PORT STATE PLAN``) it keeps closed actions in a file and
can be killed: time is then 0, and devices get 503, until the first advance.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web


@dataclass
class Part:
    """From ``at`` on, offer ``files[revision]`` to the devices that ``drawn`` names."""

    at: float
    files: Mapping[str, bytes]
    drawn: Callable[[str], bool] = lambda _device: True
    download: str = "forced"
    update: str = "forced"


@dataclass
class House:
    plan: list[Part]
    now: float = 0.0
    timers: list[float] = field(default_factory=list)
    log: list[tuple[float, str, str, Any]] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    away: bool = False
    refused: set[str] = field(default_factory=set)
    state: Path | None = None
    told: set[str] = field(default_factory=set)
    truncate: bool = False
    url: str = ""
    serving: bool = True
    before: Callable[[str, str], None] | None = None

    def said(self, device: str, what: str) -> list[Any]:
        return [detail for _, d, w, detail in self.log if (d, w) == (device, what)]

    def action(self, device: str) -> tuple[str, Part] | None:
        """The newest part that is due for this device, with the number of its action."""
        for i in reversed(range(len(self.plan))):
            part = self.plan[i]
            if part.at <= self.now and part.drawn(device):
                return f"{i + 1}{int(hashlib.sha256(device.encode()).hexdigest()[:6], 16):08d}", part
        return None

    def keep(self, action: str, word: str) -> None:
        self.closed[action] = word
        if self.state:
            with self.state.open("a") as file:
                file.write(json.dumps([action, word]) + "\n")


def application(house: House) -> web.Application:
    app = web.Application(middlewares=[guard(house)])
    base = "/DEFAULT/controller/v1/{device}"
    app.router.add_post("/DEFAULT/heartbeat/v1/{device}", partial(heartbeat, house=house))
    app.router.add_get(base, partial(poll, house=house))
    app.router.add_put(base + "/configData", partial(attributes, house=house))
    app.router.add_get(base + "/deploymentBase/{action}", partial(deployment, house=house))
    app.router.add_get(base + "/cancelAction/{action}", partial(cancel, house=house))
    app.router.add_post(base + "/{kind}/{action}/feedback", partial(feedback, house=house))
    app.router.add_get(base + "/softwaremodules/{module}/artifacts/{name}", partial(download, house=house))
    app.router.add_post("/conductor/advance", partial(advance, house=house))
    app.router.add_post("/api/v1/devices", partial(enrol, house=house))
    return app


def guard(house: House) -> Any:
    @web.middleware
    async def check(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path in ("/conductor/advance", "/api/v1/devices"):
            return await handler(request)
        device = request.match_info.get("device", "")
        if house.before:
            house.before(device, request.path)
        if house.away or not house.serving:
            return web.Response(status=503)
        if request.headers.get("Authorization") != f"TargetToken token-{device}" or device in house.refused:
            return web.Response(status=401)
        return await handler(request)

    return check


async def advance(request: web.Request, house: House) -> web.Response:
    to = (await request.json())["to"]
    if to < house.now:
        return web.json_response({"detail": "time never goes back"}, status=409)
    house.now, house.serving = to, True
    due = min((t for t in house.timers if t > to), default=None)
    return web.json_response({"now": to, "next": due, "rollouts": [["r1", "running", len(house.closed)]]})


async def enrol(request: web.Request, house: House) -> web.Response:
    asked = await request.json()
    house.log += [(house.now, a["id"], "enrolled", a) for a in asked]
    return web.json_response([{"id": a["id"], "token": f"token-{a['id']}"} for a in asked])


async def heartbeat(request: web.Request, house: House) -> web.Response:
    device = request.match_info["device"]
    house.log.append((house.now, device, "heartbeat", await request.json()))
    return web.Response()


async def poll(request: web.Request, house: House) -> web.Response:
    device = request.match_info["device"]
    links: dict[str, Any] = {}
    base = f"{request.url.origin()}/DEFAULT/controller/v1/{device}"
    if device not in house.told:
        links["configData"] = {"href": f"{base}/configData"}
    found = house.action(device)
    if found and found[0] not in house.closed:
        kind = "cancelAction" if found[0] in house.cancelled else "deploymentBase"
        links[kind] = {"href": f"{base}/{kind}/{found[0]}?c=1"}
    return web.json_response({"config": {"polling": {"sleep": "02:00:00"}}, "_links": links})


async def attributes(request: web.Request, house: House) -> web.Response:
    device = request.match_info["device"]
    house.told.add(device)
    house.log.append((house.now, device, "attributes", await request.json()))
    return web.Response()


async def deployment(request: web.Request, house: House) -> web.Response:
    device = request.match_info["device"]
    found = house.action(device)
    if not found or found[0] != request.match_info["action"]:
        return web.Response(status=404)
    action, part = found
    data = part.files[device[-1]]
    href = f"{request.url.origin()}/DEFAULT/controller/v1/{device}/softwaremodules/1/artifacts/lib.so"
    artifact = {
        "filename": "lib.so",
        "size": len(data),
        "hashes": {"sha1": "0", "md5": "0", "sha256": hashlib.sha256(data).hexdigest()},
        "_links": {"download-http": {"href": href}},
    }
    chunk = {"part": "bApp", "version": "x", "name": "lib", "artifacts": [artifact]}
    orders = {"download": part.download, "update": part.update, "chunks": [chunk]}
    house.log.append((house.now, device, "deployment", action))
    return web.json_response({"id": action, "deployment": orders})


async def cancel(request: web.Request, house: House) -> web.Response:
    action = request.match_info["action"]
    return web.json_response({"id": action, "cancelAction": {"stopId": action}})


async def feedback(request: web.Request, house: House) -> web.Response:
    device, action, kind = (request.match_info[k] for k in ("device", "action", "kind"))
    told = await request.json()
    status = told["status"]
    if action in house.closed:
        return web.Response(status=410)
    house.log.append(
        (house.now, device, kind, (action, status["execution"], status["result"]["finished"], status["details"]))
    )
    if status["execution"] == "closed":
        house.keep(action, status["result"]["finished"])
    return web.Response()


async def download(request: web.Request, house: House) -> web.Response:
    device = request.match_info["device"]
    found = house.action(device)
    if not found:
        return web.Response(status=404)
    data = found[1].files[device[-1]]
    if house.truncate:
        data = b"x" * len(data)
    asked = request.headers.get("Range", "bytes=0-")
    begin = int(asked.removeprefix("bytes=").rstrip("-"))
    house.log.append((house.now, device, "download", begin))
    if not begin:
        return web.Response(body=data)
    return web.Response(
        body=data[begin:], status=206, headers={"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
    )


async def serve(house: House) -> web.AppRunner:
    """On a free port; ``house.url`` says where."""
    runner = web.AppRunner(application(house), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    house.url = f"http://{host}:{port}"
    return runner


def main(port: int, state: Path, plan: Path) -> None:
    """``plan``: [[at, {revision: file}], …] in JSON."""
    parts = [
        Part(at, {r: Path(p).read_bytes() for r, p in files.items()}) for at, files in json.loads(plan.read_text())
    ]
    house = House(parts, state=state, serving=False)
    if state.exists():
        house.closed = dict(json.loads(line) for line in state.read_text().splitlines())
    web.run_app(application(house), host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
