"""The bytes of DDI as real clients and hawkBit exchange them; where hawkBit is wrong, our better answer."""

import asyncio
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.wire.client import Got, ask, feedback
from tests.wire.house import MemoryHouse

from fleetloop.wire import Devices, Execution, Finished, Mode

GOLDEN = Path(__file__).parents[2] / "golden"
AT = "/DEFAULT/controller/v1/dev1"
QUIET = b'{"config":{"polling":{"sleep":"00:05:00"}}}'


class Device:
    """A device that speaks DDI by hand."""

    def __init__(self, house: MemoryHouse, name: str = "dev1") -> None:
        self.house, self.token, self.at = house, house.add(name), f"/DEFAULT/controller/v1/{name}"

    async def __call__(self, method: str, path: str = "", **more: Any) -> Got:
        target = path if path.startswith("http") else self.at + path
        return await ask(self.house.devices, method, target.removeprefix("http://house.test"), token=self.token, **more)

    async def link(self, name: str) -> str | None:
        return (await self("GET")).json().get("_links", {}).get(name, {}).get("href")


@pytest.fixture
def device(house: MemoryHouse) -> Device:
    return Device(house)


def golden(name: str, got: Got) -> None:
    """Frozen bytes; made by hand from the shapes that hawkBit sends."""
    assert got.body == (GOLDEN / f"ddi-{name}.json").read_bytes().rstrip(b"\n")


# polling


async def test_quiet_poll(device: Device) -> None:
    got = await device("GET")
    assert (got.status, got.body, got.headers["content-length"]) == (200, QUIET, str(len(QUIET)))
    assert got.headers["content-type"] == "application/hal+json"


