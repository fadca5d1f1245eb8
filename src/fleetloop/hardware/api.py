"""Doors to products and revisions."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from fleetloop.access import Person, needs
from fleetloop.hardware.model import Product, Revision
from fleetloop.hardware.service import POLL_S, Hardware

By = Annotated[Person, Depends(needs())]
ASKED = [Depends(needs())]


class NewProduct(BaseModel):
    """``poll_s``: how often its devices are to ask, in seconds."""

    name: str
    poll_s: int = POLL_S


class NewRevision(BaseModel):
    """One board of the product."""

    name: str


@dataclass(frozen=True)
class Products:
    """All products."""

    items: list[Product]


@dataclass(frozen=True)
class Revisions:
    """All revisions of a product."""

    items: list[Revision]


def router(hardware: Hardware) -> APIRouter:
    """Everything under ``/api/v1`` that this room answers."""
    doors, api = _Doors(hardware), APIRouter(tags=["hardware"])
    api.add_api_route("/products", doors.products, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/products", doors.add_product, methods=["POST"], status_code=201)
    api.add_api_route("/products/{product}/revisions", doors.revisions, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/products/{product}/revisions", doors.add_revision, methods=["POST"], status_code=201)
    return api


class _Doors:
    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware

    async def products(self) -> Products:
        """All products."""
        return Products(await self._hardware.products())

    async def add_product(self, by: By, body: NewProduct) -> Product:
        """Add a product."""
        return await self._hardware.add_product(by, body.name, body.poll_s)

    async def revisions(self, product: str) -> Revisions:
        """The hardware revisions of a product."""
        return Revisions(await self._hardware.revisions(product))

    async def add_revision(self, by: By, product: str, body: NewRevision) -> Revision:
        """Add a hardware revision."""
        return await self._hardware.add_revision(by, product, body.name)
