"""Pages of rollouts: the list, one rollout with its parts, and its two forms."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleetloop import web
from fleetloop.access import Frames, Person, may, needs
from fleetloop.core.clock import Clock
from fleetloop.core.errors import InputError, NotFoundError
from fleetloop.rollouts import view
from fleetloop.rollouts.service import Rollouts
from fleetloop.rollouts.showing import Showing

By = Annotated[Person, Depends(needs())]
STAGE = "rollouts"
STOP, DECIDE = "/rollouts/{id}/stop", "/rollouts/{id}/decide"
SOMETIMES = ("revisions", "missed", "hurt", "conditions")
"""Parts that are a table, if there is anything to put in it."""


def router(
    rollouts: Rollouts, showing: Showing, clock: Clock, frames: Frames, incident: Callable[[int], Awaitable[str]]
) -> APIRouter:
    """``incident`` names the incident of a stopped rollout, which is a higher room's; empty if there is none."""
    doors, pages = _Doors(rollouts, showing, clock, frames, incident), APIRouter(include_in_schema=False)
    pages.add_api_route("/rollouts", doors.all, methods=["GET"])
    pages.add_api_route("/rollouts/part/list", doors.listed, methods=["GET"])
    pages.add_api_route("/rollouts/{id}", doors.one, methods=["GET"])
    pages.add_api_route("/rollouts/{id}/part/{name}", doors.part, methods=["GET"])
    pages.add_api_route(STOP, doors.stop, methods=["POST"])
    pages.add_api_route(DECIDE, doors.decide, methods=["POST"])
    return pages


class _Doors:
    def __init__(
        self,
        rollouts: Rollouts,
        showing: Showing,
        clock: Clock,
        frames: Frames,
        incident: Callable[[int], Awaitable[str]],
    ) -> None:
        self._rollouts = rollouts
        self._showing = showing
        self._clock = clock
        self._frames = frames
        self._incident = incident

    async def all(self, by: By) -> Response:
        """The list."""
        return await self._list(by, "rollouts/rollouts.html")

    async def listed(self, by: By) -> Response:
        """Its one part."""
        return await self._list(by, "rollouts/_list.html")

    async def _list(self, by: Person, template: str) -> Response:
        frame, now = await self._frames(by, STAGE), self._clock.now()
        rows = tuple(view.listed(r, now) for r in await self._showing.all())
        return await web.answer(template, frame, page=view.ListPage(rows))

    async def one(self, by: By, id: int) -> Response:  # noqa: A002  the word in the path
        """One rollout."""
        return await web.answer("rollouts/rollout.html", await self._frames(by, STAGE), page=await self._page(by, id))

    async def part(self, by: By, id: int, name: str) -> Response:  # noqa: A002
        """One part of its page."""
        if name not in view.PARTS:
            raise NotFoundError(f"a rollout's page has no part {name!r}")
        frame, page = await self._frames(by, STAGE), await self._page(by, id)
        if name in SOMETIMES and getattr(page, name) is None:
            return web.nothing(frame)
        return await web.answer(f"rollouts/_{name}.html", frame, page=page)

    async def _page(self, by: Person, number: int) -> view.RolloutPage:
        shown = await self._showing.rollout(number)
        incident = await self._incident(number) if shown.phase == "stopped" else ""
        mine = replace(shown, incident=incident, may_stop=may(by, "POST", STOP), may_decide=may(by, "POST", DECIDE))
        return view.present(mine, self._clock.now())

    async def stop(self, by: By, id: int) -> Response:  # noqa: A002
        """Nobody is handed the release once the page is back."""
        await self._rollouts.stop(by, id, "by hand, on its page")
        return RedirectResponse(f"/rollouts/{id}", 303)

    async def decide(self, by: By, id: int, request: Request) -> Response:  # noqa: A002
        """What a person says where one is due, with the reason that stays in the record."""
        form = await request.form()
        reason, go = str(form.get("reason", "")).strip(), form.get("go")
        if not reason or go not in ("true", "false"):
            raise InputError("a decision needs go (true or false) and a reason; go back, and say why")
        await self._rollouts.decide(by, id, go=go == "true", reason=reason[:500])
        return RedirectResponse(f"/rollouts/{id}", 303)
