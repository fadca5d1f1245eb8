"""What a device protocol meets on the inside, and what it must be itself.

`wire` knows no rollouts: it asks `Dispatch` what a device should do now and gives what devices say to `Inbox`.
`fleetloop.app.wiring` says who they are. A device is named by the id it uses in its address, at most 128 characters.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from fleetloop.core.clock import Clock
from fleetloop.wire.model import Admission, File, Heartbeat, Order, Outcome, Report

# What an ASGI server hands in: the request, where its body comes from, where the answer goes.
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Guard(Protocol):
    """Who may speak for a device. Answers from memory."""

    def admit(self, device: str, scheme: str, token: str) -> Admission:
        """``scheme`` is ``TargetToken`` or ``GatewayToken``, matched exactly.

        KNOWN: go on. NEW: a gateway may bring this device; `register` it at its first poll. REFUSED: say 401.
        """
        ...

    async def register(self, device: str, token: str) -> None:
        """Create a device that a gateway brings. Durable when it returns."""
        ...


class Dispatch(Protocol):
    """What should this device do now? Answers from memory; no call of the hot path touches a database."""

    def order(self, device: str) -> Order | None:
        """The one thing to do, or None. A cancel comes before anything else."""
        ...

    def hand(self, device: str, action: int) -> Awaitable[bool] | None:
        """Ask before the first byte that hands an order: a link in a poll, a 200 on the deployment, an artifact's byte.

        None: it is handed already and still stands. Otherwise await it: True once the handing is durable, False if the
        order was taken back meanwhile; then the device is told nothing. An action that is over may still be looked at
        by the device that had it: True.
        """
        ...

    def stands(self, device: str, action: int) -> bool:
        """Whether the order still stands; a running download asks between chunks and ends at False."""
        ...

    async def deployment(self, device: str, action: int) -> Order | None:
        """The action if it was ever handed to this device, finished ones included; changes nothing.

        None, so 404: unknown, another device's, never handed, being cancelled or cancelled.
        """
        ...

    async def cancelling(self, device: str, action: int) -> bool:
        """Whether this action is being, or was, cancelled."""
        ...

    async def history(self, device: str, action: int, most: int) -> tuple[str, list[str]]:
        """The state in hawkBit's word, and the last ``most`` messages, newest first."""
        ...

    def installed(self, device: str) -> int | None:
        """The last action that ended well, for the installedBase link."""
        ...


class Inbox(Protocol):
    """Takes what devices say. Whatever is awaited here is on disk when it returns."""

    def contact(self, device: str) -> Awaitable[None] | None:
        """Every accepted request is a contact. None: remembered. Otherwise await it before answering."""
        ...

    async def report(self, device: str, action: int, report: Report, *, on_cancel: bool) -> Outcome:
        """A report on a deployment, or (``on_cancel``) on its cancelling."""
        ...

    def wants_attributes(self, device: str) -> bool:
        """Whether to show the configData link."""
        ...

    async def attributes(self, device: str, mode: str, data: Mapping[str, str | None]) -> None:
        """``mode``: merge, replace or remove. Raises `LimitError` past 100 attributes."""
        ...

    def heartbeat(self, device: str, heartbeat: Heartbeat) -> Awaitable[None] | None:
        """None: nothing changed that must be kept. Otherwise await it before answering."""
        ...

    async def download(self, device: str, key: int, name: str, *, resumed: bool) -> tuple[int, File, Path] | None:
        """(action, file, where its bytes are) if an active order of this device has it; None: 404.

        Each start that is not ``resumed`` counts against the download budget. Raises `LimitError` when it is used up.
        ``resumed``: the first byte is not among those asked for. Asked once for each GET that is answered by bytes,
        after `Dispatch.hand`.
        """
        ...


@dataclass(frozen=True)
class Settings:
    """Bounds of the device side. ``poll_s``: what devices are told to wait; 1 s to 86,399 s."""

    poll_s: int = 300
    body_bytes: int = 1 << 20
    body_s: float = 20.0
    """Longest time, by the machine's clock, in which the body of one request must have come; then 408."""
    requests_a_minute: int = 600
    """Most requests of one device in a minute of the serving clock, downloads ten times as many; more get 429."""
    behind_proxy: bool = False
    """Links follow ``X-Forwarded-Proto``, ``-Host`` and ``-Port``; only where a proxy of ours sets them."""


@dataclass(frozen=True)
class House:
    """All a protocol gets. ``poll_s``: what this device is told to wait, from memory; absent: what the settings say."""

    tenant: str
    clock: Clock
    guard: Guard
    dispatch: Dispatch
    inbox: Inbox
    settings: Settings
    poll_s: Callable[[str], int] | None = None


class DeviceProtocol(Protocol):
    """One device protocol: a raw ASGI application for the paths ``/{tenant}/{segment}/…``.

    It answers within its own rules of status and bytes; it raises nothing; it keeps no state that an answer rests on.
    """

    segment: ClassVar[str]

    def __init__(self, house: House) -> None: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one HTTP request; the status that was answered, for the counters."""
        ...
