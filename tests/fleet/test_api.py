from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from fleetloop.access import Access, Person, Role
from fleetloop.core.clock import SteppedClock
from fleetloop.core.db import Database
from fleetloop.core.errors import FleetloopError
from fleetloop.core.problem import document, edge
from fleetloop.fleet import Fleet
from fleetloop.fleet.api import router
from fleetloop.hardware import Hardware
from fleetloop.hardware.api import router as hardware_router

ADMIN = Person("admin", Role.ADMIN)


@pytest.fixture
async def http(db: Database, clock: SteppedClock) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.access = access = Access(db)
    app.include_router(router(Fleet(db, clock, access.tokens)), prefix="/api/v1")
    app.include_router(hardware_router(Hardware(db, clock)), prefix="/api/v1")

    async def problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, FleetloopError)
        return JSONResponse(document(error), edge(error)[0])

    app.add_exception_handler(FleetloopError, problem)
    await access.add_person(ADMIN, "ann", Role.OPERATOR, "long enough")
    _, secret = await access.add_token(Person("ann", Role.OPERATOR), "t", None, None)
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://house/api/v1", headers=headers
    ) as client:
        await client.post("/products", json={"name": "coldcell", "poll_s": 3600})
        await client.post("/products/coldcell/revisions", json={"name": "b"})
        yield client


async def test_hardware(http: httpx.AsyncClient) -> None:
    assert [p["name"] for p in (await http.get("/products")).json()["items"]] == ["coldcell"]
    assert [r["name"] for r in (await http.get("/products/coldcell/revisions")).json()["items"]] == ["b"]
    assert (await http.get("/products/other/revisions")).status_code == 404
    assert (await http.post("/products", json={"name": "coldcell"})).status_code == 409


async def test_one_device(http: httpx.AsyncClient) -> None:
    body = {"id": "cell-0001", "product": "coldcell", "revision": "b", "takes": "host-library"}
    told = await http.post("/devices", json=body)
    assert told.status_code == 201
    assert set(told.json()) == {"id", "token"}
    shown = (await http.get("/devices/cell-0001")).json()
    assert {k: shown[k] for k in body} == body
    assert told.json()["token"] not in str(shown)
    changed = await http.patch("/devices/cell-0001", json={"group": "lab"})
    assert (changed.status_code, changed.json()["group"]) == (200, "lab")
    assert (await http.delete("/devices/cell-0001")).status_code == 204
    assert (await http.delete("/devices/cell-0001")).status_code == 410
    assert (await http.get("/devices/nobody")).status_code == 404
    unknown = await http.post("/devices", json=body | {"revision": "z"})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown-revision")


async def test_many_devices_in_pages(http: httpx.AsyncClient) -> None:
    body = [{"id": f"d{n:02}", "product": "coldcell", "revision": "b"} for n in range(25)]
    told = (await http.post("/devices", json=body)).json()
    assert [each["id"] for each in told] == [each["id"] for each in body]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await http.get("/devices", params={"limit": 10, "cursor": cursor, "revision": "b"})).json()
        seen += [device["id"] for device in page["items"]]
        cursor = page["next"]
    assert seen == [each["id"] for each in body]
    assert (await http.get("/devices", params={"limit": 5000})).status_code == 422
    assert (await http.get("/devices", headers={"Authorization": ""})).status_code == 401
