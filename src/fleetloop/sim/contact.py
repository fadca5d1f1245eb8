"""One contact of a device, as a chain of requests awaited in order.

It can be begun again at any point: the board was brought to the instant before the first byte, reports that nobody
acknowledged go first, and what was downloaded is kept.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from fleetloop.core.errors import FleetloopError
from fleetloop.sim.device import Device, Job, feedback
from fleetloop.sim.library import Shelf
from fleetloop.sim.line import Answer, Line
from fleetloop.sim.offer import OfferError, document, link, read
from fleetloop.sim.record import Said

OVER = frozenset({404, 405, 409, 410})
"""The server knows no such action, or it is over: nothing is left to say about it."""
WRONG = 400


class RefusedError(FleetloopError):
    """The server answered, and not with what the device needed."""

    code = "refused"


class Contact:
    """One device speaks at ``at``."""

    def __init__(self, device: Device, line: Line, shelf: Shelf, at: float) -> None:
        self._device, self._line, self._shelf, self._at = device, line, shelf, at
        self._heartbeat = device.heartbeat()

    async def hold(self) -> None:
        """Raises `AwayError` to be begun again, `RefusedError` to be given up until the next poll."""
        await self._deliver()
        if self._device.board.dark_until is not None:
            return
        self._good(await self._call("POST", self._device.heart, self._heartbeat), "heartbeat")
        answer = self._good(await self._call("GET", self._device.base), "poll")
        try:
            await self._follow(document(answer.body))
        except OfferError as e:
            raise RefusedError(str(e)) from e

    async def _follow(self, poll: dict[str, Any]) -> None:
        self._device.poll_every(_seconds(poll))
        if href := link(poll, "configData"):
            body = orjson.dumps({"mode": "merge", "data": dict(self._device.unit.attributes)})
            self._good(await self._call("PUT", href, body), "configData")
        if href := link(poll, "cancelAction"):
            await self._cancel(href)
        elif href := link(poll, "deploymentBase"):
            await self._update(href)

    async def _cancel(self, href: str) -> None:
        answer = await self._call("GET", href)
        if answer.status in OVER:
            return
        stop: dict[str, Any] = document(self._good(answer, "cancelAction").body).get("cancelAction") or {}
        self._device.cancel(str(stop.get("stopId", "")), self._at)
        await self._deliver()

    async def _update(self, href: str) -> None:
        answer = await self._call("GET", href)
        if answer.status in OVER:
            return
        try:
            offer = read(self._good(answer, "deployment").body)
        except OfferError as e:
            await self._say(e.action, ("closed", "failure"), str(e))
            return
        if self._device.told_before(offer.action, self._at):
            await self._deliver()
        elif offer.download != "skip":
            await self._work(self._device.begin(offer))

    async def _work(self, job: Job) -> None:
        await self._tell(job, "proceeding", "Downloading.")
        if not await self._fetch(job):
            return
        if complaint := self._device.check(job):
            await self._say(job.offer.action, ("closed", "failure"), complaint)
            return
        await self._tell(job, "downloaded", "File checksum OK.")
        if job.offer.update != "skip":
            self._device.install(job, self._at, self._shelf)
            await self._deliver()

    async def _fetch(self, job: Job) -> bool:
        """Whether the bytes are all there; False after a power cut, or when the order was taken back."""
        if job.whole:
            return True
        offer, device = job.offer, self._device
        cut = device.luck.broken_off(device.unit.id, self._at, len(job.got), offer.size)
        most = offer.size + 1 if cut is None else cut
        status = await self._line.fetch(offer.href, device.headers, job.got, most)
        if status in OVER:
            device.job = None
            return False
        self._good(Answer(status, b""), "download")
        if cut is not None:
            device.board.power_cut(self._at)
        return cut is None

    async def _tell(self, job: Job, execution: str, detail: str) -> None:
        if execution not in job.told:
            job.told.add(execution)
            await self._say(job.offer.action, (execution, "none"), detail)

    async def _say(self, action: str, words: tuple[str, str], detail: str) -> None:
        self._device.say(action, self._at, words, detail)
        await self._deliver()

    async def _deliver(self) -> None:
        pending = self._device.pending
        while pending:
            await self._post(pending[0])
            del pending[0]

    async def _post(self, said: Said) -> None:
        kind = "cancelAction" if said.on_cancel else "deploymentBase"
        answer = await self._call("POST", f"{self._device.base}/{kind}/{said.action}/feedback", feedback(said))
        said.answered = answer.status
        if answer.status < WRONG or answer.status in OVER:
            said.acknowledged = self._at
        elif answer.status != WRONG:
            self._good(answer, "feedback")

    async def _call(self, method: str, path: str, body: bytes | None = None) -> Answer:
        headers: Mapping[str, str] = self._device.headers
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        return await self._line.call(method, path, headers, body)

    def _good(self, answer: Answer, what: str) -> Answer:
        if answer.status >= WRONG:
            raise RefusedError(f"{what}: status {answer.status}")
        return answer


def _seconds(poll: dict[str, Any]) -> float:
    """The server's ``sleep``, HH:MM:SS; an hour if it cannot be read."""
    try:
        hours, minutes, seconds = map(int, poll["config"]["polling"]["sleep"].split(":"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return 3600.0
    return hours * 3600.0 + minutes * 60.0 + seconds
