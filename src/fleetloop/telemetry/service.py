"""Takes heartbeats: what must be kept is on disk before the device hears 200, anything else is remembered."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace

from fleetloop.core.clock import Clock
from fleetloop.core.db import Database, Tx
from fleetloop.fleet import Source, claim, sight
from fleetloop.telemetry import store
from fleetloop.telemetry.rules import facts, is_sighting, must_keep
from fleetloop.wire import Heartbeat


class Heartbeats:
    """The last heartbeat of every device, in memory."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._last: dict[str, Heartbeat] = {}
        self._fresh: dict[str, tuple[float, Heartbeat]] = {}
        """Those that are not in the database yet."""

    async def load(self) -> None:
        """Fill memory at start."""
        self._last.update(await self._db.read(store.all_heartbeats))

    def last(self, device: str) -> Heartbeat | None:
        """The last one of ``device``."""
        return self._last.get(device)

    def take(self, device: str, heartbeat: Heartbeat) -> Awaitable[None] | None:
        """None: nothing changed that must be kept. Otherwise await it before answering."""
        before, at = self._last.get(device), self._clock.now()
        if must_keep(before, heartbeat):
            return self._db.write(lambda tx: self._keep(tx, device, heartbeat, at))
        self._last[device] = heartbeat
        self._fresh[device] = at, heartbeat
        return None

    def _keep(self, tx: Tx, device: str, now: Heartbeat, at: float) -> None:
        """The row decides, not memory: the same heartbeat may wait twice in one group."""
        before = self._lately(device, store.find_heartbeat(tx, device))
        if not must_keep(before, now):
            return
        if is_sighting(before, now) and not sight(tx, device, now.version, at, Source.HEARTBEAT):
            return  # retired while it waited
        claim(tx, device, now.hardware_revision, at)
        for fact in facts(device, at, before, now):
            store.note(tx, fact)
        store.set_heartbeat(tx, device, now, at)
        tx.after(lambda: self._last.__setitem__(device, now))

    def _lately(self, device: str, row: Heartbeat | None) -> Heartbeat | None:
        """The row with the uptime that the device told last: in the row it is as old as the last batch."""
        seen = self._last.get(device)
        same = row is not None and seen is not None and seen.boot_id == row.boot_id
        return replace(row, uptime_s=seen.uptime_s) if same and row and seen else row

    def flush(self, tx: Tx) -> None:
        """Write what is only remembered, in one batch; every minute or so, and at the end."""
        if fresh := dict(self._fresh):
            store.set_uptimes(tx, fresh)
            tx.after(lambda: self._flushed(fresh))

    def _flushed(self, written: Mapping[str, tuple[float, Heartbeat]]) -> None:
        for device, seen in written.items():
            if self._fresh.get(device) is seen:
                del self._fresh[device]
