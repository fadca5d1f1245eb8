"""The pages of all rooms: who sees them, what stands around them, and errors as pages for those who read pages."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import quote

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleetloop import incidents, web
from fleetloop.access import Person, who
from fleetloop.app.wiring import Rooms
from fleetloop.core.errors import FleetloopError, LoginError
from fleetloop.incidents import pages as incidents_pages
from fleetloop.insights import Below, Insights
from fleetloop.insights import api as insights_api
from fleetloop.insights import pages as insights_pages
from fleetloop.releases import Proof
from fleetloop.rollouts import Showing
from fleetloop.rollouts import pages as rollouts_pages

API = "/api/v1"
LOGIN = "/login"
STAGES = ("/releases", "/rollouts", "/fleet", "/incidents")
VIRTUAL = "Virtual time: a conductor moves this server's clock."
WRONG = {
    "login-required": "That is not the password of this name.",
    "limit": "Too many tries. Wait a few minutes, then try again.",
    "bad-input": "Name and password are both needed.",
}
"""What the log-in page says of the last try, by the error's code."""
ADVICE = {
    401: ("Log in again.",),
    403: ("Ask an administrator for the role, or load the page again if it stood open for long.",),
    404: ("Look at the list it should be in.",),
    409: ("Load the page again: something changed meanwhile.",),
    429: ("Wait a minute, then load the page again.",),
    503: ("Load the page again in a moment. Devices are still answered.",),
}
Handler = Callable[[Request, Exception], Awaitable[Response]]


class Frames:
    """Makes what stands around a page: the person, what each stage holds, and the serving clock."""

    def __init__(self, rooms: Rooms, showing: Showing) -> None:
        self._rooms = rooms
        self._showing = showing

    async def __call__(self, person: Person, stage: str) -> web.Frame:
        """The frame of one page."""
        settings = self._rooms.settings
        products = await self._rooms.hardware.products()
        return web.Frame(
            self._rooms.clock.now(), stage, person=person.name, role=person.role.value,
            product=products[0].name if len(products) == 1 else "", holds=await self._holds(), csrf=person.csrf,
            note=VIRTUAL if settings.stepped else "",
        )  # fmt: skip

    async def _holds(self) -> dict[str, web.Holds]:
        stopped, asking, running = self._showing.standing()
        unrestored = await self._rooms.incidents.unrestored()
        held: dict[str, web.Holds] = {}
        if stopped:
            held["rollouts"] = web.Holds(f"{stopped} stopped", bad=True)
        elif asking or running:
            held["rollouts"] = web.Holds(f"{asking} waiting" if asking else f"{running} running")
        if unrestored:
            held["incidents"] = web.Holds(f"{unrestored} open", bad=True)
        return held

    def bare(self) -> web.Frame:
        """Around what somebody sees who is not logged in."""
        return web.Frame(self._rooms.clock.now(), note=VIRTUAL if self._rooms.settings.stepped else "")


def mount(app: FastAPI, rooms: Rooms) -> None:
    """Add every page, and answer browsers with pages where something fails. Call it after the error handlers."""
    showing = Showing(rooms.db, rooms.clock, rooms.desk, rooms.runner, rooms.fleet.last_contact)
    frames = Frames(rooms, showing)
    below = Below(
        rooms.db, rooms.clock, rooms.hardware, rooms.fleet, Proof(rooms.releases), showing, rooms.incidents
    )  # fmt: skip
    insights = Insights(below)

    async def incident(rollout: int) -> str:
        found = await rooms.incidents.of_rollout(rollout)
        return incidents.name(found.id) if found else ""

    app.include_router(insights_api.router(insights), prefix=API)
    app.include_router(insights_pages.router(insights, rooms.clock, frames))
    app.include_router(rollouts_pages.router(rooms.rollouts, showing, rooms.clock, frames, incident))
    app.include_router(incidents_pages.router(rooms.incidents, showing, rooms.clock, frames))
    _login(app, frames)
    for kind, told in list(app.exception_handlers.items()):
        app.exception_handlers[kind] = _for_people(frames, cast("Handler", told))


def _login(app: FastAPI, frames: Frames) -> None:
    async def login(next: str = "/", error: str = "") -> Response:  # noqa: A002  the word in the address
        said = WRONG.get(error, "That did not work.") if error else ""
        return await web.answer("web/login.html", frames.bare(), page=web.Login(next, error=said))

    app.add_api_route(LOGIN, login, methods=["GET"], include_in_schema=False)


def reads_pages(request: Request) -> bool:
    """Whether a person looks at the answer."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def _for_people(frames: Frames, told: Handler) -> Handler:
    """``told`` for programs; for people the same as a page, and the log-in page for those we do not know."""

    async def answer(request: Request, error: Exception) -> Response:
        plain = await told(request, error)
        if not reads_pages(request):
            return plain
        if isinstance(error, LoginError):
            return RedirectResponse(f"{LOGIN}?next={quote(_asked_for(request), safe='/')}", 303)
        frame = await _frame(frames, request)
        document: dict[str, Any] = json.loads(bytes(plain.body))
        return await web.answer("web/error.html", frame, plain.status_code, page=_trouble(document, request, frame))

    return answer


async def _frame(frames: Frames, request: Request) -> web.Frame:
    """With the navigation, if that much still works."""
    try:
        return await frames(await who(request), "")
    except (FleetloopError, OSError):
        return frames.bare()


def _asked_for(request: Request) -> str:
    if request.method != "GET":
        return "/"
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _back(request: Request, passing: bool) -> str:
    """The same page again, the page whose form it was, or the list that it would be in."""
    path = request.url.path
    if request.method != "GET":
        return path.rpartition("/")[0] or "/"
    first = f"/{path.split('/')[1]}"
    return path if passing else first if first in STAGES and first != path else "/"


def _trouble(document: dict[str, Any], request: Request, frame: web.Frame) -> web.Trouble:
    status = int(document["status"])
    detail = str(document["detail"])
    if status == 404 and detail.endswith(": Not Found"):
        detail = f"This server has no page at {request.url.path}."
    title = str(document["title"]).capitalize()
    passing = status in (429, 503)
    return web.Trouble(
        title, str(document["code"]), status, f"{detail[:1].upper()}{detail[1:]}", ADVICE.get(status, ()),
        str(document.get("request", "")), _back(request, passing), passing=passing, bare=not frame.person,
    )  # fmt: skip
