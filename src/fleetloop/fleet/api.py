"""Doors to the devices, for people and their programs; devices themselves come through `fleetloop.wire`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel
from starlette.responses import Response

from fleetloop.access import Person, needs
from fleetloop.core.tags import check_of, tag_of
from fleetloop.fleet.model import Device, NewDevice, state_of
from fleetloop.fleet.service import Fleet

By = Annotated[Person, Depends(needs())]
ASKED = [Depends(needs())]
Seen = Annotated[str | None, Header(alias="If-Match", description="The ETag of the device as you have seen it.")]


class Changes(BaseModel):
    """What is given is changed."""

    product: str | None = None
    revision: str | None = None
    group: str | None = None
    takes: str | None = None


class Wanted(BaseModel):
    """Filters, and where to go on."""

    product: str | None = None
    revision: str | None = None
    version: str | None = None
    group: str | None = None
    cursor: str = ""
    limit: Annotated[int, Query(ge=1, le=1000)] = 100

    def filters(self) -> dict[str, str]:
        """Those that were given."""
        return self.model_dump(include={"product", "revision", "version", "group"}, exclude_none=True)


@dataclass(frozen=True)
class DeviceTold:
    """A device that was added, and its token, told this once."""

    id: str
    token: str


@dataclass(frozen=True)
class Devices:
    """A page of devices, by id."""

    items: list[Device]
    next: str | None


def router(fleet: Fleet) -> APIRouter:
    """Everything under ``/api/v1`` that this room answers."""
    doors, api = _Doors(fleet), APIRouter(tags=["fleet"])
    api.add_api_route("/devices", doors.devices, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/devices", doors.add, methods=["POST"], status_code=201)
    api.add_api_route("/devices/{id}", doors.device, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/devices/{id}", doors.change, methods=["PATCH"])
    api.add_api_route("/devices/{id}", doors.retire, methods=["DELETE"], status_code=204)
    return api


class _Doors:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def devices(self, wanted: Annotated[Wanted, Query()]) -> Devices:
        """Devices in the field."""
        found = await self._fleet.find(wanted.filters(), wanted.cursor, wanted.limit)
        return Devices(found, found[-1].id if len(found) == wanted.limit else None)

    async def add(self, by: By, body: NewDevice | list[NewDevice]) -> DeviceTold | list[DeviceTold]:
        """Add one device or up to 10,000, all or none; tokens are told this once."""
        new = body if isinstance(body, list) else [body]
        told = [DeviceTold(device.id, token) for device, token in zip(new, await self._fleet.add(by, new), strict=True)]
        return told if isinstance(body, list) else told[0]

    async def device(self, id: str, response: Response) -> Device:  # noqa: A002  the word in the path
        """One device; a retired one too."""
        return _tagged(response, await self._fleet.get(id))

    async def change(self, by: By, id: str, body: Changes, response: Response, seen: Seen = None) -> Device:  # noqa: A002
        """Correct what a device is."""
        changes = body.model_dump(exclude_none=True)
        return _tagged(response, await self._fleet.change(by, id, changes, check_of(seen, state_of)))

    async def retire(self, by: By, id: str, seen: Seen = None) -> None:  # noqa: A002
        """The device leaves the fleet; its token is refused from now on."""
        await self._fleet.retire(by, id, check_of(seen, state_of))


def _tagged(response: Response, device: Device) -> Device:
    response.headers["ETag"] = tag_of(state_of(device))
    return device
