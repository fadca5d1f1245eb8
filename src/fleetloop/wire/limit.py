"""How often one device may ask: a count a minute, in memory, by the serving clock."""

from math import floor

from fleetloop.core.clock import Clock


class Meter:
    """Counts requests in fixed minutes. A server that restarts forgets; a flood that lasts is met again at once."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._now = clock.now
        self._most = most
        self._minute = -1
        self._taken: dict[str, int] = {}

    def take(self, device: str) -> bool:
        """Whether this request of ``device`` is within the limit."""
        minute = int(self._now() // 60)
        if minute != self._minute:
            self._minute, self._taken = minute, {}
        taken = self._taken.get(device, 0)
        if taken >= self._most:
            return False
        self._taken[device] = taken + 1
        return True

    def wait_s(self) -> int:
        """Seconds until the next minute begins, at least one."""
        return 60 - floor(self._now() % 60)
