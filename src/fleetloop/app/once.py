"""Idempotency-Key: a POST of the API that is sent twice is done once.

The key is written down before the request runs. Sent again it is answered from what was written, and never run again:
not if the first one still runs, and not if the server ended before it had an answer. Keys belong to the credential they
came with; what is stored tells neither the credential nor the body (both go through a hash keyed by the credential).
"""

import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fleetloop.access.entry import SESSION_COOKIE, bearer, who
from fleetloop.app import kept
from fleetloop.app.kept import Answer
from fleetloop.core.clock import Clock
from fleetloop.core.db import Database
from fleetloop.core.errors import ConflictError, FleetloopError, InputError, TooLargeError

log = logging.getLogger(__name__)
API = "/api/v1"
HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 128
ASKED_BYTES = 8 * 2**20
KEPT_BYTES = 64 * 1024
LEFT_OUT = frozenset({f"{API}/releases", f"{API}/login"})
"""A bundle streams, and the same one twice is one release by its digests; nobody is known yet who logs in."""
SECRETS = frozenset(f"{API}/{noun}" for noun in ("devices", "tokens", "gateways", "people"))
"""What these answer is told once."""
VERBS = frozenset({"stop", "decide", "pause", "preview"})
NOTHING_DONE = frozenset({401, 403, 412, 429, 503})


class InProgressError(ConflictError):
    """A request with this Idempotency-Key is still running."""

    code = "in-progress"
    passing = True


class OutcomeUnknownError(ConflictError):
    """The server ended before it had answered the request with this Idempotency-Key."""

    code = "outcome-unknown"


class KeyUsedError(ConflictError):
    """This Idempotency-Key came before, with another request."""

    code = "key-used"


class Heard:
    """What the API answers, held until it is written down; ``status`` is 0 until there is an answer."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 0
        self.media = ""
        self.body = b""

    async def __call__(self, message: dict[str, Any]) -> None:
        """As ASGI's ``send``."""
        self.messages.append(message)
        if message["type"] == "http.response.start":
            headers: list[tuple[bytes, bytes]] = message.get("headers", [])
            self.status = message["status"]
            self.media = dict(headers).get(b"content-type", b"").decode("latin-1")
        else:
            self.body += message.get("body", b"")


