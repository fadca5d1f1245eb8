"""What only a real server and real sockets show: cut connections, kept connections, lying lengths, ends of downloads."""

import hashlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wire.client import feedback
from tests.wire.house import MemoryHouse
from tests.wire.live import Live

AT = b"/DEFAULT/controller/v1/dev1"


@pytest.fixture
def house(tmp_path: Path) -> MemoryHouse:
    return MemoryHouse(tmp_path, body_s=0.3)


@pytest.fixture
def live(house: MemoryHouse) -> Iterator[Live]:
    live = Live(house.devices)
    with live:
        yield live


def request(house: MemoryHouse, method: bytes, path: bytes, *more: bytes, body: bytes = b"") -> bytes:
    token = house.add("dev1").encode()
    lines = [b"%s %s%s HTTP/1.1" % (method, AT, path), b"Host: h", b"Authorization: TargetToken " + token, *more]
    return b"\r\n".join([*lines, b"", b""]) + body


JSON = b"Content-Type: application/json"


def length(body: bytes) -> bytes:
    return b"Content-Length: %d" % len(body)


def test_one_connection_carries_a_whole_update(house: MemoryHouse, live: Live) -> None:
    data = hashlib.shake_256(b"x").digest(600_000)
    house.offer("dev1", data=data)
    line = http.client.HTTPConnection("127.0.0.1", live.port, timeout=5)
    header = {"Authorization": f"TargetToken {house.add('dev1')}"}
    sockets = set()

    def say(method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        line.request(method, AT.decode() + path, body, header | ({"Content-Type": "application/json"} if body else {}))
        answer = line.getresponse()
        sockets.add(line.sock)
        assert answer.headers["Content-Length"]
        return answer.status, answer.read()

    assert b"deploymentBase/1" in say("GET", "")[1]
    assert say("GET", "/deploymentBase/1")[0] == 200
    assert say("HEAD", "/softwaremodules/101/artifacts/app.img") == (200, b"")
    assert say("GET", "/softwaremodules/101/artifacts/app.img")[1] == data
    assert say("POST", "/deploymentBase/1/feedback", feedback()) == (200, b"")
    assert say("POST", "/deploymentBase/1/feedback", feedback()) == (410, b"")
    line.close()
    assert len(sockets) == 1


def test_a_message_cut_on_the_line_is_not_taken(house: MemoryHouse, live: Live) -> None:
    house.offer("dev1")
    body = feedback()
    for cut in (0, 1, len(body) - 1):
        ask = request(house, b"POST", b"/deploymentBase/1/feedback", JSON, length(body), body=body[:cut])
        assert live.talk(ask, shut=True).startswith((b"HTTP/1.1 400", b""))
    chunked = request(
        house,
        b"POST",
        b"/deploymentBase/1/feedback",
        JSON,
        b"Transfer-Encoding: chunked",
        body=b"%x\r\n" % len(body) + body,
    )
    live.talk(chunked, shut=True)
    assert not house.attempts[1].reports
    assert b"HTTP/1.1 200" in live.talk(
        request(house, b"POST", b"/deploymentBase/1/feedback", JSON, length(body), body=body)
    )


def test_a_slow_body_is_408_and_the_line_is_closed(house: MemoryHouse, live: Live) -> None:
    house.offer("dev1")
    got = live.talk(request(house, b"POST", b"/deploymentBase/1/feedback", JSON, b"Content-Length: 99", body=b'{"st'))
    assert got.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in got


def test_a_large_body_is_413_before_it_comes(house: MemoryHouse, live: Live) -> None:
    got = live.talk(request(house, b"PUT", b"/configData", JSON, b"Content-Length: 2000000", body=b"{"))
    assert got.startswith(b"HTTP/1.1 413")


def test_expect_100_continue(house: MemoryHouse, live: Live) -> None:
    body = b'{"data":{"a":"b"}}'
    got = live.talk(request(house, b"PUT", b"/configData", JSON, length(body), b"Expect: 100-continue"), body)
    assert got.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 200" in got


def test_a_304_has_no_body(house: MemoryHouse, live: Live) -> None:
    first = live.talk(request(house, b"GET", b""))
    tag = first.split(b"etag: ")[1].split(b"\r\n")[0]
    got = live.talk(request(house, b"GET", b"", b"If-None-Match: " + tag))
    assert got.startswith(b"HTTP/1.1 304")
    assert got.endswith(b"\r\n\r\n")


def test_a_download_taken_back_is_cut_short_of_its_length(house: MemoryHouse, live: Live) -> None:
    size = 64 << 20
    action = house.offer("dev1", data=bytes(size))
    with live.connect() as line:
        line.sendall(request(house, b"GET", b"/softwaremodules/101/artifacts/app.img"))
        got = len(line.recv(1 << 16))
        house.take_back(action)
        while data := line.recv(1 << 16):
            got += len(data)
    assert 0 < got < size


def test_a_client_that_goes_away_stops_the_reading(house: MemoryHouse, live: Live) -> None:
    action = house.offer("dev1", data=bytes(256 << 20))
    asked: list[float] = []
    stands = house.stands
    house.stands = lambda device, number: asked.append(time.monotonic()) is None and stands(device, number)
    with live.connect() as line:
        line.sendall(request(house, b"GET", b"/softwaremodules/101/artifacts/app.img"))
        line.recv(1 << 16)
    end = time.monotonic()
    time.sleep(0.4)
    assert house.stands("dev1", action)
    assert all(at - end < 0.3 for at in asked[:-1])
    assert len(asked) < 1000
