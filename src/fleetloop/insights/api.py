"""Doors to what is joined: one device's timeline."""

from dataclasses import dataclass

from fastapi import APIRouter, Depends
from markupsafe import Markup

from fleetloop import web
from fleetloop.access import needs
from fleetloop.insights.service import Insights

ASKED = [Depends(needs())]


@dataclass(frozen=True)
class Moment:
    """Something that happened. ``at``: serving clock; ``raw``: the exchange on the wire, if there was one."""

    at: float
    what: str
    text: str
    detail: str
    raw: str


@dataclass(frozen=True)
class Timeline:
    """Newest first."""

    items: list[Moment]


def router(insights: Insights) -> APIRouter:
    """Everything under ``/api/v1`` that this room answers."""

    async def timeline(id: str) -> Timeline:  # noqa: A002  the word in the path
        """All that happened to one device."""
        return Timeline([_moment(h) for h in await insights.timeline(id)])

    api = APIRouter(tags=["fleet"])
    api.add_api_route("/devices/{id}/timeline", timeline, methods=["GET"], dependencies=ASKED)
    return api


def _moment(h: web.Happening) -> Moment:
    return Moment(h.at, h.glyph, _plain(h.text), _plain(h.more), h.raw)


def _plain(text: str) -> str:
    return text.striptags() if isinstance(text, Markup) else text
