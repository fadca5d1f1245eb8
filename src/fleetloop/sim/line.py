"""The line to the server: one pool of keep-alive connections for all devices of the process."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import aiohttp
from yarl import URL

from fleetloop.core.errors import InfrastructureError, UnavailableError

TIMEOUT_S = 30.0
"""Real seconds. A server that is silent for so long is broken: no device's behaviour, the end of the run."""
PIECE = 1 << 16


class AwayError(UnavailableError):
    """The server is away: no connection, broken off, or 5xx."""

    code = "server-away"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and whole body."""

    status: int
    body: bytes


class Line:
    """Raises `AwayError` when the server is away, `InfrastructureError` when it takes a request and never answers."""

    def __init__(self, server: str, connections: int = 32, timeout_s: float = TIMEOUT_S) -> None:
        self._server, self.connections, self._timeout_s = server.rstrip("/"), connections, timeout_s
        self._http: aiohttp.ClientSession | None = None
        self._urls: dict[str, URL] = {}

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http:
            await self._http.close()
            self._http = None

    async def call(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """One request. ``path`` is a path of the server, or a whole address that it gave."""
        try:
            async with self._open.request(method, self._url(path), headers=headers, data=body) as answer:
                return _known(method, path, Answer(answer.status, await answer.read()))
        except TimeoutError as e:
            raise self._hangs(method, path) from e
        except aiohttp.ClientError as e:
            raise AwayError(f"{method} {path}: {e or type(e).__name__}") from e

    async def fetch(self, href: str, headers: Mapping[str, str], into: bytearray, most: int) -> int:
        """Download ``href`` behind what ``into`` holds, up to ``most`` bytes in all; returns the status."""
        asked = dict(headers) | ({"Range": f"bytes={len(into)}-"} if into else {})
        try:
            async with self._open.get(self._url(href), headers=asked) as answer:
                _known("GET", href, Answer(answer.status, b""))
                if answer.status == 200:
                    into.clear()
                if answer.status in (200, 206):
                    await _take(answer, into, most)
                return answer.status
        except TimeoutError as e:
            raise self._hangs("GET", href) from e
        except aiohttp.ClientError as e:
            raise AwayError(f"GET {href}: {e or type(e).__name__}") from e

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise InfrastructureError("the line to the server is not open; enter the simulation with `async with`")
        return self._http

    def _url(self, path: str) -> URL:
        if path not in self._urls:
            whole = path if "://" in path else f"{self._server}{path}"
            if len(self._urls) > 100_000:
                self._urls.clear()
            self._urls[path] = URL(whole, encoded=True)
        return self._urls[path]

    def _hangs(self, method: str, path: str) -> InfrastructureError:
        return InfrastructureError(f"{self._server} took {method} {path} and gave no answer in {self._timeout_s:g} s")


def _known(method: str, path: str, answer: Answer) -> Answer:
    if answer.status >= 500:
        told = answer.body[:200].decode("utf-8", "replace")
        raise AwayError(f"{method} {path}: status {answer.status} {told}".rstrip())
    return answer


async def _take(answer: aiohttp.ClientResponse, into: bytearray, most: int) -> None:
    async for piece in answer.content.iter_chunked(PIECE):
        into += piece
        if len(into) > most:
            del into[most:]
            answer.close()
            return
