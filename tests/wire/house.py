"""A house in memory, on the seam of `wire`: simple, but it keeps every promise of `seam.py`.

`MemoryHouse.disk` is what a real house would have committed: lines are added only where the seam says "durable".
"""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fleetloop.core.clock import SteppedClock
from fleetloop.core.errors import LimitError
from fleetloop.wire import (
    Admission,
    Devices,
    Execution,
    File,
    Finished,
    Heartbeat,
    House,
    Order,
    Outcome,
    Report,
    Settings,
)

START = 1_700_000_000.0


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class MemoryGuard:
    """One digest, one look-up, one comparison, as the real one does."""

    def __init__(self, disk: list[tuple[Any, ...]]) -> None:
        self.devices: dict[bytes, str] = {}
        self.gateways: set[bytes] = set()
        self.known: set[str] = set()
        self._disk = disk

    def admit(self, device: str, scheme: str, token: str) -> Admission:
        found = digest(token)
        if scheme == "TargetToken":
            return Admission.KNOWN if self.devices.get(found) == device else Admission.REFUSED
        if found not in self.gateways:
            return Admission.REFUSED
        return Admission.KNOWN if device in self.known else Admission.NEW

    async def register(self, device: str, token: str) -> None:
        self._disk.append(("registered", device))
        self.known.add(device)


@dataclass
class Attempt:
    """One action of one device."""

    device: str
    order: Order
    path: Path
    handed: bool = False
    open: bool = True
    gone: bool = False
    cancel: str = ""  # "", "asked", "done"
    word: str = "SCHEDULED"
    reports: list[Report] = field(default_factory=list)
    downloads: int = 0


