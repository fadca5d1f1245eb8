"""hawkBit's DDI and the heartbeat beside it, as one device's client. Knows HTTP and JSON; knows no board.

async with Line("http://127.0.0.1:8080") as line:
    controller = Controller(line, "DEFAULT", "cell-0001", "GatewayToken ...")
    await controller.heartbeat(summary)
    poll = await controller.poll()
    if poll.deployment and (offer := await controller.deployment(poll.deployment)):
        ...
"""

import json
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from gateway.image import SLOT_SIZE
from gateway.record import Said

TIMEOUT_S = 30.0  # real seconds; a server that takes a request and is silent for so long is broken
PIECE = 1 << 16
OVER = frozenset({404, 405, 409, 410})  # no such action, or it is over: nothing is left to say about it
POLL_S = 3600.0


class LineError(Exception):
    """Something between us and the server."""


class AwayError(LineError):
    """No connection, broken off, or 5xx: try again later."""


class HangError(LineError):
    """Infrastructure: the server took a request and never answered."""


class AnswerError(LineError):
    """The server answered, and not with what was needed."""


class OfferError(Exception):
    """The order asks for something that this product cannot take. ``action`` is empty if even that is not said."""

    def __init__(self, text: str, action: str) -> None:
        super().__init__(text)
        self.action = action


@dataclass(frozen=True)
class Offer:
    """One artifact to install."""

    action: str
    version: str
    name: str
    size: int
    sha256: str
    href: str
    download: str  # forced, attempt or skip
    update: str


@dataclass(frozen=True)
class Poll:
    """What the server answers to a poll; links are "" if they are not there."""

    sleep_s: float
    deployment: str
    cancel: str
    attributes: str


class Line:
    """The connections to one server."""

    def __init__(self, server: str) -> None:
        self.server = server.rstrip("/")

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def call(self, method: str, where: str, headers: dict[str, str], body: Any = None) -> tuple[int, bytes]:
        """Status and body. ``where``: a path, or a whole address that the server gave."""
        sent = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        try:
            async with self._http.request(method, self._url(where), headers=headers | kind, data=sent) as answer:
                return _status(answer), await answer.read()
        except TimeoutError as cause:
            raise self._hangs(where) from cause
        except aiohttp.ClientError as cause:
            raise AwayError(f"{method} {where}: {cause or type(cause).__name__}") from cause

    async def fetch(self, where: str, headers: dict[str, str], into: bytearray, most: int) -> int:
        """Download behind what ``into`` holds, up to ``most`` bytes in all; the status."""
        asked = headers | ({"Range": f"bytes={len(into)}-"} if into else {})
        try:
            async with self._http.get(self._url(where), headers=asked) as answer:
                if answer.status == 200:
                    into.clear()
                if answer.status in (200, 206):
                    await _take(answer, into, most)
                return _status(answer)
        except TimeoutError as cause:
            raise self._hangs(where) from cause
        except aiohttp.ClientError as cause:
            raise AwayError(f"GET {where}: {cause or type(cause).__name__}") from cause

    def _url(self, where: str) -> URL:
        return URL(where if "://" in where else self.server + where, encoded=True)

    def _hangs(self, where: str) -> HangError:
        return HangError(f"{self.server} took a request for {where} and gave no answer in {TIMEOUT_S:g} s")


def _status(answer: aiohttp.ClientResponse) -> int:
    if answer.status >= 500:
        raise AwayError(f"{answer.method} {answer.url}: status {answer.status}")
    return answer.status


async def _take(answer: aiohttp.ClientResponse, into: bytearray, most: int) -> None:
    async for piece in answer.content.iter_chunked(PIECE):
        into += piece
        if len(into) > most:
            del into[most:]
            answer.close()
            return


