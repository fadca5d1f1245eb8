"""What is due when, on the serving clock: one heap, one entry per (kind, key), looked at again when it comes up."""

import heapq
from collections.abc import Iterator
from enum import Enum


class Due(Enum):
    """What an entry stands for."""

    DEADLINE = "deadline of a state"
    INSTALL = "install deadline of the guard"
    HEALTHY = "healthy for the soak"
    SILENT = "silence"
    RETRY = "another attempt"
    WAVE = "nobody of a wave has waited too long before this"


Key = tuple[Due, str]


class Timers:
    """Entries of the past are popped once; setting one again to a later time costs nothing until it comes up."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str, str]] = []
        self._set: dict[Key, float] = {}

    def set(self, kind: Due, key: str, due: float) -> None:
        """Look at (kind, key) at ``due``; only the earliest time set counts until it came up."""
        known = self._set.get((kind, key))
        if known is None or due < known:
            self._set[kind, key] = due
            heapq.heappush(self._heap, (due, kind.name, key))

    def has(self, kind: Due, key: str) -> bool:
        """Whether it is set."""
        return (kind, key) in self._set

    def clear(self, kind: Due, key: str) -> None:
        """Forget (kind, key)."""
        self._set.pop((kind, key), None)

    def pop(self, now: float) -> Iterator[tuple[float, Due, str]]:
        """Each entry due at ``now`` or before, earliest first."""
        while self._heap and self._heap[0][0] <= now:
            due, name, key = heapq.heappop(self._heap)
            kind = Due[name]
            if self._set.get((kind, key)) == due:
                del self._set[kind, key]
                yield due, kind, key

    def next(self) -> float:
        """The earliest entry; infinity if there is none."""
        while self._heap and self._set.get((Due[self._heap[0][1]], self._heap[0][2])) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")
