"""What every device protocol promises (`fleetloop.wire.seam.DeviceProtocol`), run against each plug-in found.

A protocol of this repository says in `TALKS` how a device connects and claims something in it; one without is a failure.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.wire.client import Got, ask, feedback
from tests.wire.house import MemoryHouse

from fleetloop.core import plug
from fleetloop.core.errors import UnavailableError
from fleetloop.wire import DeviceProtocol

FOLDER = "fleetloop.wire.protocols"


@dataclass
class Talk:
    """``hello``: method and path of a first contact. ``claim``: where claims go. ``claims``: bodies in their right order.

    ``kept``: what the house keeps of them, so that two houses can be compared.
    """

    hello: tuple[str, str]
    claim: tuple[str, str]
    claims: tuple[bytes, ...]
    kept: Callable[[MemoryHouse], object]


def beat(**more: object) -> bytes:
    body = {
        "version": "1",
        "hardware_revision": "a",
        "boot_id": "x",
        "uptime_s": 1,
        "reset": "on",
        "crashes": 0,
        "self_test": True,
    }
    return json.dumps(body | more).encode()


TALKS = {
    "ddi": Talk(
        ("GET", "/DEFAULT/controller/v1/dev1"),
        ("POST", "/DEFAULT/controller/v1/dev1/deploymentBase/1/feedback"),
        (feedback("proceeding", "none"), feedback("downloaded", "none"), feedback("closed", "success")),
        lambda house: (house.attempts[1].word, len(house.attempts[1].reports)),
    ),
    "heartbeat": Talk(
        ("POST", "/DEFAULT/heartbeat/v1/dev1"),
        ("POST", "/DEFAULT/heartbeat/v1/dev1"),
        (beat(), beat(boot_id="y"), beat(boot_id="y", crashes=1)),
        lambda house: (house.beats.get("dev1"), [line for line in house.disk if line[0] == "heartbeat"]),
    ),
}

pytestmark = pytest.mark.parametrize("name", plug.names(FOLDER))


class Rig:
    """A house with one device and one open order, seen through one protocol."""

    def __init__(self, name: str, folder: Path, **settings: float) -> None:
        self.talk = TALKS[name]
        self.house = MemoryHouse(folder, **settings)
        self.token = self.house.add("dev1")
        self.house.offer("dev1")
        self.again()

    def again(self) -> None:
        """The protocol as after a restart of the process."""
        self.protocol = plug.load(FOLDER, self.name, DeviceProtocol)(self.house.house)

    @property
    def name(self) -> str:
        return next(name for name, talk in TALKS.items() if talk is self.talk)

    async def hello(self, token: str | None = None) -> Got:
        method, path = self.talk.hello
        return await ask(
            self.protocol,
            method,
            path,
            token=self.token if token is None else token,
            body=self.talk.claims[0] if method == "POST" else None,
        )

    async def claim(self, body: bytes, **more: object) -> Got:
        method, path = self.talk.claim
        return await ask(self.protocol, method, path, token=self.token, body=body, **more)


@pytest.fixture
def rig(name: str, tmp_path: Path) -> Rig:
    return Rig(name, tmp_path)


def test_it_says_here_how_a_device_talks(name: str) -> None:
    assert name in TALKS


def test_it_documents_itself(name: str) -> None:
    kind = plug.load(FOLDER, name, DeviceProtocol)
    module = __import__(kind.__module__, fromlist=["plug"])
    assert len(module.__doc__ or "") > 200
    assert module.plug is kind


async def test_connect(rig: Rig) -> None:
    assert (await rig.hello(token="")).status == 401
    assert (await rig.hello(token="wrong")).status == 401
    assert rig.house.contacts == []
    got = await rig.hello()
    assert (got.status, got.whole) == (200, True)
    assert ("contact", "dev1") in rig.house.disk


async def test_resume_after_a_restart(rig: Rig, tmp_path: Path) -> None:
    """It keeps no state that an answer rests on."""
    steady = Rig(rig.name, tmp_path)
    for body in rig.talk.claims:
        steady_got, got = await steady.claim(body), await rig.claim(body)
        rig.again()
        assert got == steady_got
    assert rig.talk.kept(rig.house) == rig.talk.kept(steady.house)


async def test_duplicate(rig: Rig) -> None:
    for body in rig.talk.claims:
        assert (await rig.claim(body)).status == 200
    before = rig.talk.kept(rig.house)
    assert (await rig.claim(rig.talk.claims[-1])).status in (200, 410)
    assert rig.talk.kept(rig.house) == before


async def test_out_of_order(name: str, tmp_path: Path) -> None:
    for order in itertools.permutations(TALKS[name].claims):
        rig = Rig(name, tmp_path)
        assert {(await rig.claim(body)).status for body in order} <= {200, 410}


async def test_half_a_message(rig: Rig) -> None:
    before = rig.talk.kept(rig.house)
    body = rig.talk.claims[-1]
    for end in (0, 1, len(body) // 2, len(body) - 1, len(body)):
        got = await rig.claim(body, chunks=[body[:end]], cut=True)
        assert 400 <= got.status < 500
    assert rig.talk.kept(rig.house) == before


@pytest.mark.parametrize("length", ["0", "1", "99999", "-1", "x", "", "9" * 30])
async def test_lying_length(rig: Rig, length: str) -> None:
    before = rig.talk.kept(rig.house)
    got = await rig.claim(rig.talk.claims[-1], headers={"content-length": length})
    assert 400 <= got.status < 500
    assert rig.talk.kept(rig.house) == before


async def test_flood_of_requests(name: str, tmp_path: Path) -> None:
    rig = Rig(name, tmp_path, requests_a_minute=5)
    got = [await rig.hello() for _ in range(8)]
    assert [g.status for g in got] == [200] * 5 + [429] * 3
    wait = int(got[-1].headers["retry-after"])
    assert 1 <= wait <= 60
    for _ in range(20):
        assert (await rig.hello(token="wrong")).status == 401
    rig.house.clock.move(rig.house.clock.now() + wait)
    assert (await rig.hello()).status == 200


async def test_flood_in_one_body(name: str, tmp_path: Path) -> None:
    rig = Rig(name, tmp_path, body_bytes=1000)
    before = rig.talk.kept(rig.house)
    said = await rig.claim(b" " * 1001)
    unsaid = await rig.claim(b"x", chunks=[b" " * 600] * 50, headers={"content-length": "1000"})
    assert (said.status, unsaid.status) == (413, 413)
    assert said.headers["connection"] == "close"
    assert rig.talk.kept(rig.house) == before


async def test_a_body_that_never_ends_is_given_up(name: str, tmp_path: Path) -> None:
    rig = Rig(name, tmp_path, body_s=0.05)
    body = rig.talk.claims[0]
    got = await rig.claim(body, chunks=[body[:5]], stall=True)
    assert (got.status, got.headers["connection"]) == (408, "close")


async def test_it_raises_nothing_when_the_house_is_not_ready(rig: Rig) -> None:
    async def wait() -> None:
        raise UnavailableError

    rig.house.contact = lambda device: wait()
    rig.again()
    assert (await rig.hello()).status == 503


async def test_it_waits_for_what_must_be_kept(rig: Rig) -> None:
    """No answer is on its way while the house still writes."""
    written = asyncio.Event()
    rig.house.contact = lambda device: written.wait()
    rig.again()
    answer = asyncio.ensure_future(rig.hello())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not answer.done()
    written.set()
    assert (await answer).status == 200


@pytest.mark.parametrize(
    "path", ["", "/", "/a", "/a/b", "/a/b/c", "//", "/%2F", "/a/b/c/d/e/f/g/h", "/%FF", "/" + "x" * 5000]
)
async def test_any_path_is_answered(rig: Rig, path: str) -> None:
    base = "/".join(rig.talk.hello[1].split("/")[:4])
    for method in ("GET", "POST", "PUT", "BREW"):
        got = await ask(rig.protocol, method, base + path, token=rig.token)
        assert 400 <= got.status < 500
