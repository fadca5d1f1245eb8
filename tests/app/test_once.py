"""A key is done once: sent again, sent meanwhile, after a crash, by another person, with a secret in the answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.conftest import START

from fleetloop.access import SYSTEM, Person, Role, csrf_of
from fleetloop.app import kept, once
from fleetloop.app.schema import METADATA
from fleetloop.app.serve import Server
from fleetloop.app.settings import ServerSettings
from fleetloop.app.wiring import build
from fleetloop.core.clock import SteppedClock
from fleetloop.core.errors import UnavailableError

CELL = {"name": "cell"}
PRODUCTS = "/api/v1/products"


def made(folder: Path, database_url: str) -> Server:
    own = "" if database_url.startswith("sqlite") else database_url
    rooms = build(ServerSettings(dir=str(folder), database=own, stepped=True, start_at=START))
    METADATA.create_all(rooms.db.engine)
    return Server(rooms)


@pytest.fixture
async def server(tmp_path: Path, database_url: str) -> AsyncIterator[Server]:
    server = made(tmp_path, database_url)
    await server.start()
    yield server
    await server.stop()


def client(server: Server, token: str = "") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(server, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)


async def token_of(server: Server, role: Role = Role.ADMIN) -> str:
    return (await server.rooms.access.add_token(Person("ann", Role.ADMIN), f"test {role.value}", role, None))[1]


@pytest.fixture
async def token(server: Server) -> str:
    await server.rooms.access.add_person(SYSTEM, "ann", Role.ADMIN, "long enough")
    return await token_of(server)


@pytest.fixture
async def http(server: Server, token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client(server, token) as http:
        yield http


def rows(server: Server) -> list[dict[str, Any]]:
    return server.rooms.db.read_now(lambda reader: [dict(r) for r in reader.all(sa.select(kept.answers))])


async def post(http: httpx.AsyncClient, body: object = CELL, key: str = "k1", path: str = PRODUCTS) -> httpx.Response:
    return await http.post(path, json=body, headers={"Idempotency-Key": key})


def counting(server: Server, *answers: object) -> list[int]:
    """A door at ``/api/v1/count`` that counts, and answers each of ``answers`` in turn."""
    asked: list[int] = []

    async def count() -> Any:
        asked.append(len(asked) + 1)
        answer = answers[min(len(asked), len(answers)) - 1] if answers else {"n": len(asked)}
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        return {"n": len(asked)} if isinstance(answer, asyncio.Event) else answer

    server.api.add_api_route("/api/v1/count", count, methods=["POST", "PUT"])
    return asked


COUNT = "/api/v1/count"


async def test_the_same_again_is_answered_and_not_done(server: Server, http: httpx.AsyncClient) -> None:
    first, again = await post(http), await post(http)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.content, first.headers["content-type"]) == (again.content, again.headers["content-type"])
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    lines = [line for line in await server.rooms.access.lines(None, 100) if line.act == "product add"]
    assert len(lines) == 1
    assert (await post(http, key="k2")).status_code == 409


async def test_a_refusal_is_kept_too(server: Server, http: httpx.AsyncClient) -> None:
    asked = counting(server)
    first, again = await post(http, {}), await post(http, {})
    assert (first.status_code, again.json()) == (400, first.json())
    assert again.headers["content-type"] == "application/problem+json"
    assert asked == []


async def test_another_body_needs_another_key(http: httpx.AsyncClient) -> None:
    await post(http)
    for answer in (await post(http, {"name": "other"}), await post(http, path=f"{PRODUCTS}?x=1")):
        assert (answer.status_code, answer.json()["code"]) == (409, "key-used")
        assert "new key" in answer.json()["detail"]


async def test_keys_belong_to_path_and_credential(server: Server, http: httpx.AsyncClient) -> None:
    asked = counting(server)
    await post(http, {}, path=COUNT)
    assert (await post(http)).status_code == 201
    async with client(server, await token_of(server, Role.OPERATOR)) as other:
        assert (await post(other, {}, path=COUNT)).json() == {"n": 2}
    assert asked == [1, 2]


async def test_a_session_has_keys_like_a_token(server: Server, token: str) -> None:
    asked = counting(server)
    async with client(server) as http:
        session = (await http.post("/api/v1/login", json={"name": "ann", "password": "long enough"})).json()["token"]
        headers = {"X-CSRF": csrf_of(session), "Idempotency-Key": "k", "Authorization": "Basic shared"}
        answers = [await http.post(COUNT, json={}, headers=headers) for _ in range(2)]
    assert [a.json() for a in answers] == [{"n": 1}] * 2
    assert (asked, len(rows(server))) == ([1], 1)


@pytest.mark.parametrize("key", ["", "k" * 129, "tab\there", "ümlaut"])
async def test_a_key_that_is_none_is_refused(server: Server, http: httpx.AsyncClient, key: str) -> None:
    answer = await http.post(PRODUCTS, json=CELL, headers=[(b"Idempotency-Key", key.encode())])
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-input")
    assert (await http.get(PRODUCTS)).json()["items"] == []


async def test_two_keys_are_none(http: httpx.AsyncClient) -> None:
    answer = await http.post(PRODUCTS, json=CELL, headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    assert answer.status_code == 400


async def test_the_longest_key_will_do(http: httpx.AsyncClient) -> None:
    assert (await post(http, key="k" * 128)).status_code == 201


async def test_meanwhile_it_is_in_progress(server: Server, http: httpx.AsyncClient) -> None:
    go = asyncio.Event()
    asked = counting(server, go)
    first = asyncio.create_task(post(http, {}, path=COUNT))
    while not asked:
        await asyncio.sleep(0.001)
    second = await post(http, {}, path=COUNT)
    assert (second.status_code, second.json()["code"], second.headers["retry-after"]) == (409, "in-progress", "5")
    go.set()
    assert (await first).json() == (await post(http, {}, path=COUNT)).json() == {"n": 1}
    assert asked == [1]


async def test_many_at_once_are_done_once(server: Server, http: httpx.AsyncClient) -> None:
    asked = counting(server)
    answers = await asyncio.gather(*(post(http, {}, path=COUNT) for _ in range(10)))
    assert {a.status_code for a in answers} <= {200, 409}
    assert asked == [1]


async def test_a_server_that_ended_before_its_answer_does_it_never_again(
    server: Server, http: httpx.AsyncClient, token: str, tmp_path: Path, database_url: str
) -> None:
    asked = counting(server, asyncio.Event())
    first = asyncio.create_task(post(http, {}, path=COUNT))
    while not asked:
        await asyncio.sleep(0.001)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    later = made(tmp_path, database_url)
    again = counting(later)
    try:
        async with client(later, token) as other:
            for _ in range(2):
                answer = await post(other, {}, path=COUNT)
                assert (answer.status_code, answer.json()["code"]) == (409, "outcome-unknown")
                assert f"GET {COUNT}" in answer.json()["detail"]
            assert (await post(other, {}, key="k2", path=COUNT)).status_code == 200
    finally:
        later.rooms.db.close()
    assert again == [1]


async def test_what_is_not_available_may_be_tried_again(server: Server, http: httpx.AsyncClient) -> None:
    asked = counting(server, UnavailableError("not now"), {"n": "done"})
    first, again = await post(http, {}, path=COUNT), await post(http, {}, path=COUNT)
    assert (first.status_code, again.json()) == (503, {"n": "done"})
    assert asked == [1, 2]


async def test_what_broke_here_is_not_done_again(server: Server, http: httpx.AsyncClient) -> None:
    """It may have broken after its commit."""
    asked = counting(server, ValueError("a mistake of ours"), {"n": "done"})
    first, again = await post(http, {}, path=COUNT), await post(http, {}, path=COUNT)
    assert (first.status_code, again.status_code, again.json()["code"]) == (500, 409, "outcome-unknown")
    assert asked == [1]


async def test_who_may_not_keeps_nothing(server: Server, token: str) -> None:
    async with client(server, await token_of(server, Role.VIEWER)) as viewer, client(server) as stranger:
        assert (await post(viewer)).status_code == 403
        assert (await post(stranger)).status_code == 401
    assert rows(server) == []


async def test_a_secret_is_told_once_and_kept_nowhere(server: Server, http: httpx.AsyncClient) -> None:
    path = "/api/v1/gateways"
    first, again = await post(http, {"name": "dock"}, path=path), await post(http, {"name": "dock"}, path=path)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.json()["code"], again.headers["idempotency-replayed"]) == ("told-once", "true")
    assert f"GET {path}" in again.json()["detail"]
    assert first.json()["token"] not in str(rows(server))
    assert (await post(http, {"name": ""}, key="k2", path="/api/v1/people")).status_code == 400
    assert (await post(http, {"name": ""}, key="k2", path="/api/v1/people")).json()["code"] == "bad-input"


async def test_nothing_stored_tells_credential_key_or_body(server: Server, http: httpx.AsyncClient, token: str) -> None:
    body = {"name": "bob", "role": "viewer", "password": "guess me now"}
    await post(http, body, key="visible", path="/api/v1/people")
    [row] = rows(server)
    assert not any(word in str(row) for word in ("guess", "visible", token))


async def test_a_long_answer_is_not_kept(server: Server, http: httpx.AsyncClient) -> None:
    counting(server, {"long": "x" * once.KEPT_BYTES})
    assert len((await post(http, {}, path=COUNT)).content) > once.KEPT_BYTES
    again = await post(http, {}, path=COUNT)
    assert (again.status_code, again.json()["code"]) == (200, "too-long-to-keep")
    assert len(rows(server)[0]["body"]) < 300


async def test_a_long_request_is_refused_with_a_key_alone(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "ASKED_BYTES", 5)
    assert (await post(http)).status_code == 413
    assert (await http.post(PRODUCTS, json=CELL)).status_code == 201


async def test_a_key_is_over_after_a_day(server: Server, http: httpx.AsyncClient) -> None:
    asked = counting(server)
    await post(http, {}, path=COUNT)
    clock = server.rooms.clock
    assert isinstance(clock, SteppedClock)
    clock.move(START + kept.KEEP_S)
    await post(http, {}, path=COUNT)
    clock.move(START + kept.KEEP_S + 1)
    await post(http, {}, path=COUNT)
    assert (asked, len(rows(server))) == ([1, 2], 1)


async def test_there_is_a_bound(server: Server, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 1)
    await post(http)
    full = await post(http, key="k2")
    assert (full.status_code, full.json()["code"]) == (429, "limit")
    assert (await post(http)).status_code == 201
    assert (await http.post(PRODUCTS, json={"name": "other"})).status_code == 201
    assert len(rows(server)) == 1


@pytest.mark.parametrize(("method", "path"), [("PUT", COUNT), ("POST", "/api/v1/login"), ("POST", "/api/v1/releases")])
async def test_what_is_left_out(server: Server, http: httpx.AsyncClient, method: str, path: str) -> None:
    counting(server)
    for _ in range(2):
        answer = await http.request(method, path, headers={"Idempotency-Key": "k"})
        assert "idempotency-replayed" not in answer.headers
    assert rows(server) == []


def test_where_to_look() -> None:
    assert once.look("/api/v1/rollouts/7/stop") == "GET /api/v1/rollouts/7 shows what is there"
    assert once.look("/api/v1/devices") == "GET /api/v1/devices shows what is there"
