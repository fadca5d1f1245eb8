import json
from typing import Any

import pytest
from tests.wire.client import ask
from tests.wire.house import MemoryHouse

from fleetloop.wire import Heartbeat

BEAT: dict[str, Any] = {
    "version": "1.0.0", "hardware_revision": "b", "boot_id": "x1", "uptime_s": 3600.5, "reset": "power-on", "crashes": 0,
    "self_test": True,
}  # fmt: skip
AT = "/DEFAULT/heartbeat/v1/dev1"


async def post(house: MemoryHouse, token: str, body: Any, **more: Any) -> Any:
    return await ask(
        house.devices,
        "POST",
        AT,
        token=token,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        **more,
    )


async def test_a_heartbeat_is_kept_before_the_200_and_is_a_contact(house: MemoryHouse) -> None:
    seen: list[int] = []
    got = await post(house, house.add("dev1"), BEAT, between=lambda _: seen.append(len(house.disk)))
    assert (got.status, got.body, got.headers) == (200, b"", {"content-length": "0"})
    assert house.beats["dev1"] == Heartbeat("1.0.0", "b", "x1", 3600.5, "power-on", 0, True)
    assert (house.contacts, seen[0]) == (["dev1"], 2)


async def test_an_unchanged_one_writes_nothing(house: MemoryHouse) -> None:
    token = house.add("dev1")
    await post(house, token, BEAT)
    before = list(house.disk)
    assert (await post(house, token, BEAT | {"uptime_s": 7200})).status == 200
    assert house.disk == before
    assert (await post(house, token, BEAT | {"crashes": 1})).status == 200
    assert house.disk != before


async def test_further_fields_are_ignored(house: MemoryHouse) -> None:
    assert (await post(house, house.add("dev1"), BEAT | {"temperature": 3.5})).status == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", ""), ("version", 1), ("version", None), ("version", "x" * 129), ("version", "1\n"), ("boot_id", 7),
        ("hardware_revision", ["b"]), ("uptime_s", "1"), ("uptime_s", -1), ("uptime_s", True), ("uptime_s", 1e11),
        ("crashes", -1), ("crashes", 1.0), ("crashes", True), ("crashes", 2**53 + 1), ("self_test", 1), ("self_test", None),
        ("reset", {}),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named(house: MemoryHouse, field: str, value: Any) -> None:
    token = house.add("dev1")
    for body in (BEAT | {field: value}, {k: v for k, v in BEAT.items() if k != field}):
        got = await post(house, token, body)
        assert (got.status, got.headers["content-type"]) == (400, "application/problem+json")
        assert got.json()["field"] == field
        assert got.json()["code"] == "bad-heartbeat"
        assert got.json()["detail"].startswith(field)
    assert "dev1" not in house.beats


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"version":NaN}', b"\xff", b"[" * 5000])
async def test_what_is_no_object_is_400(house: MemoryHouse, body: bytes) -> None:
    assert (await post(house, house.add("dev1"), body)).status == 400


async def test_other_ways_are_refused(house: MemoryHouse) -> None:
    token = house.add("dev1")
    assert (await post(house, "wrong", BEAT)).status == 401
    assert (await post(house, token, BEAT, headers={"content-type": "text/plain"})).status == 415
    assert (await ask(house.devices, "GET", AT, token=token)).status == 405
    for path in ("/DEFAULT/heartbeat/v2/dev1", "/DEFAULT/heartbeat/v1", AT + "/x"):
        got = await ask(house.devices, "POST", path, token=token)
        assert (got.status, got.json()["code"]) == (404, "not-found")
    assert "dev1" not in house.beats


async def test_a_gateways_heartbeat_makes_no_device_known(house: MemoryHouse) -> None:
    header = {"authorization": f"GatewayToken {house.gateway()}"}
    assert (await post(house, "", BEAT, headers=header)).status == 404
    assert house.disk == []
