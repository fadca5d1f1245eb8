import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.conftest import START

from fleetloop.access import SYSTEM, Person, Role, limits
from fleetloop.app.metrics import text
from fleetloop.app.schema import METADATA
from fleetloop.app.serve import Server
from fleetloop.app.settings import ServerSettings
from fleetloop.app.wiring import build
from fleetloop.fleet import NewDevice


@pytest.fixture
async def server(tmp_path: Path, database_url: str) -> AsyncIterator[Server]:
    own = "" if database_url.startswith("sqlite") else database_url
    rooms = build(ServerSettings(dir=str(tmp_path), database=own, stepped=True, start_at=START))
    METADATA.create_all(rooms.db.engine)
    made = Server(rooms)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    await server.rooms.access.add_person(SYSTEM, "ann", Role.ADMIN, "long enough")
    _, token = await server.rooms.access.add_token(Person("ann", Role.ADMIN), "test", None, None)
    transport = httpx.ASGITransport(server, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        yield client


async def test_errors_are_problem_documents(http: httpx.AsyncClient) -> None:
    for method, path, status, code in (
        ("GET", "/api/v1/devices/none", 404, "not-found"),
        ("GET", "/api/v1/nowhere", 404, "not-found"),
        ("DELETE", "/api/v1/releases", 400, "bad-input"),
        ("GET", "/api/v1/rollouts/abc", 400, "bad-input"),
        ("POST", "/api/v1/products", 400, "bad-input"),
    ):
        answer = await http.request(method, path)
        assert answer.headers["content-type"] == "application/problem+json", path
        body = answer.json()
        assert (answer.status_code, body["status"], body["code"]) == (status, status, code), path
        assert len(body["request"]) == 16


async def test_our_own_mistake_tells_nothing_of_the_inside(
    server: Server, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise ValueError("the secret inside")

    server.api.add_api_route("/api/v1/healthy", broken, methods=["GET"])
    answer = await http.get("/api/v1/healthy")
    assert (answer.status_code, answer.json()["code"]) == (500, "error")
    assert "secret" not in answer.text
    assert "the secret inside" in caplog.text
    assert answer.json()["request"] in caplog.text


async def test_devices_wait_for_the_first_instant(server: Server, http: httpx.AsyncClient) -> None:
    await server.rooms.hardware.add_product(SYSTEM, "cell")
    await server.rooms.hardware.add_revision(SYSTEM, "cell", "b")
    [token] = await server.rooms.fleet.add(SYSTEM, [NewDevice("d1", "cell", "b")])
    device = {"Authorization": f"TargetToken {token}"}
    answer = await http.get("/DEFAULT/controller/v1/d1", headers=device)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    told = (await http.post("/conductor/advance", json={"to": START})).json()
    assert (told["now"], told["rollouts"]) == (START, [])
    assert (await http.get("/DEFAULT/controller/v1/d1", headers=device)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"to": "soon"}', b'{"to": null}'])
async def test_a_conductors_nonsense(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/conductor/advance", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-input")


async def test_time_does_not_go_back(http: httpx.AsyncClient) -> None:
    await http.post("/conductor/advance", json={"to": START + 5})
    answer = await http.post("/conductor/advance", json={"to": START})
    assert (answer.status_code, "never goes back" in answer.json()["detail"]) == (409, True)


async def test_only_this_machine_moves_the_clock(server: Server) -> None:
    transport = httpx.ASGITransport(server, client=("192.0.2.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as far:
        assert (await far.post("/conductor/advance", json={"to": START})).status_code == 404
    assert not server.ticking.open


async def test_the_operators_addresses(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).text == "ok\n"
    assert (await http.get("/readyz")).text == "ready\n"


async def test_the_api_is_told_without_anything_from_elsewhere(http: httpx.AsyncClient) -> None:
    answer = await http.get("/docs")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert not re.findall(r"""(?:src|href|action)=["'](?!/|#)[^"']*|https?://""", answer.text)
    document = (await http.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}</th>" in answer.text
    assert all(f'id="{name}"' in answer.text for name in document["components"]["schemas"])
    row = answer.text.partition("POST /api/v1/rollouts/{id}/decide</th>")[2].partition("</tr>")[0]
    assert "approver" in row
    assert "Decision" in row


@pytest.mark.parametrize(
    ("behind", "headers", "secure"),
    [
        (True, {"X-Forwarded-Proto": "https"}, True),
        (True, {"X-Forwarded-Proto": "http"}, False),
        (True, {"X-Forwarded-Proto": "https, http"}, False),
        (True, {}, False),
        (False, {"X-Forwarded-Proto": "https"}, False),
    ],
)
async def test_the_session_is_for_tls_alone_where_the_proxy_says_so(
    server: Server, http: httpx.AsyncClient, *, behind: bool, headers: dict[str, str], secure: bool
) -> None:
    server.rooms.settings = replace(server.rooms.settings, behind_proxy=behind)
    body = {"name": "ann", "password": "long enough"}
    answer = await http.post("/api/v1/login", json=body, headers=headers)
    assert ("Secure" in answer.headers["set-cookie"]) is secure


@pytest.mark.parametrize(("behind", "shut"), [(True, 401), (False, 429)])
async def test_one_address_behind_a_proxy_does_not_shut_out_the_others(
    server: Server, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, *, behind: bool, shut: int
) -> None:
    monkeypatch.setattr(limits, "PER_ADDRESS", 3)
    server.rooms.settings = replace(server.rooms.settings, behind_proxy=behind)

    async def wrong(n: int, hops: str) -> int:
        body = {"name": f"nobody{n}", "password": "wrong"}
        return (await http.post("/api/v1/login", json=body, headers={"X-Forwarded-For": hops})).status_code

    for n in range(3):
        assert await wrong(n, f"198.51.100.{n}, 192.0.2.1") == 401
    assert await wrong(1000, "198.51.100.99, 192.0.2.1") == 429
    assert await wrong(1001, "192.0.2.1, 192.0.2.2") == shut


async def test_metrics_are_what_prometheus_reads(server: Server, http: httpx.AsyncClient) -> None:
    await http.post("/conductor/advance", json={"to": START})
    assert (await http.get("/DEFAULT/controller/v1/d1")).status_code == 401
    answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    rows = [r for r in answer.text.splitlines() if not r.startswith("#")]
    found = {name: float(value) for name, value in (row.rsplit(" ", 1) for row in rows)}
    assert found["fleetloop_serving_time_seconds"] == START
    assert found['fleetloop_device_requests_total{protocol="ddi",status="4xx"}'] == 1
    assert (found["fleetloop_rollouts_open"], found["fleetloop_deployments_open"]) == (0, 0)
    named = {r.split()[2] for r in answer.text.splitlines() if r.startswith("# TYPE")}
    assert {n.split("{")[0] for n in found} <= named
    assert text(server.rooms).endswith("\n")
