"""Doors to incidents."""

from dataclasses import dataclass

from fastapi import APIRouter, Depends

from fleetloop.access import needs
from fleetloop.incidents.model import Incident
from fleetloop.incidents.service import Incidents

ASKED = [Depends(needs())]


@dataclass(frozen=True)
class All:
    """Newest first."""

    items: list[Incident]


def router(incidents: Incidents) -> APIRouter:
    """Everything under ``/api/v1`` that this room answers."""
    doors, api = _Doors(incidents), APIRouter(tags=["incidents"])
    api.add_api_route("/incidents", doors.all, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/incidents/{id}", doors.one, methods=["GET"], dependencies=ASKED)
    return api


class _Doors:
    def __init__(self, incidents: Incidents) -> None:
        self._incidents = incidents

    async def all(self, product: str | None = None) -> All:
        """All incidents, newest first."""
        return All(await self._incidents.all(product))

    async def one(self, id: int) -> Incident:  # noqa: A002  the word in the path
        """One incident."""
        return await self._incidents.get(id)
