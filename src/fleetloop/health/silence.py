"""Silences and install deadlines that follow from the contacts, in order of time, then device id.

A device is silent ``silent_s`` after its last contact, once per absence. While an install is pending its deadline
takes the silence's place. One heap entry a device, corrected when it comes up: polls cost no heap work.
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass

from fleetloop.health.model import Event, Install, InstallState, Leave, Line, Plan, Poll, Silent


@dataclass(slots=True)
class _Watch:
    """What is due next for one device; ``queued`` is when its valid heap entry comes up."""

    last: float = math.inf
    started: float | None = None
    queued: float = math.inf


class Watchers:
    """Who was last heard when."""

    def __init__(self, plan: Plan) -> None:
        self._silent_s = plan.silent_s
        self._deadline_s = plan.install_deadline_s
        self._watches: dict[str, _Watch] = {}
        self._heap: list[tuple[float, str]] = []

    def note(self, line: Line) -> None:
        """Take a line's contact into account."""
        match line:
            case Poll() | Event():
                self._heard(line.device, line.at)
            case Install():
                self._heard(line.device, line.at, line.state)
            case Leave():
                self._watches.pop(line.device, None)
            case _:
                pass

    def due(self, at: float) -> Iterator[Silent | Install]:
        """What is due by ``at`` and not yet booked; each is yielded once."""
        while self._heap and self._heap[0][0] <= at:
            when, device = heapq.heappop(self._heap)
            watch = self._watches.get(device)
            if watch is None or watch.queued != when:
                continue
            watch.queued = math.inf
            if self._next(watch) > when:
                self._queue(device, watch)
                continue
            failed = watch.started is not None
            watch.last, watch.started = math.inf, None
            yield Install(when, device, InstallState.FAILED) if failed else Silent(when, device)

    def _heard(self, device: str, at: float, state: InstallState | None = None) -> None:
        watch = self._watches.get(device)
        if watch is None:
            watch = self._watches[device] = _Watch()
        watch.last = at
        if state is InstallState.STARTED:
            watch.started = at if watch.started is None else watch.started
        elif state is not None:
            watch.started = None
        self._queue(device, watch)

    def _next(self, watch: _Watch) -> float:
        return watch.last + self._silent_s if watch.started is None else watch.started + self._deadline_s

    def _queue(self, device: str, watch: _Watch) -> None:
        due = self._next(watch)
        if due < watch.queued:
            watch.queued = due
            heapq.heappush(self._heap, (due, device))
