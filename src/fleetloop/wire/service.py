"""The front of the device side: one raw ASGI object, ahead of every framework, that knows the protocols by name.

``devices = Devices(house)``; then ``await devices(scope, receive, send)`` for each request whose path it `matches`.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from fleetloop.core import plug
from fleetloop.wire.seam import DeviceProtocol, House, Receive, Scope, Send

log = logging.getLogger(__name__)
FOLDER = "fleetloop.wire.protocols"


class Devices:
    """All device protocols of one house."""

    def __init__(self, house: House) -> None:
        self._protocols: dict[str, DeviceProtocol] = {}
        self._counts: dict[str, list[int]] = {}
        self._names: dict[str, str] = {}
        for name in plug.names(FOLDER):
            kind = plug.load(FOLDER, name, DeviceProtocol)
            make = cast("Callable[[House], DeviceProtocol]", kind)
            self._protocols[kind.segment] = make(house)
            self._counts[kind.segment] = [0] * 6
            self._names[kind.segment] = name

    def matches(self, path: str) -> bool:
        """Whether ``/{tenant}/{segment}/…`` is a device's path."""
        steps = path.split("/", 3)
        return len(steps) == 4 and steps[2] in self._protocols

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that `matches`."""
        segment = scope["path"].split("/", 3)[2]
        try:
            status = await self._protocols[segment](scope, receive, send)
        except Exception:
            log.exception("device_request_failed protocol=%s", self._names[segment])
            status = 500
            with suppress(Exception):  # the answer may have begun
                await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
                await send({"type": "http.response.body", "body": b""})
        self._counts[segment][status // 100] += 1

    def counters(self) -> dict[tuple[str, str], int]:
        """Answers since the start, by protocol and class of status (``("ddi", "2xx")``)."""
        return {
            (self._names[segment], f"{kind}xx"): count
            for segment, counts in self._counts.items()
            for kind, count in enumerate(counts)
            if kind > 1
        }
