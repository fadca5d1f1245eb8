"""Holds the contacts of one device with the server: what runs, what is to be done, what became of it.

A contact can be begun again at any point: time was passed before its first byte, reports that nobody acknowledged go
first, what was downloaded is kept, and what the board has done already it is not asked again.
"""

import asyncio
import hashlib
import logging
import math
from dataclasses import dataclass, field

from gateway.board import SilentError
from gateway.config import Config
from gateway.ddi import OVER, TIMEOUT_S, AnswerError, AwayError, Controller, HangError, Offer, OfferError
from gateway.device import Device, Failed, Running
from gateway.image import ImageError, digest
from gateway.record import Failure, Said
from gateway.report import Report

AGAIN_S = 0.05  # real seconds before a contact that broke off is begun again

logger = logging.getLogger("gateway")


@dataclass
class Job:
    """An order being worked on. ``trial_ends``: the image runs on trial until then."""

    offer: Offer
    got: bytearray = field(default_factory=bytearray)
    told: set[str] = field(default_factory=set)
    handed_over: bool = False
    trial_ends: float | None = None


class Schedule:
    """When a conducted device polls: at its own place in the interval, on the grid of the story."""

    def __init__(self, config: Config, device: str) -> None:
        self._start, self._grid_s = config.start, config.grid_s
        word = hashlib.blake2b(f"{config.seed}/{device}/place".encode(), digest_size=8).digest()
        self._place = int.from_bytes(word, "big") / 2**64

    def after(self, at: float, poll_s: float) -> float:
        """The first poll later than ``at``."""
        first = self._start + int(poll_s * self._place)
        due = first + max(0, math.ceil((at - first) / poll_s)) * poll_s
        while self._on_grid(due) <= at:
            due += poll_s
        return self._on_grid(due)

    def _on_grid(self, at: float) -> float:
        return self._start + math.ceil((at - self._start) / self._grid_s) * self._grid_s


