"""ETag and If-Match: who saw another state than there is changes nothing, and is told the state."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.rollouts.conftest import house
from tests.rollouts.house import ANN, House

from fleetloop.access import Person, Role
from fleetloop.app.serve import Server
from fleetloop.core.clock import HOUR

__all__ = ["house"]
OLD = {"If-Match": '"of another state"'}


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    await house.rooms.access.add_person(ANN, "ann", Role.ADMIN, "long enough")
    _, token = await house.rooms.access.add_token(Person("ann", Role.ADMIN), "test", None, None)
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(Server(house.rooms))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1", headers=headers) as client:
        yield client


async def tag(http: httpx.AsyncClient, path: str) -> str:
    return (await http.get(path)).headers["etag"]


async def test_a_devices_tag_is_of_what_it_is_not_of_what_it_does(house: House, http: httpx.AsyncClient) -> None:
    [unit] = await house.add("d1")
    first = await tag(http, "devices/d1")
    await house.live(2 * HOUR)
    await unit.beat(version="1.0.0")
    assert await tag(http, "devices/d1") == first
    changed = await http.patch("devices/d1", json={"group": "north"}, headers={"If-Match": first})
    assert (changed.status_code, changed.json()["group"]) == (200, "north")
    assert first != changed.headers["etag"] == await tag(http, "devices/d1")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_device_that_is_another_meanwhile(house: House, http: httpx.AsyncClient, method: str) -> None:
    await house.add("d1")
    seen = await tag(http, "devices/d1")
    body = {"json": {"takes": "file"}} if method == "PATCH" else {}
    await http.patch("devices/d1", json={"revision": "a"})
    answer = await http.request(method, "devices/d1", headers={"If-Match": seen}, **body)  # type: ignore[arg-type]
    told = answer.json()
    assert (answer.status_code, told["code"]) == (412, "changed-meanwhile")
    assert told["current"] == {
        "id": "d1", "product": "cell", "revision": "a", "group": "", "takes": "image", "retired": False,
    }  # fmt: skip
    now = (await http.get("devices/d1")).json()
    assert (now["takes"], now["retired_at"]) == ("image", None)
    answer = await http.request(method, "devices/d1", headers={"If-Match": told["etag"]}, **body)  # type: ignore[arg-type]
    assert answer.is_success


async def test_without_if_match_nothing_is_asked(house: House, http: httpx.AsyncClient) -> None:
    await house.add("d1")
    assert (await http.patch("devices/d1", json={"group": "x"})).status_code == 200
    assert (await http.patch("devices/d1", json={"group": "y"}, headers={"If-Match": "*"})).status_code == 200
    assert (await http.delete("devices/d1")).status_code == 204
    assert (await http.delete("devices/d1", headers=OLD)).status_code == 410


async def asking(house: House) -> str:
    """The address of a rollout that waits for a person."""
    await house.add("d1", "d2", "d3", "d4")
    await house.publish("1.0.0")
    number = (await house.start("1.0.0", waves=[50, 100], soak_s=HOUR, by_hand=True)).id

    async def asks() -> bool:
        return await house.asks(number)

    await house.until(asks, 100 * HOUR)
    return f"rollouts/{number}"


@pytest.mark.parametrize(
    ("verb", "body"), [("decide", {"go": True}), ("decide", {"go": False}), ("pause", {}), ("stop", {})]
)
async def test_a_decision_counts_for_the_state_it_was_made_on(
    house: House, http: httpx.AsyncClient, verb: str, body: dict[str, bool]
) -> None:
    path = await asking(house)
    seen = await http.get(path)
    refused = await http.post(f"{path}/{verb}", json=body, headers=OLD)
    told = refused.json()
    assert (refused.status_code, told["code"]) == (412, "changed-meanwhile")
    assert (told["current"]["phase"], told["current"]["wave"]) == ("waiting for a person", seen.json()["wave"])
    now = await http.get(path)
    assert (now.headers["etag"], now.json()) == (seen.headers["etag"], seen.json())
    assert not house.watch(int(path.rpartition("/")[2])).stopped
    done = await http.post(f"{path}/{verb}", json=body, headers={"If-Match": told["etag"]})
    assert done.status_code == 200
    assert seen.headers["etag"] != done.headers["etag"] == await tag(http, path)


async def test_two_people_decide_on_what_both_saw(house: House, http: httpx.AsyncClient) -> None:
    path = await asking(house)
    seen = {"If-Match": await tag(http, path)}
    assert (await http.post(f"{path}/pause", json={}, headers=seen)).status_code == 200
    answer = await http.post(f"{path}/decide", json={"go": True}, headers=seen)
    assert (answer.status_code, answer.json()["current"]["paused_by"]) == (412, "ann")


async def test_a_refusal_for_its_state_is_not_kept_under_its_key(house: House, http: httpx.AsyncClient) -> None:
    path = await asking(house)
    key = {"Idempotency-Key": "pause once"}
    assert (await http.post(f"{path}/pause", json={}, headers=key | OLD)).status_code == 412
    fresh = {"If-Match": await tag(http, path)}
    for _ in range(2):
        assert (await http.post(f"{path}/pause", json={}, headers=key | fresh)).status_code == 200


async def test_the_clock_alone_does_not_change_a_rollouts_tag(house: House, http: httpx.AsyncClient) -> None:
    path = await asking(house)
    seen = await http.get(path)
    await house.live(3 * HOUR)
    later = await http.get(path)
    assert seen.headers["etag"] == later.headers["etag"]
