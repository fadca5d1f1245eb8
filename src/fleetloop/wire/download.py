"""An artifact on its way to a device: headers, MD5SUM, and bytes in chunks, for as long as the order stands."""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from fleetloop.core.errors import UnavailableError
from fleetloop.wire.model import File
from fleetloop.wire.ranges import Artifact, Plan, Span
from fleetloop.wire.reply import Answer, Header
from fleetloop.wire.seam import Receive, Send

log = logging.getLogger(__name__)
CHUNK = 256 << 10
OCTETS = b"application/octet-stream"
STALL_S = 600.0
"""A device that takes no chunk for so long is gone; slow radio takes two minutes for one."""
_TOKEN = frozenset("!#$&+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def disposition(name: str) -> Header:
    """``Content-Disposition`` (RFC 6266); as hawkBit writes it where the name allows."""
    if set(name) <= _TOKEN:
        return b"content-disposition", f"attachment;filename={name}".encode()
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    return b"content-disposition", f"attachment;filename=\"{plain}\";filename*=UTF-8''{quote(name, safe='')}".encode()


def md5sum(file: File) -> Answer:
    """``HASH␣␣NAME`` without a newline."""
    return Answer(200, f"{file.md5}  {file.name}".encode(), [(b"content-type", b"text/plain"), disposition(file.name)])


def check(file: File, path: Path) -> None:
    """Raises `UnavailableError` if the bytes are not there as they should be."""
    try:
        size = path.stat().st_size
    except OSError as e:
        log.error("artifact_unreadable name=%s error=%s", file.name, e.strerror)  # noqa: TRY400  no traceback helps here
        raise UnavailableError(f"the bytes of {file.name} cannot be read on the server; its operator must look") from e
    if size != file.size:
        log.error("artifact_damaged name=%s expected=%d found=%d", file.name, file.size, size)
        raise UnavailableError(f"the bytes of {file.name} are damaged on the server; its operator must look")


def facts(file: File) -> Artifact:
    """What conditions and ranges look at."""
    return Artifact(file.sha1, file.modified, file.size)


def headers(file: File) -> list[Header]:
    """What every answer about the artifact carries."""
    date = [(b"last-modified", facts(file).date.encode())] if file.modified else []
    return [
        (b"accept-ranges", b"bytes"),
        (b"etag", f'"{file.sha1}"'.encode()),
        *date,
        (b"x-content-type-options", b"nosniff"),
        disposition(file.name),
    ]


def refusal(plan: Plan, file: File) -> Answer:
    """304, 412 or 416."""
    extra = [(b"content-range", b"bytes */%d" % file.size)] if plan.status == 416 else []
    return Answer(plan.status, headers=[*headers(file), *extra])


def about(file: File) -> Answer:
    """The answer to HEAD: what a GET without ranges would say, no bytes."""
    length = (b"content-length", b"%d" % file.size)
    return Answer(200, headers=[(b"content-type", OCTETS), length, *headers(file)], length=False)


@dataclass
class Stream:
    """The bytes of an artifact, whole or in ranges. It ends early, with the connection, when ``stands`` says False."""

    file: File
    path: Path
    plan: Plan
    stands: Callable[[], bool]
    _boundary: bytes = field(default_factory=lambda: secrets.token_hex(16).encode())

    @property
    def status(self) -> int:
        """200 or 206."""
        return self.plan.status

    async def send(self, send: Send, receive: Receive, *, head: bool) -> int:  # noqa: ARG002  HEAD is never streamed
        """Send it; the status."""
        pieces = list(self._pieces())
        length = sum(len(p) if isinstance(p, bytes) else p[1] - p[0] + 1 for p in pieces)
        shown = [(b"content-length", b"%d" % length), *self._type(), *headers(self.file)]
        await send({"type": "http.response.start", "status": self.status, "headers": shown})
        if not pieces:
            await send({"type": "http.response.body", "body": b""})
        else:
            gone = asyncio.ensure_future(_gone(receive))
            try:
                await self._body(send, pieces, gone)
            finally:
                gone.cancel()
        return self.status

    def _type(self) -> list[Header]:
        if len(self.plan.spans) > 1:
            return [(b"content-type", b"multipart/byteranges; boundary=" + self._boundary)]
        return [(b"content-type", OCTETS), *self._place()]

    def _place(self) -> list[Header]:
        return [(b"content-range", _place(*self.plan.spans[0], self.file.size))] if self.status == 206 else []

    def _pieces(self) -> Iterator[bytes | Span]:
        """Byte strings to send as they are, and spans of the file."""
        if len(self.plan.spans) <= 1:
            yield from self.plan.spans
            return
        for first, last in self.plan.spans:
            place = _place(first, last, self.file.size)
            start = b"\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Range: %s\r\n\r\n"
            yield start % (self._boundary, place)
            yield first, last
        yield b"\r\n--%s--\r\n" % self._boundary

    async def _body(self, send: Send, pieces: list[bytes | Span], gone: asyncio.Future[None]) -> None:
        handle = os.open(self.path, os.O_RDONLY)
        try:
            for piece in pieces:
                for offset, size in _chunks(piece):
                    data = piece[offset:] if isinstance(piece, bytes) else await _read(handle, offset, size)
                    if gone.done() or len(data) != size or not self.stands() or not await _sent(send, data):
                        return  # short of Content-Length: the server closes the connection
            await send({"type": "http.response.body", "body": b""})
        finally:
            os.close(handle)


def _place(first: int, last: int, size: int) -> bytes:
    return b"bytes %d-%d/%d" % (first, last, size)


def _chunks(piece: bytes | Span) -> Iterator[tuple[int, int]]:
    """(offset, size) of each part to send."""
    if isinstance(piece, bytes):
        yield 0, len(piece)
        return
    for offset in range(piece[0], piece[1] + 1, CHUNK):
        yield offset, min(CHUNK, piece[1] + 1 - offset)


async def _read(handle: int, offset: int, size: int) -> bytes:
    return await asyncio.to_thread(os.pread, handle, size, offset)


async def _sent(send: Send, data: bytes) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(STALL_S):
            await send({"type": "http.response.body", "body": data, "more_body": True})
            return True
    return False


async def _gone(receive: Receive) -> None:
    """Returns when the client has gone; granian takes bytes for it without a word."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