async def test_poll_with_all_links(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    await device("POST", "/deploymentBase/1/feedback", body=feedback())
    house.offer("dev1")
    golden("poll", await device("GET"))
    house.cancel(2)
    golden("poll-cancel", await device("GET"))


async def test_the_poll_tag_and_304(house: MemoryHouse, device: Device) -> None:
    for _ in range(2):
        first = await device("GET")
        for tags in (first.headers["etag"], f'"x", W/{first.headers["etag"]}'):
            again = await device("GET", headers={"if-none-match": tags})
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert (await device("GET", headers={"if-none-match": "*"})).status == 200
        assert (await device("GET", headers={"if-none-match": '"other"'})).status == 200
        house.offer("dev1")


async def test_a_product_may_have_a_period_of_its_own(house: MemoryHouse, device: Device) -> None:
    house.add("dev2")
    periods = {"dev1": 3600, "dev2": 60}
    device.house.devices = Devices(replace(house.house, poll_s=periods.__getitem__))
    other = Device(house, "dev2")
    for _ in range(2):
        assert [(await d("GET")).json()["config"]["polling"]["sleep"] for d in (device, other)] == [
            "01:00:00",
            "00:01:00",
        ]
        house.offer("dev1")


@pytest.mark.parametrize(
    ("poll_s", "sleep"), [(1, "00:00:01"), (0, "00:00:01"), (3600, "01:00:00"), (90_000, "23:59:59")]
)
async def test_sleep_is_always_eight_characters(tmp_path: Path, poll_s: int, sleep: str) -> None:
    got = await Device(MemoryHouse(tmp_path, poll_s=poll_s))("GET")
    assert got.json() == {"config": {"polling": {"sleep": sleep}}}


async def test_an_unknown_media_type_is_406_with_a_list(device: Device) -> None:
    got = await device("GET", headers={"accept": "application/cbor"})
    assert (got.status, got.body, got.headers["accept"]) == (406, b"", "application/hal+json, application/json")
    assert (await device("GET", headers={"accept": "application/json"})).headers["content-type"] == "application/json"


async def test_head_is_get_without_the_body(device: Device) -> None:
    got = await device("HEAD")
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", str(len(QUIET)))


# who may


async def test_who_is_refused_gets_401_and_nothing_else(house: MemoryHouse, device: Device) -> None:
    other = house.add("dev2")
    bad = [
        "", "TargetToken", "TargetToken ", f"targettoken {device.token}", f"TargetToken  {device.token}",
        f"Bearer {device.token}", f"TargetToken {other}", f"GatewayToken {device.token}", f"TargetToken {device.token}x",
    ]  # fmt: skip
    for value in bad:
        got = await ask(house.devices, "GET", AT, headers={"authorization": value})
        assert (got.status, got.body, got.headers) == (401, b"", {"content-length": "0"}), value
    assert (
        await ask(house.devices, "GET", AT, headers={"authorization": f"TargetToken {device.token} "})
    ).status == 200
    assert house.contacts == ["dev1"]


async def test_the_tenant_in_any_case_and_links_as_asked(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    got = await ask(house.devices, "GET", "/default/controller/v1/dev1", token=device.token)
    assert got.json()["_links"]["deploymentBase"]["href"].startswith("http://house.test/default/controller/v1/dev1/")
    assert (await ask(house.devices, "GET", "/OTHER/controller/v1/dev1", token=device.token)).status == 401
    header = {"authorization": f"GatewayToken {house.gateway()}"}
    assert (await ask(house.devices, "GET", "/OTHER/controller/v1/dev1", headers=header)).status == 401


async def test_a_gateway_brings_a_device_by_its_first_poll(house: MemoryHouse) -> None:
    header = {"authorization": f"GatewayToken {house.gateway()}"}
    assert (await ask(house.devices, "GET", AT + "/deploymentBase/1", headers=header)).status == 404
    assert house.disk == []
    assert (await ask(house.devices, "GET", AT, headers=header)).status == 200
    assert (await ask(house.devices, "GET", AT, headers=header)).status == 200
    assert house.disk == [("registered", "dev1"), ("contact", "dev1")]


@pytest.mark.parametrize("name", ["a%2Fb", "a%25b", "a%3Bb", "a%5Cb", "a%20b", "x" * 129, "a%0Ab", "%FF"])
async def test_an_id_that_cannot_be_one_is_400(house: MemoryHouse, name: str) -> None:
    header = {"authorization": f"GatewayToken {house.gateway()}"}
    got = await ask(house.devices, "GET", f"/DEFAULT/controller/v1/{name}", headers=header)
    assert (got.status, house.disk) == (400, [])


async def test_an_encoded_id_is_decoded_and_encoded_in_links(house: MemoryHouse) -> None:
    token = house.add("käse:1")
    house.offer("käse:1")
    got = await ask(house.devices, "GET", "/DEFAULT/controller/v1/k%C3%A4se:1", token=token)
    href = got.json()["_links"]["deploymentBase"]["href"]
    assert href.startswith("http://house.test/DEFAULT/controller/v1/k%C3%A4se%3A1/deploymentBase/1")
    assert (await ask(house.devices, "GET", href.removeprefix("http://house.test"), token=token)).status == 200


# addresses


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/nothing", 404),
        ("GET", "/confirmationBase", 404),
        ("GET", "/deploymentBase", 404),
        ("GET", "/deploymentBase/1/other", 404),
        ("GET", "/deploymentBase/99", 404),
        ("GET", "/deploymentBase/99999999999999999999", 404),
        ("GET", "/deploymentBase/x", 400),
        ("GET", "/deploymentBase/%D9%A1", 400),
        ("GET", "/cancelAction/1", 404),
        ("GET", "/installedBase/1", 404),
        ("GET", "/softwaremodules/1/artifacts/x", 404),
        ("GET", "/softwaremodules/1/artifacts", 404),
        ("GET", "/a/b/c/d/e/f", 404),
        ("PURGE", "/nothing", 404),
        ("POST", "", 405),
        ("GET", "/configData", 405),
        ("GET", "/deploymentBase/1/feedback", 405),
        ("PUT", "/installedBase/1", 405),
        ("DELETE", "/deploymentBase/1", 405),
    ],
)
async def test_what_is_not_there(device: Device, method: str, path: str, status: int) -> None:
    got = await device(method, path)
    assert got.status == status
    assert int(got.headers["content-length"]) == len(got.body)
    if status == 404:
        assert got.json()["errorCode"] == "hawkbit.server.error.repo.entityNotFound"
    if status == 405:
        assert got.headers["allow"]


async def test_another_version_of_the_protocol_is_404(house: MemoryHouse, device: Device) -> None:
    for path in ("/DEFAULT/controller/v2/dev1", "/DEFAULT/controller/v1", "/DEFAULT/controller/"):
        assert (await ask(house.devices, "GET", path, token=device.token)).status == 404


