"""The server: device protocols as raw ASGI ahead of everything, then live updates, static files, API and pages."""

import asyncio
import contextlib
import json
import logging
import time
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fleetloop import web
from fleetloop.access import api as access_api
from fleetloop.access.entry import who
from fleetloop.app import metrics
from fleetloop.app.browse import manual
from fleetloop.app.faces import mount
from fleetloop.app.once import Once, described
from fleetloop.app.settings import LOOPBACK
from fleetloop.app.ticking import Ticking
from fleetloop.app.wiring import Rooms, flush, flush_often, load
from fleetloop.core import errors, problem
from fleetloop.core.ids import new_id
from fleetloop.fleet import api as fleet_api
from fleetloop.hardware import api as hardware_api
from fleetloop.incidents import api as incidents_api
from fleetloop.releases import api as releases_api
from fleetloop.rollouts import api as rollouts_api

log = logging.getLogger(__name__)
API = "/api/v1"
FLUSH_S = 5.0


class Server:
    """One server as an ASGI application; `start` and `stop` around it."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.ticking = Ticking(rooms)
        self._devices = rooms.devices
        self.api = application(self)
        self._once = Once(self.api, rooms.db, rooms.clock)
        self._tasks: list[asyncio.Task[None]] = []
        self.began = time.monotonic()

    async def start(self) -> None:
        """Load everything, then let time run."""
        await load(self.rooms)
        await self.ticking.begin()
        self._tasks = [asyncio.create_task(self.rooms.pump.run()), asyncio.create_task(self._flush())]
        if not self.rooms.settings.stepped:
            self._tasks.append(asyncio.create_task(self.ticking.run()))

    async def _flush(self) -> None:
        """What may be lost in a crash without harm goes to disk now and then."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.rooms.db.write(lambda tx: flush_often(self.rooms, tx))
            except errors.FleetloopError:
                log.exception("flush failed")

    async def stop(self) -> None:
        """End all streams and tasks, write what memory holds, close the database."""
        self.rooms.live.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(errors.FleetloopError):
            await self.rooms.db.write(lambda tx: flush(self.rooms, tx))
        await asyncio.to_thread(self.rooms.db.close)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Devices first: their requests pass no framework."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if self._devices.matches(path):
                if self.ticking.open:
                    await self._devices(scope, receive, send)
                else:
                    await _away(send)
                return
            if self.rooms.settings.behind_proxy:
                scope = dict(web.as_seen(scope))
            if path.startswith("/static/"):
                await web.serve(scope, receive, send)
                return
            if path == "/conductor/advance" and self.rooms.settings.stepped:
                await self._advance(scope, receive, send)
                return
            if path == "/live":
                await self._live(scope, receive, send)
                return
        await self._people(scope, receive, send)

    async def _people(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """API and pages."""
        try:
            await self._once(scope, receive, send)
        except errors.FleetloopError as error:
            await _told(Request(scope), error)(scope, receive, send)

    async def _advance(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """A conductor on this machine moves the clock: thousands of times a story, so past the framework."""
        if scope["method"] != "POST" or scope["client"][0] not in LOOPBACK:
            await _answer(send, 404, b"")
            return
        try:
            body = json.loads(await Request(scope, receive).body())
            status, told = 200, await self.ticking.advance(float(body["to"]))
        except errors.FleetloopError as error:
            status, told = problem.edge(error)[0], problem.document(error)
        except (ValueError, KeyError, TypeError):
            status, told = 400, problem.document(errors.InputError('expected {"to": seconds since 1970}'))
        await _answer(send, status, json.dumps(told).encode(), (b"content-type", b"application/json"))

    async def _live(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        try:
            await who(Request(scope | {"app": self.api}, receive))
        except errors.FleetloopError:
            await _answer(send, 401, b"")
            return
        await self.rooms.live(scope, receive, send)


async def _away(send: Any) -> None:
    await _answer(send, 503, b"", (b"retry-after", b"1"))


async def _answer(send: Any, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


class Api(FastAPI):
    """With what a layer before it takes in its document."""

    def openapi(self) -> dict[str, Any]:
        """As FastAPI makes it, once, with Idempotency-Key."""
        made = self.openapi_schema
        return made or described(super().openapi())


def application(server: Server) -> FastAPI:
    """API, pages and the operator's addresses."""
    rooms = server.rooms

    app = Api(title="Fleetloop", version="1", docs_url=None, redoc_url=None)
    app.state.access = rooms.access
    app.state.rooms = rooms
    for router in (
        access_api.router(rooms.access),
        hardware_api.router(rooms.hardware),
        fleet_api.router(rooms.fleet),
        releases_api.router(rooms.releases),
        rollouts_api.router(rooms.rollouts),
        incidents_api.router(rooms.incidents),
    ):
        app.include_router(router, prefix=API)
    _operator(app, server)
    _errors(app)
    mount(app, rooms)
    return app


def _operator(app: FastAPI, server: Server) -> None:
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    async def readyz() -> Response:
        await server.rooms.db.read(lambda reader: reader.one(metrics.ALIVE))
        if not server.rooms.settings.stepped:
            server.ticking.check()
        return PlainTextResponse("ready\n")

    async def show() -> Response:
        return PlainTextResponse(metrics.text(server.rooms), media_type="text/plain; version=0.0.4")

    async def docs() -> Response:
        frame = web.Frame(server.rooms.clock.now())
        return await web.answer("app/docs.html", frame, page=manual(app.openapi()))

    for path, door in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", show), ("/docs", docs)):
        app.add_api_route(path, door, methods=["GET"], include_in_schema=False)


def _told(request: Request, error: errors.FleetloopError) -> Response:
    number = new_id()
    status, _, level = problem.edge(error)
    log.log(level, "request_refused code=%s path=%s request=%s", error.code, request.url.path, number)
    headers = {"Retry-After": "5"} if error.passing else {}
    body = problem.document(error, number)
    return JSONResponse(body, status, headers=headers, media_type=problem.MEDIA_TYPE)


def _errors(app: FastAPI) -> None:
    async def ours(request: Request, error: Exception) -> Response:
        return _told(request, error if isinstance(error, errors.FleetloopError) else errors.FleetloopError())

    async def invalid(request: Request, error: Exception) -> Response:
        found: list[dict[str, Any]] = list(error.errors()) if isinstance(error, RequestValidationError) else []
        where = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found[:5])
        return _told(request, errors.InputError(f"the request does not fit: {where}"))

    async def plain(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        kind = {404: errors.NotFoundError, 405: errors.InputError}.get(status, errors.FleetloopError)
        return _told(request, kind(f"{request.method} {request.url.path}: {getattr(error, 'detail', 'failed')}"))

    async def broken(request: Request, error: Exception) -> Response:
        log.error("request_failed path=%s", request.url.path, exc_info=error)
        return _told(
            request, errors.FleetloopError("Something went wrong here; the log has it under this request's id.")
        )

    app.add_exception_handler(errors.FleetloopError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, broken)
