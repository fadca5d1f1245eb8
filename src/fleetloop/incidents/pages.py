"""Pages of incidents: the list, and one with its parts. An incident is addressed as people say it: `INC-7`."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from fleetloop import web
from fleetloop.access import Frames, Person, needs
from fleetloop.core.clock import Clock
from fleetloop.core.errors import NotFoundError
from fleetloop.incidents import view
from fleetloop.incidents.account import account
from fleetloop.incidents.model import Incident
from fleetloop.incidents.service import Incidents
from fleetloop.rollouts import Showing

By = Annotated[Person, Depends(needs())]
STAGE = "incidents"


def router(incidents: Incidents, showing: Showing, clock: Clock, frames: Frames) -> APIRouter:
    """The pages of this room."""
    doors, pages = _Doors(incidents, showing, clock, frames), APIRouter(include_in_schema=False)
    pages.add_api_route("/incidents", doors.all, methods=["GET"])
    pages.add_api_route("/incidents/{name}", doors.one, methods=["GET"])
    pages.add_api_route("/incidents/{name}/part/{part}", doors.part, methods=["GET"])
    return pages


class _Doors:
    def __init__(self, incidents: Incidents, showing: Showing, clock: Clock, frames: Frames) -> None:
        self._incidents = incidents
        self._showing = showing
        self._clock = clock
        self._frames = frames

    async def all(self, by: By) -> Response:
        """The list."""
        rows = tuple([await self._told(one) for one in await self._incidents.all()])
        page = view.ListPage(rows, len(await self._showing.all()))
        return await web.answer("incidents/incidents.html", await self._frames(by, STAGE), page=page)

    async def one(self, by: By, name: str) -> Response:
        """One incident."""
        page = await self._page(name)
        return await web.answer("incidents/incident.html", await self._frames(by, STAGE), page=page)

    async def part(self, by: By, name: str, part: str) -> Response:
        """One part of its page."""
        if part not in view.PARTS:
            raise NotFoundError(f"an incident's page has no part {part!r}")
        page = await self._page(name)
        return await web.answer(f"incidents/_{part}.html", await self._frames(by, STAGE), page=page)

    async def _page(self, name: str) -> view.IncidentPage:
        number = name.upper().removeprefix("INC-")
        if not (number.isascii() and number.isdigit() and len(number) < 18):
            raise NotFoundError(f"there is no incident {name!r}; they are named INC-1, INC-2, …")
        return view.present(await self._told(await self._incidents.get(int(number))), self._clock.now())

    async def _told(self, incident: Incident) -> view.Incident:
        return account(incident, await self._showing.rollout(incident.rollout))
