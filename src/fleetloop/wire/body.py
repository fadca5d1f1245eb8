"""The body of a request: all of it, within its bounds, or an error. Half a message is never taken for a whole one."""

import asyncio
from collections.abc import Mapping

from fleetloop.core.errors import InputError, TimedOutError, TooLargeError
from fleetloop.wire.seam import Receive, Settings


class CutOffError(InputError):
    """The body is not as long as its Content-Length says."""

    code = "cut-off"


class SlowError(TimedOutError):
    """The body did not come in time."""

    code = "slow-body"


async def read(headers: Mapping[bytes, bytes], receive: Receive, settings: Settings) -> bytes:
    """Raises `TooLargeError`, `SlowError`, or `CutOffError` if the client went away or lied about the length."""
    declared = _declared(headers.get(b"content-length"))
    _bound(declared or 0, settings.body_bytes)
    try:
        async with asyncio.timeout(settings.body_s):
            body = await _collect(receive, settings.body_bytes)
    except TimeoutError as e:
        raise SlowError(f"the body did not come within {settings.body_s:g} s; send it again") from e
    if declared not in (None, len(body)):
        raise CutOffError(f"Content-Length says {declared} bytes, {len(body)} came; send it again")
    return body


async def _collect(receive: Receive, limit: int) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise CutOffError(f"the connection ended after {len(body)} bytes of the body; send it again")
        body += message.get("body", b"")
        _bound(len(body), limit)
        more = message.get("more_body", False)
    return bytes(body)


def _bound(size: int, limit: int) -> None:
    if size > limit:
        raise TooLargeError(f"the body has {size} bytes or more; expected at most {limit}")


def _declared(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not value.isdigit():
        raise CutOffError(f"Content-Length must be a number, not {value[:20]!r}")
    return int(value[:20])