class Once:
    """A layer before the API ``app``. Errors of the key itself are raised, before anything is sent."""

    def __init__(self, app: Any, db: Database, clock: Clock) -> None:
        self._app = app
        self._db = db
        self._clock = clock
        self._running: set[str] = set()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """With a key: once. Raises `InputError`, `InProgressError`, `OutcomeUnknownError`, `KeyUsedError`."""
        keys = [v for k, v in scope.get("headers", ()) if k == HEADER.lower().encode()]
        path = scope.get("path", "")
        if not keys or scope.get("method") != "POST" or not path.startswith(f"{API}/") or path in LEFT_OUT:
            await self._app(scope, receive, send)
            return
        key = checked(keys)
        try:
            body = await _whole(Request(scope, receive))
        except ClientDisconnect:
            return
        again = _Again(body, receive)
        if await self._is_known(scope, body):
            await self._once(_ids(scope, key, body), scope, again, send)
        else:
            await self._app(scope, again, send)  # it says so better

    async def _is_known(self, scope: dict[str, Any], body: bytes) -> bool:
        """Strangers write nothing down."""
        try:
            await who(Request(scope | {"app": self._app}, _Again(body, None)))
        except FleetloopError:
            return False
        return True

    async def _once(self, ids: tuple[str, str], scope: dict[str, Any], receive: Any, send: Any) -> None:
        place, asked = ids
        if place in self._running:
            raise InProgressError(f"the first request with this {HEADER} is still running; ask again in a moment")
        self._running.add(place)
        try:
            at = self._clock.now()
            if there := await self._db.write(lambda tx: kept.begin(tx, place, asked, at)):
                await replay(there, asked, scope["path"])(scope, receive, send)
            else:
                await self._run(ids, scope, receive, send)
        finally:
            self._running.discard(place)

    async def _run(self, ids: tuple[str, str], scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Run it, write down what it answered, then send that. Cancelled half-way it stays begun: nobody knows."""
        heard, failure = Heard(), None
        try:
            await self._app(scope, receive, heard)
        except Exception as error:  # noqa: BLE001  the framework raises again what it has answered with 500
            failure = error
        try:
            await self._settle(ids[0], Answer(ids[1], heard.status, heard.media, heard.body), scope["path"])
        except FleetloopError:
            log.exception("an answer could not be kept; its key stays begun")
        for message in heard.messages:
            await send(message)
        if failure:
            raise failure

    async def _settle(self, place: str, answer: Answer, path: str) -> None:
        if answer.status // 100 in {2, 4} and answer.status not in NOTHING_DONE:
            keep = fit(answer, path)
            await self._db.write(lambda tx: kept.complete(tx, place, keep))
        elif answer.status in NOTHING_DONE or answer.status // 100 == 3:
            await self._db.write(lambda tx: kept.forget(tx, place))


class _Again:
    """A body that was read, once more; then what ``receive`` says."""

    def __init__(self, body: bytes, receive: Any) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Any:
        if self._body is None:
            return await self._receive() if self._receive else {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def checked(keys: list[bytes]) -> str:
    """The one key. Raises `InputError`."""
    key = keys[0].decode("latin-1")
    if len(keys) == 1 and 1 <= len(key) <= LONGEST and key.isascii() and key.isprintable():
        return key
    raise InputError(f"{HEADER}: expected one, of 1 to {LONGEST} printable ASCII characters; a UUID is one")


async def _whole(request: Request) -> bytes:
    pieces: list[bytes] = []
    chunks: AsyncIterator[bytes] = request.stream()
    size = 0
    async for piece in chunks:
        size += len(piece)
        if size > ASKED_BYTES:
            raise TooLargeError(f"a request with {HEADER} has at most {ASKED_BYTES:,} bytes; send it in parts")
        pieces.append(piece)
    return b"".join(pieces)


def _ids(scope: dict[str, Any], key: str, body: bytes) -> tuple[str, str]:
    """(the place of the key, the fingerprint of what was asked)."""
    request = Request(scope)
    secret = bearer(request) or request.cookies.get(SESSION_COOKIE, "")
    asked = hashlib.sha256(body).hexdigest()
    place = _digest(secret, "place", scope["method"], scope["path"], key)
    return place, _digest(secret, "asked", scope["query_string"].decode("latin-1"), asked)


def _digest(secret: str, *parts: str) -> str:
    """Keyed by the credential: without it nobody can try which password was in a body."""
    return hmac.new(secret.encode(), json.dumps(["fleetloop once", *parts]).encode(), "sha256").hexdigest()


def fit(answer: Answer, path: str) -> Answer:
    """What may be kept of ``answer``: no secret, and nothing long."""
    if answer.status < 400 and path in SECRETS:
        said = "This was done. Its answer held what is told once, so it is not kept."
        return _instead(answer, "told-once", f"{said} {look(path)}; a lost token is replaced by a new one.")
    if len(answer.body) > KEPT_BYTES:
        said = f"This was done. Its answer had {len(answer.body):,} bytes; at most {KEPT_BYTES:,} are kept."
        return _instead(answer, "too-long-to-keep", f"{said} {look(path)}.")
    return answer


def _instead(answer: Answer, code: str, detail: str) -> Answer:
    return Answer(
        answer.asked, answer.status, "application/json", json.dumps({"code": code, "detail": detail}).encode()
    )


def look(path: str) -> str:
    """Where the outcome can be seen."""
    before, _, last = path.rpartition("/")
    return f"GET {before if last in VERBS else path} shows what is there"


def replay(there: Answer, asked: str, path: str) -> Response:
    """The answer of the first time. Raises `KeyUsedError`, `OutcomeUnknownError`."""
    if there.asked != asked:
        raise KeyUsedError(f"this {HEADER} came before, with another body; a new request needs a new key")
    if there.status == kept.RUNNING:
        raise OutcomeUnknownError(
            f"the server ended before the first request with this {HEADER} was answered; it may have been done, and is "
            f"not done again. {look(path)}, GET {API}/audit who did what; then send what is missing with a new key"
        )
    headers = {REPLAYED: "true"} | ({"content-type": there.media} if there.media else {})
    return Response(there.body, there.status, headers=headers)


def described(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with the header, once, and named by every operation that takes it."""
    words = f"Done once: sent again within 24 h with the same body it is answered as before, with {REPLAYED}."
    schema = {"type": "string", "minLength": 1, "maxLength": LONGEST}
    header = {"name": HEADER, "in": "header", "required": False, "schema": schema, "description": words}
    document.setdefault("components", {}).setdefault("parameters", {})["IdempotencyKey"] = header
    for path, methods in document["paths"].items():
        if "post" in methods and path.startswith(f"{API}/") and path not in LEFT_OUT:
            methods["post"].setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
    return document