class Controller:
    """One device at the server. Every verb raises `AwayError`, `HangError` or `AnswerError`."""

    def __init__(self, line: Line, tenant: str, device: str, authorization: str) -> None:
        self._line, self._headers = line, {"Authorization": authorization}
        self._base = f"/{quote(tenant, safe='')}/controller/v1/{quote(device, safe='')}"
        self._heart = f"/{quote(tenant, safe='')}/heartbeat/v1/{quote(device, safe='')}"

    async def heartbeat(self, summary: dict[str, object]) -> bool:
        """False: the server does not know the device yet; a poll by a gateway makes it known."""
        status, _ = await self._line.call("POST", self._heart, self._headers, summary)
        return status != 404 and bool(_good(status, "heartbeat"))

    async def poll(self) -> Poll:
        """What is to be done?"""
        status, body = await self._line.call("GET", self._base, self._headers)
        _good(status, "poll")
        value = _object(body)
        return Poll(_sleep(value), *(_link(value, name) for name in ("deploymentBase", "cancelAction", "configData")))

    async def deployment(self, href: str) -> Offer | None:
        """The order, or None if it was taken back. Raises `OfferError`."""
        status, body = await self._line.call("GET", href, self._headers)
        if status in OVER:
            return None
        _good(status, "deployment")
        return _offer(_object(body))

    async def stop_id(self, href: str) -> str:
        """Which action to cancel; "" if none is any more."""
        status, body = await self._line.call("GET", href, self._headers)
        if status in OVER:
            return ""
        _good(status, "cancelAction")
        stop = _object(body).get("cancelAction")
        return str(stop.get("stopId", "")) if isinstance(stop, dict) else ""

    async def fetch(self, offer: Offer, into: bytearray) -> bool:
        """The rest of the file, or one byte too many; False if the order was taken back."""
        if len(into) >= offer.size:
            return True
        status = await self._line.fetch(offer.href, self._headers, into, offer.size + 1)
        return status not in OVER and bool(_good(status, "download"))

    async def attributes(self, href: str, data: dict[str, str]) -> None:
        """What the device says of itself."""
        status, _ = await self._line.call("PUT", href, self._headers, {"mode": "merge", "data": data})
        _good(status, "configData")

    async def report(self, said: Said) -> int:
        """The status: below 400 it is kept, in `OVER` nobody wants it any more, at 400 it never will be."""
        kind = "cancelAction" if said.on_cancel else "deploymentBase"
        result = {"execution": said.execution, "result": {"finished": said.finished}, "details": list(said.details)}
        body = {"id": said.action, "timestamp": int(said.at * 1000), "status": result}
        where = f"{self._base}/{kind}/{quote(said.action, safe='')}/feedback"
        status, _ = await self._line.call("POST", where, self._headers, body)
        return status if status in OVER or status == 400 else _good(status, "feedback")


def _good(status: int, what: str) -> int:
    if status >= 400:
        raise AnswerError(f"{what}: status {status}")
    return status


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as cause:
        raise AnswerError(f"the server's answer is not JSON: {cause}") from cause
    if not isinstance(value, dict):
        raise AnswerError("the server's answer is not a JSON object")
    return value


def _link(value: dict[str, Any], *names: str) -> str:
    links = value.get("_links")
    found = [links[name] for name in names if name in links] if isinstance(links, dict) else []
    return str(found[0].get("href", "")) if found and isinstance(found[0], dict) else ""


def _sleep(value: dict[str, Any]) -> float:
    try:
        hours, minutes, seconds = map(int, value["config"]["polling"]["sleep"].split(":"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return POLL_S
    return max(1.0, hours * 3600.0 + minutes * 60.0 + seconds)


def _offer(value: dict[str, Any]) -> Offer:
    action = str(value.get("id", ""))
    try:
        (chunk,) = value["deployment"]["chunks"]
        (artifact,) = chunk["artifacts"]
        offer = Offer(
            action,
            str(chunk["version"]),
            str(artifact["filename"]),
            int(artifact["size"]),
            str(artifact["hashes"]["sha256"]),
            _link(artifact, "download", "download-http"),
            str(value["deployment"]["download"]),
            str(value["deployment"]["update"]),
        )
    except (KeyError, TypeError, ValueError) as cause:
        told = f"cannot read the order ({type(cause).__name__}: {cause}); expected one chunk with one artifact"
        raise OfferError(told, action) from cause
    if not offer.action or not offer.href:
        raise OfferError("the order has no id or no link to its file", action)
    if not 0 < offer.size <= SLOT_SIZE:
        raise OfferError(f"{offer.name} has {offer.size} bytes; a slot has room for {SLOT_SIZE}", action)
    return offer
