"""Doors to releases, evidence files and trusted keys."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from fleetloop.access import Person, needs
from fleetloop.core.errors import TooLargeError
from fleetloop.releases.bundle import MAX_TOTAL
from fleetloop.releases.model import Release, Signer
from fleetloop.releases.proof import Proof, chunks
from fleetloop.releases.service import Evidence, Releases

By = Annotated[Person, Depends(needs())]
ASKED = [Depends(needs())]


class NewKey(BaseModel):
    """``pem``: an ECDSA P-256 public key."""

    product: str
    pem: str


@dataclass(frozen=True)
class AllReleases:
    """Newest first."""

    items: list[Release]


@dataclass(frozen=True)
class Keys:
    """Who may sign."""

    items: list[Signer]


def router(releases: Releases) -> APIRouter:
    """Everything under ``/api/v1`` that this room answers."""
    doors, api = _Doors(releases), APIRouter(tags=["releases"])
    api.add_api_route("/trust", doors.trusted, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/trust", doors.trust, methods=["POST"], status_code=201)
    api.add_api_route("/releases", doors.releases, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/releases", doors.publish, methods=["POST"], status_code=201, openapi_extra=TAR)
    api.add_api_route("/releases/{product}/{version}", doors.release, methods=["GET"], dependencies=ASKED)
    bundle = "/releases/{product}/{version}/bundle"
    api.add_api_route(bundle, doors.bundle, methods=["GET"], dependencies=ASKED, response_class=StreamingResponse)
    file = "/releases/{product}/{version}/files/{path:path}"
    api.add_api_route(file, doors.file, methods=["GET"], dependencies=ASKED, response_class=Response)
    return api


TAR = {
    "requestBody": {
        "required": True,
        "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class _Doors:
    def __init__(self, releases: Releases) -> None:
        self._releases = releases
        self._proof = Proof(releases)

    async def trusted(self, product: str) -> Keys:
        """The keys that may sign for a product."""
        return Keys(await self._releases.trusted(product))

    async def trust(self, by: By, body: NewKey) -> Signer:
        """Let a key sign for a product."""
        return await self._releases.trust(by, body.product, body.pem.encode())

    async def releases(self, product: str | None = None) -> AllReleases:
        """All releases, newest first."""
        return AllReleases(await self._releases.all(product))

    async def publish(self, by: By, request: Request) -> Release:
        """Publish a bundle: the body is a plain tar of its folder."""
        with tempfile.TemporaryFile() as spool:
            size = 0
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_TOTAL:
                    raise TooLargeError(f"the bundle is over {MAX_TOTAL:,} bytes")
                spool.write(chunk)
            spool.seek(0)
            return await self._releases.publish(by, spool)

    async def release(self, product: str, version: str) -> Evidence:
        """One release with its evidence."""
        return await self._releases.evidence(product, version)

    async def bundle(self, product: str, version: str) -> StreamingResponse:
        """The bundle as a plain tar: `fleetloop publish` takes it, and everything in it can be checked without us."""
        file = await self._proof.bundle(product, version)
        name = f'attachment; filename="{product}-{version}.tar"'
        headers = {"Content-Disposition": name, "X-Content-Type-Options": "nosniff"}
        return StreamingResponse(chunks(file), media_type="application/x-tar", headers=headers)

    async def file(self, product: str, version: str, path: str) -> Response:
        """A file of the bundle, byte for byte."""
        entry, place = await self._releases.open(product, version, path)
        name = Path(path).name
        headers = {"ETag": f'"{entry.sha256}"', "X-Content-Type-Options": "nosniff"}
        return FileResponse(place, media_type="application/octet-stream", filename=name, headers=headers)
