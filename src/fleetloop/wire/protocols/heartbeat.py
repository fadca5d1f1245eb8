"""Heartbeats beside any update protocol: ``POST /{tenant}/heartbeat/v1/{device}``, with the tokens of DDI.

    {"version": "1.0.0", "hardware_revision": "b", "boot_id": "5f0c…", "uptime_s": 86400.5,
     "reset": "power-on", "crashes": 0, "self_test": true}

All seven are required, further ones are ignored. 200 with an empty body: a change of version, boot id, crashes or
self-test is on disk. 400 is a problem document that names the field. A gateway's heartbeat does not make a device
known; its first poll does (404 until then).
"""

from typing import ClassVar, cast

import orjson

from fleetloop.core.errors import FleetloopError, InputError, LimitError, NotFoundError
from fleetloop.wire import body
from fleetloop.wire.entry import Ask, Entry
from fleetloop.wire.media import is_json
from fleetloop.wire.model import Admission, Heartbeat
from fleetloop.wire.reply import Answer, Reply, problem_error
from fleetloop.wire.seam import DeviceProtocol, House, Receive, Scope, Send

REFUSED = Answer(401)
TAKEN = Answer(200)
UNSUPPORTED = Answer(415, headers=[(b"accept", b"application/json")])
NOT_ALLOWED = Answer(405, headers=[(b"allow", b"POST")])
TEXT = 128
LONGEST_S = 1e10
MOST_CRASHES = 2**53


class BadHeartbeatError(InputError):
    """The heartbeat cannot be understood."""

    code = "bad-heartbeat"


class Heartbeats:
    """The protocol."""

    segment: ClassVar[str] = "heartbeat"

    def __init__(self, house: House) -> None:
        self._house = house
        self._entry = Entry(house)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request; its status."""
        try:
            reply = await self._reply(Ask(scope, receive))
        except FleetloopError as error:
            wait = {"retry_s": self._entry.wait_s} if isinstance(error, LimitError) else {}
            reply = problem_error(error, **wait)
        return await reply.send(send, receive, head=scope["method"] == "HEAD")

    async def _reply(self, ask: Ask) -> Reply:
        if len(ask.parts) != 5 or ask.parts[3] != "v1":
            raise NotFoundError("heartbeats go to /TENANT/heartbeat/v1/DEVICE")
        admission = self._entry.look(ask)
        if admission is Admission.REFUSED:
            return REFUSED
        await self._entry.enter(ask, admission, brings=False)
        if ask.method != "POST":
            return NOT_ALLOWED
        if not is_json(ask.headers.get(b"content-type", b"application/json")):
            return UNSUPPORTED
        heartbeat = parse(await body.read(ask.headers, ask.receive, self._house.settings))
        waiting = self._house.inbox.heartbeat(ask.parts[4], heartbeat)
        if waiting is not None:
            await waiting
        return TAKEN


def parse(text: bytes) -> Heartbeat:
    """Raises `BadHeartbeatError` that names the field, what was expected and what came."""
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as e:
        raise BadHeartbeatError(f"the body is not JSON: {e}") from e
    if not isinstance(value, dict):
        raise BadHeartbeatError("the body must be a JSON object")
    body = cast("dict[str, object]", value)
    return Heartbeat(
        _text(body, "version"),
        _text(body, "hardware_revision"),
        _text(body, "boot_id"),
        _number(body, "uptime_s"),
        _text(body, "reset"),
        _count(body, "crashes"),
        _flag(body, "self_test"),
    )


def _text(body: dict[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= TEXT or not value.isprintable():
        raise _wrong(body, name, f"a text of 1 to {TEXT} printable characters")
    return value


def _number(body: dict[str, object], name: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_S:
        raise _wrong(body, name, f"seconds, 0 to {LONGEST_S:g}")
    return float(value)


def _count(body: dict[str, object], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_CRASHES:
        raise _wrong(body, name, "a whole number, 0 or more")
    return value


def _flag(body: dict[str, object], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise _wrong(body, name, "true or false")
    return value


def _wrong(body: dict[str, object], name: str, expected: str) -> BadHeartbeatError:
    if name not in body:
        return BadHeartbeatError(f"{name} is missing; expected {expected}", field=name)
    return BadHeartbeatError(f"{name} must be {expected}; got {repr(body[name])[:60]}", field=name)


plug: type[DeviceProtocol] = Heartbeats
