"""One device: a board over its power cycles, its clock, and the update of its firmware.

The board holds the truth: every verb reads from it what runs, and nothing that is remembered here decides. A board that
says nothing is switched off and on once; if that does not help either, the verb raises `SilentError`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.board import ANSWER_S, START_S, Board, RefusedError, SilentError, Slot
from gateway.config import Unit
from gateway.image import digest
from gateway.record import Boot, Crash, Record
from gateway.report import Report, parse

RESTARTS = 20  # in one stretch of stepped time; a board that falls over more often does not live through the rest of it
NOTHING_S = 0.01  # real seconds in which no line comes: all are read

logger = logging.getLogger("gateway")


@dataclass(frozen=True)
class Running:
    """The update's image runs; ``confirmed``: for good, else on trial."""

    confirmed: bool


@dataclass(frozen=True)
class Failed:
    """The update did not come to be; the board runs what it ran, or nothing."""

    details: tuple[str, ...]


class Device:
    """``at``: the time its board stands at. ``report``: the last line it said."""

    def __init__(self, unit: Unit, record: Record, *, stepped: bool) -> None:
        self.unit, self.record = unit, record
        self.at = 0.0
        self.report: Report | None = None
        self._stepped = stepped
        self._board: Board | None = None
        self._hashes: dict[int, bytes] = {}
        self._boot: Boot | None = None  # the last in the record
        self._known: Report | None = None  # the last boot that is in the record
        self._trying = ""  # version of the image that got its trial

    # ---- power ----

    async def on(self) -> None:
        """Raises `SilentError` if no application speaks (it stays on), `NoBoardError` if there is no board at all."""
        board = Board(self.unit.machine, self.unit.boot_loader, self.unit.flash)
        self._board = await board.__aenter__()
        await self._ready()
        await self.slots()

    async def off(self) -> None:
        """Pull the plug, if it is in."""
        board, self._board = self._board, None
        if board:
            await board.__aexit__()

    async def _cycle(self) -> None:
        logger.warning("%s is silent; switching it off and on", self.unit.device)
        await self.off()
        await self.on()

    @property
    def _on(self) -> Board:
        if self._board is None:
            raise SilentError(f"{self.unit.device} is off")
        return self._board

    # ---- what it says ----

    async def _hear(self, timeout_s: float) -> str:
        text = await self._on.line(timeout_s)
        if not self._stepped:
            self.at = time.time()
        if report := parse(text):
            self._note(report)
        return text

    async def _until(self, wanted: Callable[[str], bool], timeout_s: float) -> None:
        end = asyncio.get_running_loop().time() + timeout_s
        while not wanted(await self._hear(max(NOTHING_S, end - asyncio.get_running_loop().time()))):
            pass

    async def _ready(self) -> None:
        """After a start: until an application runs, be it the one before."""
        await self._until(lambda text: text == "READY", START_S)

    async def _drain(self) -> None:
        try:
            while True:
                await self._hear(NOTHING_S)
        except SilentError:
            return

    def _note(self, report: Report) -> None:
        before, self._known = self._known, report
        self.report, self.record.revision = report, report.revision
        if before and before.boot_id == report.boot_id:
            return
        if before and report.crashes > before.crashes:
            hidden = self._trying and report.boots > before.boots + 1  # it fell before its first line
            version = self._trying if hidden else before.version
            self.record.keep(Crash(self.at, version, report.ran_s, report.reset, report.boots - 1))
        running = self._hashes.get(report.slot, b"").hex()
        self._boot = Boot(self.at, report.boots, report.boot_id, report.version, report.reset, running)
        self.record.keep(self._boot)
        words = (report.boots, report.version, report.state, report.reset, report.other, report.crashes)
        told = "%s at %.0f: boot %d of %s, state=%s reset=%s other=%s crashes=%d"
        logger.info(told, self.unit.device, self.at, *words)

    async def heartbeat(self) -> Report:
        """What it says when asked."""
        try:
            return await self._ask()
        except SilentError:
            await self._cycle()
            return await self._ask()

    async def _ask(self) -> Report:
        if not self._stepped:  # a stepped board says nothing by itself
            await self._drain()
        self._on.press("s")
        await self._until(lambda text: (report := parse(text)) is not None and report.kind == "HB", ANSWER_S)
        return self._said()

    def _said(self) -> Report:
        if self.report is None:
            raise SilentError(f"{self.unit.device} has not said what it is")
        return self.report

    async def slots(self) -> tuple[Slot, Slot | None]:
        """The active slot, and the other if an image lies in it."""
        found = await self._on.images()
        self._hashes = {slot.slot: slot.hash for slot in found}
        active = next((slot for slot in found if slot.active), None)
        if active is None:
            raise SilentError(f"{self.unit.device} lists no active image")
        if self._boot and not self._boot.hash:  # after power on it is asked for the first time
            self._boot.hash = active.hash.hex()
        return active, next((slot for slot in found if not slot.active), None)

    # ---- time ----

    async def live(self, to: float) -> None:
        """Let time pass until ``to``. Real time has passed by itself: then what was said meanwhile is heard."""
        if not self._stepped:
            await self._drain()
            self.at = to
            return
        for _ in range(RESTARTS):
            if (left := int(to - self.at)) <= 0:
                return
            await self._step(left)
        logger.warning("%s started %d times; it does not live on to %.0f", self.unit.device, RESTARTS, to)
        self.at += int(to - self.at)

    async def _step(self, seconds: int) -> None:
        try:
            step = await self._on.step(seconds)
        except SilentError:
            await self._cycle()
            self.at += seconds
            return
        if step.heartbeats:
            self.report = step.heartbeats[-1]
        self.at += max(1, step.done_s) if step.restart else seconds
        if step.restart:
            self._note(step.restart)
            await self._ready()

    async def idle(self, until: float) -> None:
        """Listen in real time."""
        while (left := until - time.time()) > 0:
            try:
                await self._hear(left)
            except SilentError:
                return

    # ---- update ----

    async def install(self, image: bytes, version: str) -> Running | Failed:
        """Hand the image over, give it its one trial, and see what runs; go back to one that was confirmed before.

        Raises:
            ImageError: these bytes are no image.
        """
        wanted = digest(image)
        try:
            active, other = await self.slots()
            if active.hash == wanted:
                return Running(active.confirmed)
            if not await self._way_back(other, wanted):
                await self._hand_over(image, wanted)
            return await self._restart(wanted, version)
        except RefusedError as cause:
            return Failed((str(cause), f"rc={cause.rc}"))
        except SilentError:
            return await self._silent()

    async def _way_back(self, other: Slot | None, wanted: bytes) -> bool:
        if other is None or other.hash != wanted or not (other.confirmed and other.bootable):
            return False
        try:
            await self._on.confirm(wanted)
        except RefusedError:
            return False
        return True

    async def _hand_over(self, image: bytes, wanted: bytes) -> None:
        await self._on.upload(image)
        _, other = await self.slots()
        if other is None or other.hash != wanted:
            raise SilentError("the other slot does not hold what was handed over")
        await self._on.test(wanted)

    async def _restart(self, wanted: bytes, version: str) -> Running | Failed:
        await self._drain()
        await self._on.reset()
        self._trying = version
        await self._ready()
        self._trying = ""
        active, _ = await self.slots()
        if active.hash == wanted:
            return Running(active.confirmed)
        return Failed(self._words("fell back" if self._said().other == "fell-back" else "refused"))

    def _words(self, what: str) -> tuple[str, ...]:
        report = self._said()
        return (f"{what}; the board runs {report.version}", f"other={report.other}", f"reset={report.reset}")

    async def judge(self, image_hash: bytes) -> Running | Failed:
        """End the trial: confirm an image that still runs, passes its own test, and whose update link works."""
        try:
            report = await self._ask()
            active, _ = await self.slots()
            if active.hash != image_hash:
                return Failed(self._words("fell back"))
            if not report.self_test:
                return await self._give_up("its self-test failed")
            await self._on.echo("still here")
            await self._on.confirm()
            active, _ = await self.slots()
            return Running(active.confirmed) if active.confirmed else await self._give_up("it cannot be confirmed")
        except RefusedError as cause:
            return await self._give_up(str(cause))
        except SilentError:
            return await self._silent()

    async def _give_up(self, why: str) -> Failed:
        try:
            await self._drain()
            await self._on.reset()
            await self._ready()
            return Failed((why, *self._words("fell back")))
        except (RefusedError, SilentError):
            return await self._silent()

    async def _silent(self) -> Failed:
        try:
            await self._cycle()
        except SilentError:
            return Failed(("silent, and silent after switching it off and on",))
        return Failed(("silent until it was switched off and on", *self._words("fell back")))


def machine_name(unit: Unit) -> str:
    """What the evidence calls the board."""
    return "qemu" if unit.machine.value == "qemu" else "host process"
