"""Guessing is bounded: so many failures in so many seconds of real time, by account and by address.

Say `Limits.begin` before the password is looked at, so that guesses side by side count too, and `Limits.passed` when it
was right: then that one was no guess.
"""

from collections import deque

from fleetloop.core.errors import LimitError

WINDOW_S = 900.0
PER_ACCOUNT = 10
PER_ADDRESS = 60
SWEEP = 10_000
"""So many names and addresses are kept before those whose time is over are dropped."""


class Limits:
    """Failures of the last quarter of an hour."""

    def __init__(self) -> None:
        self._failed: dict[tuple[str, str], deque[float]] = {}

    def begin(self, account: str, address: str, now: float) -> None:
        """Count an attempt as failed until `passed`. Raises `LimitError`, the same for a name that nobody has."""
        bounds = {("account", account): PER_ACCOUNT, ("address", address): PER_ADDRESS}
        for key, most in bounds.items():
            if len(failed := self._recent(key, now)) >= most:
                wait = int(failed[0] + WINDOW_S - now) + 1
                raise LimitError(f"too many wrong passwords for this {key[0]}; try again in {wait} s", retry_after=wait)
        for key in bounds:
            self._failed.setdefault(key, deque()).append(now)
        if len(self._failed) > SWEEP:
            self._sweep(now)

    def passed(self, account: str, address: str) -> None:
        """The account starts afresh; the address only gets this attempt back, or its owner could reset it at will."""
        self._failed.pop(("account", account), None)
        if failed := self._failed.get(("address", address)):
            failed.pop()

    def _recent(self, key: tuple[str, str], now: float) -> deque[float]:
        failed = self._failed.get(key, deque())
        while failed and failed[0] <= now - WINDOW_S:
            failed.popleft()
        return failed

    def _sweep(self, now: float) -> None:
        self._failed = {key: failed for key in list(self._failed) if (failed := self._recent(key, now))}