class MemoryHouse:
    """Guard, Dispatch and Inbox in one; `house` puts them on the seam, `devices` is the front."""

    def __init__(self, folder: Path, *, budget: int = 50, **settings: Any) -> None:
        self.disk: list[tuple[Any, ...]] = []
        self.guard = MemoryGuard(self.disk)
        self.clock = SteppedClock(START)
        self.attempts: dict[int, Attempt] = {}
        self.current: dict[str, int] = {}
        self.ended_well: dict[str, int] = {}
        self.facts: dict[str, dict[str, str]] = {}
        self.asked: set[str] = set()
        self.beats: dict[str, Heartbeat] = {}
        self.seen: set[str] = set()
        self.contacts: list[str] = []
        self.handings = 0
        self.budget = budget
        self.folder = folder
        self.house = House("DEFAULT", self.clock, self.guard, self, self, Settings(**settings))
        self.devices = Devices(self.house)

    # what a test does to the house

    def add(self, device: str) -> str:
        token = secrets.token_hex(16)
        self.guard.devices[digest(token)] = device
        self.guard.known.add(device)
        return token

    def gateway(self) -> str:
        token = secrets.token_hex(16)
        self.guard.gateways.add(digest(token))
        return token

    def offer(self, device: str, name: str = "app.img", data: bytes = b"0123456789" * 10, **order: Any) -> int:
        action = len(self.attempts) + 1
        path = self.folder / f"{action}.bin"
        path.write_bytes(data)
        sums = (hashlib.new(kind, data, usedforsecurity=False).hexdigest() for kind in ("sha256", "sha1", "md5"))
        file = File(100 + action, name, len(data), *sums, int(START))
        made = Order(action, file, product="coldcell", version="1.1.0", tag=-7)
        self.attempts[action] = Attempt(device, replace(made, **order), path)
        self.current[device] = action
        return action

    def cancel(self, action: int) -> None:
        self.attempts[action].cancel = "asked"
        self.attempts[action].word = "CANCELING"

    def take_back(self, action: int) -> None:
        """A stop: whoever was not handed it is never told; what runs ends."""
        self.attempts[action].open, self.attempts[action].gone = False, True
        self.current.pop(self.attempts[action].device, None)

    # Dispatch

    def order(self, device: str) -> Order | None:
        action = self.current.get(device)
        if action is None:
            return None
        attempt = self.attempts[action]
        return replace(attempt.order, cancel=True) if attempt.cancel else attempt.order

    def hand(self, device: str, action: int) -> Awaitable[bool] | None:
        attempt = self.attempts[action]
        self.handings += 1
        return None if attempt.handed and self.stands(device, action) else self._hand(device, action)

    async def _hand(self, device: str, action: int) -> bool:
        await asyncio.sleep(0)
        attempt = self.attempts[action]
        if not self.stands(device, action):
            return attempt.handed and not attempt.cancel and not attempt.gone
        self.disk.append(("handed", device, action))
        attempt.handed, attempt.word = True, "RUNNING"
        return True

    def stands(self, device: str, action: int) -> bool:
        attempt = self.attempts.get(action)
        return attempt is not None and attempt.device == device and attempt.open and not attempt.cancel

    async def deployment(self, device: str, action: int) -> Order | None:
        attempt = self.attempts.get(action)
        if attempt is None or attempt.device != device or attempt.gone or attempt.cancel:
            return None
        return attempt.order if attempt.handed else None

    async def cancelling(self, device: str, action: int) -> bool:
        attempt = self.attempts.get(action)
        return attempt is not None and attempt.device == device and bool(attempt.cancel)

    async def history(self, device: str, action: int, most: int) -> tuple[str, list[str]]:
        attempt = self.attempts[action]
        lines = [line for report in attempt.reports for line in report.details]
        return attempt.word, lines[::-1][:most]

    def installed(self, device: str) -> int | None:
        return self.ended_well.get(device)

    # Inbox

    def contact(self, device: str) -> Awaitable[None] | None:
        self.contacts.append(device)
        return None if device in self.seen else self._first(device)

    async def _first(self, device: str) -> None:
        await asyncio.sleep(0)
        self.seen.add(device)
        self.disk.append(("contact", device))

    async def report(self, device: str, action: int, report: Report, *, on_cancel: bool) -> Outcome:
        await asyncio.sleep(0)
        attempt = self.attempts.get(action)
        if attempt is None or attempt.device != device:
            return Outcome.UNKNOWN
        if on_cancel:
            return self._on_cancel(attempt, report)
        if not attempt.open:
            return Outcome.OVER
        self._keep(attempt, report)
        if report.execution is Execution.CLOSED:
            self._close(attempt, "ERROR" if report.finished is Finished.FAILURE else "FINISHED")
        return Outcome.TAKEN

    def _on_cancel(self, attempt: Attempt, report: Report) -> Outcome:
        if not attempt.cancel:
            return Outcome.NOT_CANCELLING
        self._keep(attempt, report)
        refused = report.execution is Execution.REJECTED or report.finished is Finished.FAILURE
        if attempt.open and report.execution in (Execution.CLOSED, Execution.REJECTED):
            if refused:
                attempt.cancel, attempt.word = "", "RUNNING"
            else:
                attempt.cancel = "done"
                self._close(attempt, "CANCELED")
        return Outcome.TAKEN

    def _keep(self, attempt: Attempt, report: Report) -> None:
        attempt.reports.append(report)
        self.disk.append(
            ("report", attempt.device, attempt.order.action, report.execution.value, report.finished.value)
        )

    def _close(self, attempt: Attempt, word: str) -> None:
        attempt.open, attempt.word = False, word
        self.current.pop(attempt.device, None)
        if word == "FINISHED":
            self.ended_well[attempt.device] = attempt.order.action
            self.asked.add(attempt.device)

    def wants_attributes(self, device: str) -> bool:
        return device in self.asked

    async def attributes(self, device: str, mode: str, data: Mapping[str, str | None]) -> None:
        known = {} if mode == "replace" else dict(self.facts.get(device, {}))
        for key, value in data.items():
            known.pop(key, None)
            if mode != "remove" and value is not None:
                known[key] = value
        if len(known) > 100:
            raise LimitError(f"{device} has 100 attributes; no more are kept")
        self.facts[device] = known
        self.asked.discard(device)
        self.disk.append(("attributes", device))

    def heartbeat(self, device: str, heartbeat: Heartbeat) -> Awaitable[None] | None:
        last = self.beats.get(device)
        key = (heartbeat.version, heartbeat.boot_id, heartbeat.crashes, heartbeat.self_test)
        if last and key == (last.version, last.boot_id, last.crashes, last.self_test):
            return None
        return self._beat(device, heartbeat)

    async def _beat(self, device: str, heartbeat: Heartbeat) -> None:
        await asyncio.sleep(0)
        self.beats[device] = heartbeat
        self.disk.append(("heartbeat", device, heartbeat.version, heartbeat.boot_id))

    async def download(self, device: str, key: int, name: str, *, resumed: bool) -> tuple[int, File, Path] | None:
        attempt = self.attempts.get(self.current.get(device, 0))
        if attempt is None or attempt.cancel or (attempt.order.file.key, attempt.order.file.name) != (key, name):
            return None
        if not resumed:
            if attempt.downloads >= self.budget:
                raise LimitError("this device has downloaded the file too often")
            attempt.downloads += 1
        return attempt.order.action, attempt.order.file, attempt.path
