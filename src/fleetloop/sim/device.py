"""One simulated device: its board, and the update client's own memory. Values in, values out; no network here."""

import hashlib
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson

from fleetloop.sim.board import Board
from fleetloop.sim.faults import Luck
from fleetloop.sim.library import Library, LibraryError, Shelf
from fleetloop.sim.model import Offer, Population, Unit
from fleetloop.sim.record import Failure, Record, Said

DONE = "Software bundle installed successfully."


@dataclass(slots=True)
class Job:
    """An order being worked on. ``got`` survives power cuts, as flash does; ``told`` holds words said already."""

    offer: Offer
    got: bytearray = field(default_factory=bytearray)
    told: set[str] = field(default_factory=set[str])

    @property
    def whole(self) -> bool:
        """Whether all bytes are there."""
        return len(self.got) >= self.offer.size


class Device:
    """``pending``: reports that no answer acknowledged yet, oldest first. ``due``: when it speaks next."""

    def __init__(self, unit: Unit, population: Population, luck: Luck, factory: Library) -> None:
        self.unit, self.luck, self._population = unit, luck, population
        self.record = Record(unit.id, unit.revision)
        self.board = Board(population, luck, self.record, factory)
        self.pending: list[Said] = []
        self.job: Job | None = None
        self.poll_s: float = population.poll_s or 1
        self.due = population.next_poll(unit.id, population.start - 1, self.poll_s)
        base = f"/{quote(population.tenant, safe='')}"
        self.base = f"{base}/controller/v1/{quote(unit.id, safe='')}"
        self.heart = f"{base}/heartbeat/v1/{quote(unit.id, safe='')}"
        self.headers = {"Authorization": f"TargetToken {unit.token}"}
        self._finished: Said | None = None
        self._last_n: dict[str, int] = {}

    def heartbeat(self) -> bytes:
        """The summary of the running code."""
        board = self.board
        summary = {
            "version": board.active.version,
            "hardware_revision": self.unit.revision,
            "boot_id": board.boot_id,
            "uptime_s": board.uptime_s,
            "reset": board.reset,
            "crashes": board.crashes,
            "self_test": board.self_test,
        }
        return orjson.dumps(summary)

    def poll_every(self, seconds: float) -> None:
        """Follow the server's word, unless the device was built with its own."""
        if not self._population.poll_s:
            self.poll_s = max(seconds, 1.0)

    def next_due(self, at: float) -> float:
        """When to speak after a contact at ``at``: once it has booted, or at the next poll."""
        dark = self.board.dark_until
        poll = self._population.next_poll(self.unit.id, at, self.poll_s)
        return poll if dark is None else self._population.on_grid(dark)

    def fail(self, at: float, why: str) -> None:
        """A contact did not get through."""
        self.record.keep(Failure(at, why))

    def begin(self, offer: Offer) -> Job:
        """The job for this offer: a new one, or the one that was interrupted."""
        if self.job is None or self.job.offer.action != offer.action:
            self.job = Job(offer)
        self.job.offer = offer
        return self.job

    def say(self, action: str, at: float, words: tuple[str, str], *details: str, on_cancel: bool = False) -> None:
        """Queue a report of (execution, finished)."""
        n = self._last_n.get(action, 0) + 1
        self._last_n = {action: n}
        said = Said(action, n, at, *words, details, on_cancel)
        self.record.keep(said)
        self.pending.append(said)
        if words[0] == "closed" and not on_cancel:
            self._finished, self.job = said, None

    def told_before(self, action: str, at: float) -> bool:
        """Say the end of this action once more, if it is the one that ended last."""
        last = self._finished
        if last is None or last.action != action:
            return False
        self.say(action, at, (last.execution, last.finished), *last.details)
        return True

    def cancel(self, action: str, at: float) -> None:
        """Agree to drop a job; refuse when it is installed already."""
        ended = self._finished is not None and self._finished.action == action
        words = ("closed", "failure") if ended else ("closed", "success")
        self.say(action, at, words, "already installed" if ended else "cancelled", on_cancel=True)
        if self.job and self.job.offer.action == action:
            self.job = None

    def check(self, job: Job) -> str:
        """What is wrong with the bytes, or ""."""
        offer, digest = job.offer, hashlib.sha256(job.got).hexdigest()
        if len(job.got) != offer.size:
            return f"{offer.name} has {len(job.got)} bytes; the order says {offer.size}"
        return "" if digest == offer.sha256 else f"{offer.name} has SHA-256 {digest}; the order says {offer.sha256}"

    def install(self, job: Job, at: float, shelf: Shelf) -> None:
        """Write the other slot, say success and restart; or say why not."""
        try:
            library = shelf.get(bytes(job.got))
        except LibraryError as e:
            self.say(job.offer.action, at, ("closed", "failure"), str(e))
            return
        if self.luck.lies(self.unit.id):
            self.board.restart(at)
        else:
            self.board.install(library, at)
        self.say(job.offer.action, at, ("closed", "success"), DONE)


def feedback(said: Said) -> bytes:
    """The report as DDI has it; a repetition has the same bytes."""
    status = {"execution": said.execution, "result": {"finished": said.finished}, "details": list(said.details)}
    return orjson.dumps({"id": said.action, "timestamp": int(said.at * 1000), "status": status})
