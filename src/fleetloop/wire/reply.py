"""Answers as bytes: built once, sent as often as needed; the conditional GET of JSON; errors as DDI and as problems.

Every answer has ``Content-Length``: Zephyr compares it with what came.
"""

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Protocol

import orjson

from fleetloop.core import problem
from fleetloop.core.errors import FleetloopError, LimitError, NotFoundError, TooLargeError, UnavailableError
from fleetloop.wire.body import CutOffError, SlowError
from fleetloop.wire.seam import Receive, Send

Header = tuple[bytes, bytes]
JSON = b"application/json"
RETRY_S = 5
_TAG = re.compile(rb'(?:W/)?"[^"]*"')


class Reply(Protocol):
    """What a verb hands back: it knows its status and can send itself."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    async def send(self, send: Send, receive: Receive, *, head: bool) -> int:
        """Send the answer, without its body if ``head``; its status."""
        ...


class Answer:
    """An answer whose bytes are known."""

    __slots__ = ("_body", "_start", "status")

    def __init__(self, status: int, body: bytes = b"", headers: Iterable[Header] = (), *, length: bool = True) -> None:
        """``length``: say the body's; no for 304 and where ``headers`` say it."""
        self.status = status
        known = [(b"content-length", b"%d" % len(body))] if length and status != 304 else []
        self._start = {"type": "http.response.start", "status": status, "headers": [*known, *headers]}
        self._body = {"type": "http.response.body", "body": body}

    async def send(self, send: Send, receive: Receive, *, head: bool) -> int:  # noqa: ARG002  the seam of replies
        """Send it; its status."""
        await send(self._start)
        await send({"type": "http.response.body", "body": b""} if head else self._body)
        return self.status


def etag(body: bytes) -> bytes:
    """A strong entity tag of ``body``, quoted."""
    return b'"%s"' % blake2b(body, digest_size=10).hexdigest().encode()


def unchanged(wanted: bytes | None, tag: bytes) -> bool:
    """Whether ``If-None-Match`` names ``tag``; weak tags count, ``*`` is ignored as hawkBit does."""
    return wanted is not None and tag in (t.removeprefix(b"W/") for t in _TAG.findall(wanted))


def document(body: bytes, media: bytes, wanted: bytes | None) -> Answer:
    """200 with the JSON ``body``, or 304 if the client has it."""
    tag = etag(body)
    if unchanged(wanted, tag):
        return Answer(304, headers=[(b"etag", tag)])
    return Answer(200, body, [(b"content-type", media), (b"etag", tag)])


def status_of(error: FleetloopError) -> int:
    """The HTTP status of ``error``; a body that comes too slowly is 408, which only this side knows."""
    return 408 if isinstance(error, SlowError) else problem.edge(error)[0]


def ddi_error(error: FleetloopError, retry_s: int = RETRY_S) -> Answer:
    """An error in hawkBit's shape. No client reads it; people with a terminal do."""
    missing = isinstance(error, NotFoundError)
    code = "hawkbit.server.error.repo.entityNotFound" if missing else f"fleetloop.{error.code}"
    body = orjson.dumps({"errorCode": code, "message": str(error)})
    return Answer(status_of(error), body, [(b"content-type", JSON), *_advice(error, retry_s)])


def problem_error(error: FleetloopError, retry_s: int = RETRY_S) -> Answer:
    """A problem document (RFC 9457)."""
    status = status_of(error)
    body = orjson.dumps(problem.document(error) | {"status": status})
    return Answer(status, body, [(b"content-type", problem.MEDIA_TYPE.encode()), *_advice(error, retry_s)])


def _advice(error: FleetloopError, retry_s: int) -> list[Header]:
    if isinstance(error, LimitError | UnavailableError):
        return [(b"retry-after", b"%d" % retry_s)]
    if isinstance(error, TooLargeError | SlowError | CutOffError):
        return [(b"connection", b"close")]  # the rest of the body must not be read as the next request
    return []
