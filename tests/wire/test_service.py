"""The front: which paths are a device's, the counters, and what happens when a room behind the seam fails."""

from typing import Any

import pytest
from tests.wire.client import ask
from tests.wire.house import MemoryHouse

from fleetloop.core.errors import UnavailableError


def test_paths_of_devices(house: MemoryHouse) -> None:
    for path in ("/DEFAULT/controller/v1/x", "/d/heartbeat/v1/x", "/d/controller/"):
        assert house.devices.matches(path)
    for path in (
        "/",
        "",
        "/controller/v1",
        "/api/v1/devices",
        "/DEFAULT/controllers/v1/x",
        "/DEFAULT/controller",
        "/static/x.css",
    ):
        assert not house.devices.matches(path)


async def test_counters(house: MemoryHouse) -> None:
    token = house.add("dev1")
    at = "/DEFAULT/controller/v1/dev1"
    for path, key in ((at, token), (at, token), (at, "wrong"), (at + "/x", token)):
        await ask(house.devices, "GET", path, token=key)
    await ask(house.devices, "POST", "/DEFAULT/heartbeat/v1/dev1", token=token, body=b"{}")
    counts = {k: v for k, v in house.devices.counters().items() if v}
    assert counts == {("ddi", "2xx"): 2, ("ddi", "4xx"): 2, ("heartbeat", "4xx"): 1}


async def test_a_house_that_is_not_ready_is_503(house: MemoryHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_yet(device: str) -> None:
        raise UnavailableError("not before the first step")

    house.house.inbox.contact = not_yet
    devices = type(house.devices)(house.house)
    for path, method in (("/DEFAULT/controller/v1/dev1", "GET"), ("/DEFAULT/heartbeat/v1/dev1", "POST")):
        got = await ask(devices, method, path, token=house.add("dev1"))
        assert (got.status, got.headers["retry-after"]) == (503, "5")


async def test_a_fault_of_ours_is_500_and_logged(house: MemoryHouse, caplog: pytest.LogCaptureFixture) -> None:
    def broken(device: str) -> Any:
        raise ZeroDivisionError

    house.order = broken
    got = await ask(house.devices, "GET", "/DEFAULT/controller/v1/dev1", token=house.add("dev1"))
    assert (got.status, got.body) == (500, b"")
    assert house.devices.counters()["ddi", "5xx"] == 1
    assert caplog.records[0].message == "device_request_failed protocol=ddi"
