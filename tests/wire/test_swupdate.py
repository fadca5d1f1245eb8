"""The real swupdate against our DDI: it installs what is signed by whom it trusts, refuses the rest, and says so.

``SERVERS`` names where it is tried; a further server is one class with `where`, `assign` and `ended`.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import httpx
import pytest
from tests.releases.parcel import public
from tests.rigs.swupdate import drive
from tests.stories.checker import RAW
from tests.stories.hands import PRODUCT, Inside, bundle
from tests.wire.house import MemoryHouse
from tests.wire.live import Live

from fleetloop.app.stage import Stage, story_start
from fleetloop.wire import Execution, Finished

pytestmark = [pytest.mark.rig, pytest.mark.skipif(bool(drive.missing()), reason=drive.missing() or "-")]


class Server(Protocol):
    """A running server with one device."""

    def where(self) -> drive.Where: ...

    def assign(self, package: Path) -> None:
        """Offer ``package`` to the device."""

    def ended(self) -> tuple[Execution, Finished, str]:
        """The report that ended the action, and all that was said before it."""
        ...


class Memory:
    """The house in memory behind a real granian."""

    def __init__(self, folder: Path) -> None:
        self._house = MemoryHouse(folder, poll_s=1)
        self._token = self._house.add("dev1")
        self._live = Live(self._house.devices)

    def __enter__(self) -> Self:
        self._url = self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(*error)

    def where(self) -> drive.Where:
        return drive.Where(self._url, "DEFAULT", "dev1", self._token)

    def assign(self, package: Path) -> None:
        self._house.offer("dev1", package.name, package.read_bytes())

    def ended(self) -> tuple[Execution, Finished, str]:
        reports = self._house.attempts[1].reports
        assert self._house.facts["dev1"]["hwVersion"] == "1.0"
        said = "\n".join(line for report in reports for line in report.details)
        return reports[-1].execution, reports[-1].finished, said


class Whole:
    """The whole server: a release of the package, rolled out to one device."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = Inside(folder / "server", story_start(1), poll_s=1)
        self._stage = Stage(self._server, PRODUCT)
        self._clients = [self._stage.client]

    def __enter__(self) -> Self:
        key = self._folder / "story.pub"
        key.write_bytes(public())
        asyncio.run(self._server.restart())
        asyncio.run(self._stage.prepare({"b": 1}, key))
        self._clients.append(self._stage.client)
        self._token = self._stage.client.post("/devices", {"id": "dev1", "product": PRODUCT, "revision": "b"})["token"]
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client._http.close()
        asyncio.run(self._server.end())

    def where(self) -> drive.Where:
        return drive.Where(self._server.url, "DEFAULT", "dev1", self._token)

    def assign(self, package: Path) -> None:
        self._stage.publish(bundle(self._folder / "bundle", "1.1.0", package.read_bytes(), file=package.name))
        self._stage.roll_out("1.1.0", {"by_hand": False, "waves": [100], "attempts": 1})
        with httpx.Client() as http:
            for later in (0, 1):
                at = self._server.start_at + later
                assert http.post(f"{self._server.url}/conductor/advance", json={"to": at}).status_code == 200

    def ended(self) -> tuple[Execution, Finished, str]:
        [deployment] = self._stage.client.get("/rollouts/1/deployments")
        assert self._stage.client.get("/devices/dev1")["attributes"]["hwVersion"] == "1.0"
        raw = "\n".join(m["raw"] for m in reversed(self._stage.client.get("/devices/dev1/timeline")))
        said = [json.loads(text) for _, text, status in RAW.findall(raw) if status == "200"]
        last = Finished(said[-1]["finished"])
        assert deployment["state"] == {Finished.SUCCESS: "installed", Finished.FAILURE: "failed"}[last]
        details = "\n".join(line for one in said for line in one.get("details", ()))
        return Execution(said[-1]["execution"]), last, details


SERVERS = {"memory": Memory, "whole": Whole}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with SERVERS[request.param](tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> drive.Keys:
    return drive.make_keys(tmp_path_factory.mktemp("keys"))


@dataclass(frozen=True)
class Case:
    """Who signed, whether the payload was changed after, and what must come of it."""

    signer: str
    expect: str
    ending: Finished
    says: str
    tamper: bool = False


CASES = {
    "installed": Case("signer", "installed", Finished.SUCCESS, "All Chunks Installed."),
    "wrong-signer": Case("rogue", "rejected", Finished.FAILURE, "Authentication of all signatures failed"),
    "tampered": Case("signer", "rejected", Finished.FAILURE, "HASH mismatch", tamper=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_swupdate(server: Server, keys: drive.Keys, tmp_path: Path, case: Case) -> None:
    package = tmp_path / "app.swu"
    drive.make_package(package, "1.1.0", tmp_path / "dest", keys.pair(case.signer), tamper=case.tamper)
    server.assign(package)
    verdict = drive.update(server.where(), package, keys.pair("signer")[1], case.expect)
    assert verdict.startswith("PASS"), verdict
    execution, finished, said = server.ended()
    assert (execution, finished) == (Execution.CLOSED, case.ending)
    assert case.says in said, said
