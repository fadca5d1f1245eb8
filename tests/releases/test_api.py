import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from tests.releases.parcel import STRANGER, make, public

from fleetloop.access import Access, Person, Role
from fleetloop.core.db import Database
from fleetloop.core.errors import FleetloopError
from fleetloop.core.problem import document, edge
from fleetloop.releases import Releases, pack, read
from fleetloop.releases.api import router

ANN = Person("ann", Role.ADMIN)


@pytest.fixture
async def http(db: Database, releases: Releases) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.access = access = Access(db)
    app.include_router(router(releases), prefix="/api/v1")

    async def problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, FleetloopError)
        return JSONResponse(document(error), edge(error)[0])

    app.add_exception_handler(FleetloopError, problem)
    await access.add_person(ANN, "ann", Role.ADMIN, "long enough")
    _, token = await access.add_token(ANN, "test", None, None)
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://house/api/v1", headers=headers) as client:
        yield client


def tar(folder: Path) -> bytes:
    spool = io.BytesIO()
    pack(read(folder), spool)
    return spool.getvalue()


async def test_a_bundle_is_published_and_its_files_come_back(http: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = await http.post("/releases", content=tar(make(tmp_path / "b")))
    assert answer.status_code == 201
    assert (answer.json()["version"], answer.json()["manifest"]["commit"]) == ("1.0.0", "c" * 40)
    listed = (await http.get("/releases", params={"product": "cell"})).json()["items"]
    assert [r["version"] for r in listed] == ["1.0.0"]
    assert (await http.get("/releases", params={"product": "other"})).json()["items"] == []
    one = (await http.get("/releases/cell/1.0.0")).json()
    assert one["shipped"][0]["kind"] == "image"
    file = await http.get("/releases/cell/1.0.0/files/artifacts/b/cell-1.0.0-b.img")
    assert (file.status_code, file.content) == (200, b"image of b")
    assert file.headers["etag"] == f'"{one["shipped"][0]["sha256"]}"'
    assert file.headers["x-content-type-options"] == "nosniff"
    assert "attachment" in file.headers["content-disposition"]


async def test_refusals_have_a_code_and_a_sentence(http: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = await http.post("/releases", content=tar(make(tmp_path / "b", key=STRANGER)))
    assert (answer.status_code // 100, answer.json()["code"]) == (4, "untrusted-signer")
    assert "fleetloop trust add cell" in answer.json()["detail"]
    answer = await http.post("/releases", content=b"no tar")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-bundle")
    for path in ("/releases/cell/9.9.9", "/releases/cell/9.9.9/files/README.md"):
        assert (await http.get(path)).status_code == 404


async def test_keys(http: httpx.AsyncClient) -> None:
    answer = await http.post("/trust", json={"product": "cell", "pem": public(STRANGER).decode()})
    assert (answer.status_code, answer.json()["added_by"]) == (201, "ann")
    listed = (await http.get("/trust", params={"product": "cell"})).json()["items"]
    assert [k["key_id"] for k in listed][-1] == answer.json()["key_id"]
    answer = await http.post("/trust", json={"product": "cell", "pem": "no key"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-key")


async def test_a_bundle_over_the_bound_is_not_read_to_its_end(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetloop.releases.api.MAX_TOTAL", 10)
    answer = await http.post("/releases", content=b"x" * 11)
    assert (answer.status_code, answer.json()["detail"]) == (413, "the bundle is over 10 bytes")
