"""Pages that join rooms: overview, releases with what became of them, the fleet, one device."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from fleetloop import fleet, releases, web
from fleetloop.access import Frames, Person, needs
from fleetloop.core.clock import Clock
from fleetloop.core.errors import NotFoundError
from fleetloop.insights import view
from fleetloop.insights.service import Insights

By = Annotated[Person, Depends(needs())]
OFTEN = 60
"""Longest query that is looked for."""


def router(insights: Insights, clock: Clock, frames: Frames) -> APIRouter:
    """The pages of this room, and those of rooms below that need what lies above them."""
    doors, pages = _Doors(insights, clock, frames), APIRouter(include_in_schema=False)
    for path, door in (
        ("/", doors.overview), ("/part/{name}", doors.overview_part),
        ("/releases", doors.releases), ("/releases/{product}/{version}", doors.release),
        ("/releases/{product}/{version}/part/{name}", doors.release_part),
        ("/fleet", doors.fleet), ("/fleet/{device}", doors.device), ("/fleet/{device}/part/{name}", doors.device_part),
    ):  # fmt: skip
        pages.add_api_route(path, door, methods=["GET"])
    return pages


class _Doors:
    def __init__(self, insights: Insights, clock: Clock, frames: Frames) -> None:
        self._insights = insights
        self._clock = clock
        self._frames = frames

    async def overview(self, by: By) -> Response:
        """The loop now; on a new server, what to type."""
        found = await self._insights.overview()
        template = "overview" if found.devices or found.releases or found.rollouts else "empty"
        page = view.present(found, self._clock.now())
        return await web.answer(f"insights/{template}.html", await self._frames(by, "overview"), page=page)

    async def overview_part(self, by: By, name: str) -> Response:
        """One part of it."""
        _known(name, view.PARTS)
        page = view.present(await self._insights.overview(), self._clock.now())
        return await web.answer(f"insights/_{name}.html", await self._frames(by, "overview"), page=page)

    async def releases(self, by: By) -> Response:
        """The list."""
        rows = tuple(releases.release_listed(r) for r in await self._insights.releases())
        frame = await self._frames(by, "releases")
        return await web.answer("releases/releases.html", frame, page=releases.ReleaseList(rows))

    async def release(self, by: By, product: str, version: str) -> Response:
        """One release's evidence."""
        return await self._release(by, (product, version), "releases/release.html")

    async def release_part(self, by: By, product: str, version: str, name: str) -> Response:
        """One part of it."""
        _known(name, releases.RELEASE_PARTS)
        return await self._release(by, (product, version), f"releases/_{name}.html")

    async def _release(self, by: Person, which: tuple[str, str], template: str) -> Response:
        page = releases.release_page(await self._insights.release(*which), self._clock.now())
        return await web.answer(template, await self._frames(by, "releases"), page=page)

    async def fleet(self, by: By, q: str = "", version: str = "", after: str = "") -> Response:
        """Devices, a page at a time; a query that is an id leads to the device."""
        text = q.strip()[:OFTEN]
        if text and not version and not after and await self._insights.knows(text):
            return RedirectResponse(web.href("fleet", text), 303)
        page = await self._insights.devices(text, version[:OFTEN], after[:OFTEN])
        return await web.answer("fleet/fleet.html", await self._frames(by, "fleet"), page=page)

    async def device(self, by: By, device: str) -> Response:
        """Everything about one device."""
        return await self._device(by, device, "fleet/device.html")

    async def device_part(self, by: By, device: str, name: str) -> Response:
        """One part of it."""
        _known(name, fleet.DEVICE_PARTS)
        return await self._device(by, device, f"fleet/_{name}.html")

    async def _device(self, by: Person, device: str, template: str) -> Response:
        page = fleet.device_page(await self._insights.device(device), self._clock.now())
        return await web.answer(template, await self._frames(by, "fleet"), page=page)


def _known(name: str, parts: tuple[str, ...]) -> None:
    if name not in parts:
        raise NotFoundError(f"this page has no part {name!r}; it has {', '.join(parts)}")
