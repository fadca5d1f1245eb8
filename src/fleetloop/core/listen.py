"""The pump: brings facts to their listeners after the commit, in order, each with a stored cursor.

``hear`` and the cursor share a transaction, so a fact is handled once even over ``kill -9``. A listener that fails is
tried again; the ones beside it go on.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleetloop.core.db import Database, Tx, cursor, facts_after, last_fact, move_cursor
from fleetloop.core.facts import Fact, Recorded

log = logging.getLogger(__name__)
RETRY_S = 1.0
MOST = 1000


@dataclass(frozen=True)
class Listener:
    """Who is told of which facts. ``hear`` runs inside a transaction that also moves the listener's cursor."""

    name: str
    kinds: tuple[type[Fact], ...]
    hear: Callable[[Tx, Sequence[Recorded]], None]


class Pump:
    """Runs listeners in the order given: rooms lower on the ladder first."""

    def __init__(self, db: Database, listeners: Sequence[Listener]) -> None:
        self._db = db
        self._listeners = listeners
        self._rung = asyncio.Event()
        self._lock = asyncio.Lock()
        self.failing: dict[str, str] = {}
        """Listeners that could not handle a fact, each with its error; readiness looks here."""
        self._fresh = True
        db.on_facts = self._ring

    def _ring(self) -> None:
        self._fresh = True
        self._rung.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                await self.drain()
            except Exception:
                log.exception("listener failed")
                await asyncio.sleep(RETRY_S)
                self._rung.set()

    async def drain(self) -> None:
        """Until every listener has handled every fact, those recorded meanwhile too. Raises what a listener raised."""
        async with self._lock:
            while self._fresh:
                self._fresh = False
                try:
                    await self._round()
                except BaseException:
                    self._fresh = True
                    raise

    async def _round(self) -> None:
        failed: Exception | None = None
        for listener in self._listeners:
            try:
                while await self._db.write(lambda tx, who=listener: _step(tx, who)):
                    pass
            except Exception as error:  # noqa: BLE001  the ones beside it go on
                self.failing[listener.name], failed = str(error), error
            else:
                self.failing.pop(listener.name, None)
        if failed is not None:
            raise failed


def _step(tx: Tx, listener: Listener) -> bool:
    """Whether there may be more."""
    at = cursor(tx, listener.name)
    last = last_fact(tx)
    if at >= last:
        return False
    found = facts_after(tx, at, [kind.__name__ for kind in listener.kinds], MOST)
    if found:
        listener.hear(tx, found)
    more = len(found) == MOST
    move_cursor(tx, listener.name, found[-1].number if more else last)
    return more