class Keeper:
    """Speaks for one device. ``due``: when next. What the server has not acknowledged is said again, in order."""

    def __init__(self, device: Device, controller: Controller, config: Config, schedule: Schedule | None) -> None:
        self.device, self._controller, self._schedule = device, controller, schedule
        self._poll_s = float(config.poll_s)
        self.due = schedule.after(config.start - 1, self._poll_s) if schedule else 0.0
        self._pending: list[Said] = []
        self._job: Job | None = None
        self._finished: Said | None = None
        self._last_n: dict[str, int] = {}

    async def run(self, to: float, *, away: bool) -> None:
        """Live on to ``to``, then hold the contact that is due there. ``away``: it may fail."""
        try:
            await self._pass(to)
            summary = self._summary(await self.device.heartbeat())
        except SilentError:
            self._fail("board silent")
        else:
            await self._contact(summary, away=away)
        self.due = self._next(to)

    # ---- time ----

    async def _pass(self, to: float) -> None:
        job = self._job
        if job and job.trial_ends is not None and job.trial_ends <= to:
            await self.device.live(job.trial_ends)
            self._ended(job, await self.device.judge(digest(bytes(job.got))))
        await self.device.live(to)

    def _next(self, at: float) -> float:
        if self._job and self._job.trial_ends is not None:
            return self._job.trial_ends
        return self._schedule.after(at, self._poll_s) if self._schedule else at + self._poll_s

    # ---- contact ----

    async def _contact(self, summary: dict[str, object], *, away: bool) -> None:
        deadline = asyncio.get_running_loop().time() + TIMEOUT_S
        while True:
            try:
                await self._hold(summary)
                return
            except AwayError as cause:
                if away:
                    self._fail("server away")
                    return
                if asyncio.get_running_loop().time() > deadline:
                    raise HangError(f"the server was away for {TIMEOUT_S:g} s: {cause}") from cause
                await asyncio.sleep(AGAIN_S)
            except AnswerError as cause:
                self._fail(str(cause))
                return

    async def _hold(self, summary: dict[str, object]) -> None:
        await self._deliver()
        known = await self._controller.heartbeat(summary)
        poll = await self._controller.poll()
        self._poll_s = poll.sleep_s
        if not known:
            await self._controller.heartbeat(summary)
        if poll.attributes:
            await self._controller.attributes(poll.attributes, self._attributes())
        if poll.cancel:
            await self._cancel(await self._controller.stop_id(poll.cancel))
        elif poll.deployment:
            await self._update(poll.deployment)

    async def _cancel(self, action: str) -> None:
        if not action:
            return
        job, last = self._job, self._finished
        late = (job and job.offer.action == action and job.handed_over) or (last and last.action == action)
        if late:
            self._say(action, ("rejected", "success"), "the board has the image already", on_cancel=True)
        else:
            self._say(action, ("closed", "success"), "cancelled before the board had it", on_cancel=True)
            self._job = None
        await self._deliver()

    async def _update(self, href: str) -> None:
        try:
            offer = await self._controller.deployment(href)
        except OfferError as cause:
            if cause.action:
                self._say(cause.action, ("closed", "failure"), str(cause))
            await self._deliver()
            return
        last = self._finished
        if offer and last and last.action == offer.action:
            self._say(last.action, (last.execution, last.finished), *last.details)
            await self._deliver()
        elif offer and offer.download != "skip":
            await self._work(self._begun(offer))

    def _begun(self, offer: Offer) -> Job:
        if self._job is None or self._job.offer.action != offer.action:
            self._job = Job(offer)
        self._job.offer = offer
        return self._job

    async def _work(self, job: Job) -> None:
        if job.trial_ends is not None:
            return
        if not await self._controller.fetch(job.offer, job.got):
            self._job = None
            return
        if complaint := _wrong(job):
            self._say(job.offer.action, ("closed", "failure"), complaint)
            await self._deliver()
            return
        await self._tell(job, "downloaded", "size and SHA-256 are those of the order")
        if job.offer.update == "skip":
            return
        await self._tell(job, "proceeding", "handing over to the board")
        job.handed_over = True
        self._ended(job, await self.device.install(bytes(job.got), job.offer.version))
        await self._closing()

    async def _closing(self) -> None:
        """After an end that is known at once: the report, then what truly runs."""
        if self._pending:
            await self._deliver()
            await self._controller.heartbeat(self._summary(await self.device.heartbeat()))

    def _ended(self, job: Job, outcome: Running | Failed) -> None:
        """Of the handing over, or of the trial."""
        if isinstance(outcome, Failed):
            self._say(job.offer.action, ("closed", "failure"), *outcome.details)
        elif outcome.confirmed:
            self._say(job.offer.action, ("closed", "success"), f"{job.offer.version} runs and is confirmed")
        else:
            job.trial_ends = self.device.at + self.device.unit.health_s

    # ---- reports ----

    async def _tell(self, job: Job, execution: str, detail: str) -> None:
        if execution not in job.told:
            job.told.add(execution)
            self._say(job.offer.action, (execution, "none"), detail)
        await self._deliver()

    def _say(self, action: str, words: tuple[str, str], *details: str, on_cancel: bool = False) -> None:
        n = self._last_n.get(action, 0) + 1
        self._last_n = {action: n}
        said = Said(action, n, self.device.at, *words, details, on_cancel)
        self.device.record.keep(said)
        self._pending.append(said)
        told = f"action {action}: {' '.join(words)}: {'; '.join(details)}"
        logger.info("%s at %.0f: %s", self.device.unit.device, said.at, told)
        if words[0] == "closed" and not on_cancel:
            self._finished, self._job = said, None

    async def _deliver(self) -> None:
        while self._pending:
            said = self._pending[0]
            said.answered = await self._controller.report(said)
            if said.answered < 400 or said.answered in OVER:
                said.acknowledged = self.device.at
            del self._pending[0]

    def _fail(self, why: str) -> None:
        logger.warning("%s at %.0f: no contact: %s", self.device.unit.device, self.device.at, why)
        self.device.record.keep(Failure(self.device.at, why))

    def _summary(self, report: Report) -> dict[str, object]:
        return {
            "version": report.version,
            "hardware_revision": report.revision,
            "boot_id": report.boot_id,
            "uptime_s": report.up_s,
            "reset": report.reset,
            "crashes": report.crashes,
            "self_test": report.self_test,
        }

    def _attributes(self) -> dict[str, str]:
        record, report = self.device.record, self.device.report
        return {"version": report.version if report else "", "board": record.board, "clock": record.clock}


def _wrong(job: Job) -> str:
    """What is wrong with the bytes, or "". Whose image it is, the boot loader checks: it holds the key."""
    offer, found = job.offer, hashlib.sha256(job.got).hexdigest()
    if len(job.got) != offer.size:
        return f"{offer.name} has {len(job.got)} bytes; the order says {offer.size}"
    if found != offer.sha256:
        return f"{offer.name} has SHA-256 {found}; the order says {offer.sha256}"
    try:
        digest(bytes(job.got))
    except ImageError as cause:
        return f"{offer.name}: {cause}"
    return ""
