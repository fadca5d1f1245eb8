"""Every operation has a cell in the table of roles, and each role is let in or kept out as its cell says."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.conftest import START

from fleetloop.access import OPERATIONS, SYSTEM, Gateway, Person, Role
from fleetloop.app.schema import METADATA
from fleetloop.app.serve import API, Server
from fleetloop.app.settings import ServerSettings
from fleetloop.app.wiring import build
from fleetloop.fleet import NewDevice

VERBS = ("get", "put", "post", "patch", "delete")
DEVICE = "/DEFAULT/controller/v1/d1"


@dataclass
class Town:
    """A server, and a token of each role, of a device and of a gateway."""

    server: Server
    http: httpx.AsyncClient
    tokens: dict[Role, str]
    device: str
    gateway: str

    async def ask(self, operation: str, authorization: str = "") -> int:
        method, path = operation.split()
        filled = re.sub(r"\{(\w+)(?::path)?\}", lambda m: "1" if m[1] == "id" else "nothing", path)
        headers = {"Authorization": authorization} if authorization else {}
        return (await self.http.request(method, filled, headers=headers)).status_code


@pytest.fixture
async def town(tmp_path: Path, database_url: str) -> AsyncIterator[Town]:
    own = "" if database_url.startswith("sqlite") else database_url
    rooms = build(ServerSettings(dir=str(tmp_path), database=own, stepped=True, start_at=START))
    METADATA.create_all(rooms.db.engine)
    server = Server(rooms)
    await server.start()
    await server.ticking.advance(START)
    tokens: dict[Role, str] = {}
    for role in Role:
        await rooms.access.add_person(SYSTEM, role.value, role, "long enough")
        tokens[role] = (await rooms.access.add_token(Person(role.value, role), "test", None, None))[1]
    await rooms.hardware.add_product(SYSTEM, "cell")
    await rooms.hardware.add_revision(SYSTEM, "cell", "b")
    [device] = await rooms.fleet.add(SYSTEM, [NewDevice("d1", "cell", "b")])
    gateway = await rooms.access.add_gateway(SYSTEM, Gateway("dock"))
    transport = httpx.ASGITransport(server)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        yield Town(server, http, tokens, device, gateway)
    await server.stop()


def operations(server: Server) -> Iterator[str]:
    """Of the OpenAPI document, as the table spells them."""
    for path, verbs in server.api.openapi()["paths"].items():
        for verb in VERBS:
            if verb in verbs:
                yield f"{verb.upper()} {path.replace('{path}', '{path:path}')}"


async def test_every_operation_has_a_cell_and_every_cell_an_operation(town: Town) -> None:
    there = set(operations(town.server))
    assert {o for o in OPERATIONS if f" {API}/" in o} == there


async def test_each_role_may_do_what_its_cell_says_and_no_more(town: Town) -> None:
    wrong: list[tuple[str, str, int]] = []
    for operation, needed in OPERATIONS.items():
        for role in Role if needed else ():
            status = await town.ask(operation, f"Bearer {town.tokens[role]}")
            fits = status not in (401, 403) if role.covers(needed) else status == 403  # type: ignore[arg-type]
            wrong += [] if fits else [(operation, role.value, status)]
    assert wrong == []


async def test_nobody_does_nothing(town: Town) -> None:
    answers = {operation: await town.ask(operation) for operation, needed in OPERATIONS.items() if needed}
    assert {o: s for o, s in answers.items() if s not in (401, 303)} == {}
    assert {o for o, s in answers.items() if s == 303} <= {o for o in answers if API not in o}


@pytest.mark.parametrize("scheme", ["Bearer", "TargetToken", "GatewayToken"])
async def test_a_devices_token_opens_nothing_for_people(town: Town, scheme: str) -> None:
    for token in (town.device, town.gateway):
        answers = {o: await town.ask(o, f"{scheme} {token}") for o, needed in OPERATIONS.items() if needed and API in o}
        assert set(answers.values()) == {401}


async def test_a_persons_token_speaks_for_no_device(town: Town) -> None:
    for token in town.tokens.values():
        for scheme in ("Bearer", "TargetToken", "GatewayToken"):
            for path in (f"GET {DEVICE}", "POST /DEFAULT/heartbeat/v1/d1"):
                assert await town.ask(path, f"{scheme} {token}") == 401


async def test_devices_and_gateways_come_in_by_their_own_door(town: Town) -> None:
    assert await town.ask(f"GET {DEVICE}", f"TargetToken {town.device}") == 200
    assert await town.ask(f"GET {DEVICE}", f"GatewayToken {town.gateway}") == 200
    assert await town.ask(f"GET {DEVICE}", f"GatewayToken {town.device}") == 401
    assert await town.ask("GET /DEFAULT/controller/v1/d2", f"TargetToken {town.device}") == 401
    assert await town.ask("GET /OTHER/controller/v1/d1", f"TargetToken {town.device}") == 401


async def test_the_operators_addresses_tell_nothing_secret(town: Town) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        answer = await town.http.get(path)
        assert answer.status_code == 200
        assert not any(secret in answer.text for secret in (town.device, town.gateway, *town.tokens.values()))