async def test_links_follow_the_request(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-host": "ota.example, inner"}
    for header in ({"host": "[::1]:8080"}, {"host": "[::1]:8080"} | forwarded):
        got = await device("GET", headers=header)
        assert got.json()["_links"]["deploymentBase"]["href"].startswith("http://[::1]:8080/DEFAULT/")
    for bad in ('x"y', "a b", "", "a/b", "a@b"):
        assert (await device("GET", headers={"host": bad})).status == 400


@pytest.mark.parametrize(
    ("header", "root"),
    [
        ({}, "http://house.test"),
        ({"x-forwarded-proto": "https"}, "https://house.test"),
        ({"x-forwarded-proto": "https", "x-forwarded-host": "ota.example, inner"}, "https://ota.example"),
        ({"x-forwarded-host": "ota.example", "x-forwarded-port": "8443"}, "http://ota.example:8443"),
        ({"x-forwarded-proto": "https", "x-forwarded-port": "443"}, "https://house.test"),
        ({"x-forwarded-host": "ota.example:8443", "x-forwarded-port": "443"}, "http://ota.example:8443"),
    ],
)
async def test_links_behind_a_proxy(tmp_path: Path, header: dict[str, str], root: str) -> None:
    house = MemoryHouse(tmp_path, behind_proxy=True)
    device = Device(house)
    house.offer("dev1")
    got = await device("GET", headers=header)
    assert got.json()["_links"]["deploymentBase"]["href"].startswith(f"{root}/DEFAULT/")


# deployment


async def test_deployment(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1", "coldcell 1.1 ü.img", download=Mode.ATTEMPT, update=Mode.ATTEMPT)
    golden("deploymentBase", await device("GET", await device.link("deploymentBase") or ""))
    assert house.disk.count(("handed", "dev1", 1)) == 1


async def test_deployment_history(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    await device("GET", "/deploymentBase/1")
    for line in ("one", "two", "three"):
        await device("POST", "/deploymentBase/1/feedback", body=feedback("proceeding", "none", line))
    asked = {
        "": None,
        "?actionHistory=0": None,
        "?actionHistory=": None,
        "?actionHistory=2": 2,
        "?c=-1&actionHistory=-1": 3,
    }
    for query, count in asked.items():
        past = (await device("GET", "/deploymentBase/1" + query)).json().get("actionHistory")
        assert past == (count and {"status": "RUNNING", "messages": ["three", "two", "one"][:count]})
    for query in ("?c=x", "?actionHistory=x", "?actionHistory=1.5"):
        assert (await device("GET", "/deploymentBase/1" + query)).status == 400


async def test_another_device_is_told_nothing(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    await device("GET", "/deploymentBase/1")
    other = Device(house, "dev2")
    for method, path in (("GET", "/deploymentBase/1"), ("GET", "/softwaremodules/101/artifacts/app.img")):
        assert (await other(method, path)).status == 404
    assert (await other("POST", "/deploymentBase/1/feedback", body=feedback())).status == 404


async def test_an_order_taken_back_in_the_last_moment_is_never_told(house: MemoryHouse, device: Device) -> None:
    for path in ("", "/deploymentBase/1", "/softwaremodules/101/artifacts", "/softwaremodules/101/artifacts/app.img"):
        house.attempts.clear()
        action, before = house.offer("dev1"), house.handings
        told = asyncio.ensure_future(device("GET", path))
        while house.handings == before:
            await asyncio.sleep(0)
        assert not told.done()
        house.take_back(action)
        got = await told
        assert (got.status, got.body) == (200, QUIET) if not path else got.status == 404
    assert not [line for line in house.disk if line[0] == "handed"]


async def test_a_finished_action_is_still_served_and_stays_finished(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    await device("GET")
    await device("POST", "/deploymentBase/1/feedback", body=feedback())
    assert (await device("GET", "/deploymentBase/1")).status == 200
    assert house.attempts[1].word == "FINISHED"
    assert await device.link("installedBase") == "http://house.test" + AT + "/installedBase/1"
    assert (await device("GET", "/installedBase/1")).json()["id"] == "1"


async def test_a_failed_action_is_not_installed(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    await device("GET")
    await device("POST", "/deploymentBase/1/feedback", body=feedback("closed", "failure"))
    assert (await device("GET")).body == QUIET
    assert (await device("GET", "/installedBase/1")).status == 404
    assert (await device("GET", "/deploymentBase/1")).status == 200


async def test_an_order_that_must_not_be_installed_now_is_shown_to_rauc_alone(
    house: MemoryHouse, device: Device
) -> None:
    house.offer("dev1", update=Mode.SKIP)
    for agent in ("libcurl-agent/1.0", ""):
        got = await device("GET", headers={"user-agent": agent})
        assert got.body == QUIET
        assert (await device("GET", "/deploymentBase/1", headers={"user-agent": agent})).status == 404
    got = await device("GET", "/deploymentBase/1", headers={"user-agent": "rauc-hawkbit-c-agent/1.0"})
    assert got.json()["deployment"]["update"] == "skip"


# feedback


async def test_a_report_is_on_disk_before_the_200(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    lines: list[int] = []
    got = await device(
        "POST",
        "/deploymentBase/1/feedback",
        body=feedback("proceeding", "none"),
        between=lambda _: lines.append(len(house.disk)),
    )
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "0")
    assert lines[0] == 2  # contact and report


async def test_closed_and_nothing_is_success(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    await device("POST", "/deploymentBase/1/feedback", body=feedback("closed", "none"))
    assert house.attempts[1].word == "FINISHED"


async def test_late_and_duplicate_reports_are_410_with_an_empty_body(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    assert (await device("POST", "/deploymentBase/1/feedback", body=feedback())).status == 200
    for body in (feedback(), feedback("proceeding", "none"), feedback("closed", "failure")):
        got = await device("POST", "/deploymentBase/1/feedback", body=body)
        assert (got.status, got.body) == (410, b"")
    assert len(house.attempts[1].reports) == 1


async def test_what_swupdate_really_sends(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    body = b'{"id":1,"time":"20231114T221320","status":{"result":{"finished":"failure","progress":{}},"execution":"closed","details":["No "x"\nfound"]}}'
    assert (await device("POST", "/deploymentBase/1/feedback", body=body)).status == 200
    report = house.attempts[1].reports[0]
    assert (report.execution, report.finished, report.broken) == (Execution.CLOSED, Finished.FAILURE, True)
    assert report.details == ('No "x"\nfound',)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/hal+json", "application/cbor"])
async def test_a_body_of_another_kind_is_415(house: MemoryHouse, device: Device, kind: str) -> None:
    house.offer("dev1")
    for path, method in (("/deploymentBase/1/feedback", "POST"), ("/configData", "PUT")):
        assert (await device(method, path, body=feedback(), headers={"content-type": kind})).status == 415
    assert (
        await device(
            "POST",
            "/deploymentBase/1/feedback",
            body=feedback(),
            headers={"content-type": "application/json;charset=UTF-8"},
        )
    ).status == 200


async def test_rubbish_is_400_and_recorded_nowhere(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    got = await device("POST", "/deploymentBase/1/feedback", body=b"rubbish")
    assert got.status == 400
    assert "execution" in got.json()["message"]
    assert (await device("POST", "/deploymentBase/x/feedback", body=feedback())).status == 400
    assert not house.attempts[1].reports


# cancel


async def test_cancel(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    assert (await device("POST", "/cancelAction/1/feedback", body=feedback())).status == 405
    await device("GET")
    house.cancel(1)
    assert list((await device("GET")).json()["_links"]) == ["cancelAction"]
    assert (await device("GET", "/deploymentBase/1")).status == 404
    assert (await device("GET", "/softwaremodules/101/artifacts/app.img")).status == 404
    golden("cancelAction", await device("GET", await device.link("cancelAction") or ""))
    assert (await device("POST", "/cancelAction/1/feedback", body=feedback("canceled", "none"))).status == 200
    assert house.attempts[1].open
    assert (await device("POST", "/cancelAction/1/feedback", body=feedback())).status == 200
    assert house.attempts[1].word == "CANCELED"
    assert (await device("GET", "/cancelAction/1")).status == 200  # hawkBit too
    assert (await device("GET")).body == QUIET


async def test_closed_wins_over_a_pending_cancel(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    await device("GET")
    house.cancel(1)
    assert (await device("POST", "/deploymentBase/1/feedback", body=feedback())).status == 200
    assert house.attempts[1].word == "FINISHED"


# attributes


async def test_attributes_are_asked_for_after_a_success_and_taken_at_any_time(
    house: MemoryHouse, device: Device
) -> None:
    put = {"body": json.dumps({"data": {"version": "1.1.0"}}).encode()}
    assert (await device("PUT", "/configData", **put)).status == 200
    house.offer("dev1")
    await device("POST", "/deploymentBase/1/feedback", body=feedback())
    assert await device.link("configData") == "http://house.test" + AT + "/configData"
    got = await device("PUT", "/configData", **put)
    assert (got.status, got.headers["content-length"]) == (200, "0")
    assert await device.link("configData") is None
    assert house.facts["dev1"] == {"version": "1.1.0"}


async def test_too_many_attributes_are_429(house: MemoryHouse, device: Device) -> None:
    data = {f"k{i}": "v" for i in range(101)}
    got = await device("PUT", "/configData", body=json.dumps({"data": data}).encode())
    assert (got.status, "retry-after" in got.headers) == (429, True)
    assert (await device("PUT", "/configData", body=b'{"data":{}}')).status == 400


# downloads


@pytest.fixture
def data() -> bytes:
    return hashlib.shake_256(b"seed").digest(700_000)


async def test_download(house: MemoryHouse, device: Device, data: bytes) -> None:
    house.offer("dev1", data=data)
    artifact = (await device("GET", "/deploymentBase/1")).json()["deployment"]["chunks"][0]["artifacts"][0]
    got = await device("GET", artifact["_links"]["download"]["href"])
    assert (got.status, got.body == data, got.whole) == (200, True, True)
    assert got.headers["etag"] == f'"{artifact["hashes"]["sha1"]}"'
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["content-disposition"] == "attachment;filename=app.img"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in got.headers
    sums = await device("GET", artifact["_links"]["md5sum-http"]["href"])
    assert (sums.headers["content-type"], sums.body) == (
        "text/plain",
        f"{hashlib.md5(data).hexdigest()}  app.img".encode(),
    )
    assert house.attempts[1].downloads == 1


FILE = "/softwaremodules/101/artifacts/app.img"


async def test_download_in_ranges(house: MemoryHouse, device: Device, data: bytes) -> None:
    house.offer("dev1", data=data)
    got = await device("GET", FILE, headers={"range": "bytes=300000-"})
    assert (got.status, got.body == data[300_000:], got.headers["content-range"]) == (
        206,
        True,
        "bytes 300000-699999/700000",
    )
    tail = await device("GET", FILE, headers={"range": "bytes=-700001", "if-range": got.headers["last-modified"]})
    assert (tail.status, tail.body == data) == (206, True)
    past = await device("GET", FILE, headers={"range": "bytes=700000-"})
    assert (past.status, past.headers["content-range"], past.body) == (416, "bytes */700000", b"")
    assert house.attempts[1].downloads == 1  # the one that had the first byte


async def test_a_file_is_named_by_its_module_too(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    assert (await device("GET", "/softwaremodules/999/artifacts/app.img")).status == 404
    assert (await device("GET", "/softwaremodules/x/artifacts/app.img")).status == 400


async def test_a_file_that_shrinks_meanwhile_is_not_said_to_be_whole(
    house: MemoryHouse, device: Device, data: bytes
) -> None:
    path = house.attempts[house.offer("dev1", data=data)].path
    got = await device("GET", FILE, between=lambda _: path.write_bytes(data[:300_000]))
    assert not got.ended


async def test_several_ranges_come_in_parts(house: MemoryHouse, device: Device, data: bytes) -> None:
    house.offer("dev1", data=data)
    got = await device("GET", FILE, headers={"range": "bytes=500000-500009, 0-4"})
    assert (got.status, got.whole) == (206, True)
    boundary = got.headers["content-type"].removeprefix("multipart/byteranges; boundary=").encode()
    parts = got.body.split(b"\r\n--" + boundary)
    assert parts[0] == b""
    assert parts[1].endswith(b"Content-Range: bytes 500000-500009/700000\r\n\r\n" + data[500_000:500_010])
    assert parts[2].endswith(b"Content-Range: bytes 0-4/700000\r\n\r\n" + data[:5])
    assert parts[3] == b"--\r\n"


async def test_conditions_and_head_count_no_download(house: MemoryHouse, device: Device, data: bytes) -> None:
    house.offer("dev1", data=data)
    head = await device("HEAD", FILE)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "700000")
    assert (await device("GET", FILE, headers={"if-none-match": head.headers["etag"]})).status == 304
    assert (await device("GET", FILE, headers={"if-match": '"other"'})).status == 412
    assert house.attempts[1].downloads == 0
    assert ("handed", "dev1", 1) not in house.disk


@pytest.mark.parametrize(
    "name", ["a b.bin", "a+b.bin", "100%.bin", "ü€.bin", 'q"uote.bin', "a/b.bin", "?x=1#y", "x.MD5SUM"]
)
async def test_a_file_of_any_name_can_be_had_by_its_own_link(house: MemoryHouse, device: Device, name: str) -> None:
    house.offer("dev1", name)
    listed = (await device("GET", "/softwaremodules/101/artifacts")).json()
    assert listed == (await device("GET", "/deploymentBase/1")).json()["deployment"]["chunks"][0]["artifacts"]
    got = await device("GET", listed[0]["_links"]["download-http"]["href"])
    assert (got.status, got.body) == (200, b"0123456789" * 10)
    sums = await device("GET", listed[0]["_links"]["md5sum"]["href"])
    assert sums.body.decode() == f"{hashlib.md5(got.body).hexdigest()}  {name}"


async def test_an_empty_file_is_a_file(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1", data=b"")
    got = await device("GET", FILE)
    assert (got.status, got.body, got.whole) == (200, b"", True)


async def test_a_download_ends_when_the_order_no_longer_stands(house: MemoryHouse, device: Device, data: bytes) -> None:
    action = house.offer("dev1", data=data)
    sent: list[int] = []

    def stop(message: dict[str, Any]) -> None:
        sent.append(len(message.get("body", b"")))
        if len(sent) == 2:
            house.take_back(action)

    got = await device("GET", FILE, between=stop)
    assert (got.status, got.ended, len(got.body)) == (200, False, 256 << 10)
    assert (await device("GET", FILE)).status == 404


async def test_the_order_is_handed_before_the_first_byte(house: MemoryHouse, device: Device) -> None:
    house.offer("dev1")
    seen: list[bool] = []
    await device("GET", FILE, between=lambda _: seen.append(("handed", "dev1", 1) in house.disk))
    assert seen[0]


async def test_a_client_that_goes_away_ends_its_download(house: MemoryHouse, device: Device, data: bytes) -> None:
    house.offer("dev1", data=data * 20)
    got = await device("GET", FILE, chunks=[b""], cut=True)
    assert len(got.body) < 20 * len(data)
    assert not got.ended


async def test_a_loop_of_downloads_meets_the_budget(tmp_path: Path) -> None:
    house = MemoryHouse(tmp_path, budget=2)
    device = Device(house)
    house.offer("dev1")
    assert [(await device("GET", FILE)).status for _ in range(3)] == [200, 200, 429]
    assert (await device("GET", FILE, headers={"range": "bytes=50-"})).status == 206


async def test_bytes_that_are_damaged_are_not_sent(
    house: MemoryHouse, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    action = house.offer("dev1")
    house.attempts[action].path.write_bytes(b"short")
    assert (await device("GET", FILE)).status == 503
    house.attempts[action].path.unlink()
    assert (await device("GET", FILE)).status == 503
    assert [r.message.split()[0] for r in caplog.records] == ["artifact_damaged", "artifact_unreadable"]


async def test_many_ranges_do_not_use_up_the_limit_of_reports(tmp_path: Path) -> None:
    house = MemoryHouse(tmp_path, requests_a_minute=3)
    device = Device(house)
    house.offer("dev1")
    statuses = [(await device("GET", FILE, headers={"range": f"bytes={i + 1}-"})).status for i in range(31)]
    assert statuses == [206] * 30 + [429]
    assert (await device("POST", "/deploymentBase/1/feedback", body=feedback())).status == 200
