"""hawkBit's Direct Device Integration, version 1: ``/{tenant}/controller/v1/{device}/…``.

For SWUpdate, rauc-hawkbit-updater, Zephyr and our gateways: polling, deployment, feedback, cancel, attributes and
downloads as hawkBit serves them. Where hawkBit is wrong this does better and keeps the status that devices depend on.
Not spoken: CBOR (406, 415), confirmation (404), ``PUT installedBase`` (405).

Free choices: HEAD of a document is GET without its body, tag included. ``installedBase`` serves only the last action
that ended well. An order with ``update: skip`` is shown to rauc alone: SWUpdate would answer that it is installed,
Zephyr would install it. Downloads count ten times less against the limit of requests.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar
from urllib.parse import parse_qs

from fleetloop.core.errors import FleetloopError, InputError, LimitError, NotFoundError
from fleetloop.wire import attributes, body, download, hal, reports
from fleetloop.wire.entry import Ask, Entry
from fleetloop.wire.media import HAL, JSON, accepted, is_json
from fleetloop.wire.model import Admission, Mode, Order, Outcome
from fleetloop.wire.ranges import Plan, plan
from fleetloop.wire.reply import Answer, Reply, ddi_error, document, etag, unchanged
from fleetloop.wire.seam import DeviceProtocol, House, Receive, Scope, Send

REFUSED = Answer(401)
TAKEN = Answer(200)
NOT_ACCEPTABLE = Answer(406, headers=[(b"accept", HAL + b", " + JSON)])
UNSUPPORTED = Answer(415, headers=[(b"accept", JSON)])
OUTCOMES = {
    Outcome.TAKEN: TAKEN,
    Outcome.UNKNOWN: ddi_error(NotFoundError("there is no such action for this device")),
    Outcome.NOT_CANCELLING: Answer(405, headers=[(b"allow", b"GET, HEAD")]),
    Outcome.OVER: Answer(410),
}
NO_FILE = "no such file is assigned to this device"
HISTORY = 100
LARGEST = 2**31 - 1

READ = frozenset(("GET", "HEAD"))

Verb = Callable[[Ask], Awaitable[Reply]]


class Quiet:
    """The answer to a poll with nothing to say, serialised once for each period."""

    def __init__(self, poll_s: int) -> None:
        body = hal.poll(hal.sleep(poll_s), asks=False)
        self.tag = etag(body)
        self.same = document(body, HAL, self.tag)
        self.answers = {media: document(body, media, None) for media in (HAL, JSON)}


class Ddi:
    """The protocol. Nothing is kept here but what is built once."""

    segment: ClassVar[str] = "controller"

    def __init__(self, house: House) -> None:
        self._house = house
        self._dispatch = house.dispatch
        self._inbox = house.inbox
        self._entry = Entry(house)
        self._poll_s: Callable[[str], int] = house.poll_s or self._same_poll_s
        self._quiet: dict[int, Quiet] = {}
        post, put = frozenset(("POST",)), frozenset(("PUT",))
        # by length of the path, its sixth and its eighth step
        self._verbs: dict[tuple[int, str, str], tuple[frozenset[str], Verb]] = {
            (6, "configData", ""): (put, self._attributes),
            (7, "deploymentBase", ""): (READ, self._deployment),
            (7, "installedBase", ""): (READ, self._installed),
            (7, "cancelAction", ""): (READ, self._cancel),
            (8, "deploymentBase", "feedback"): (post, partial(self._report, on_cancel=False)),
            (8, "cancelAction", "feedback"): (post, partial(self._report, on_cancel=True)),
            (8, "softwaremodules", "artifacts"): (READ, self._modules),
            (9, "softwaremodules", "artifacts"): (READ, self._artifact),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request; its status."""
        try:
            ask = Ask(scope, receive)
            reply = await self._reply(ask)
        except FleetloopError as error:
            wait = {"retry_s": self._entry.wait_s} if isinstance(error, LimitError) else {}
            reply = ddi_error(error, **wait)
        return await reply.send(send, receive, head=scope["method"] == "HEAD")

    async def _reply(self, ask: Ask) -> Reply:
        parts = ask.parts
        if len(parts) < 5 or parts[3] != "v1":
            raise NotFoundError("there is nothing at this address")
        admission = self._entry.look(ask)
        if admission is Admission.REFUSED:
            return REFUSED
        methods, verb = (READ, self._poll) if len(parts) == 5 else self._verb(parts)
        await self._entry.enter(ask, admission, brings=len(parts) == 5, download=len(parts) == 9)
        if ask.method not in methods:
            return Answer(405, headers=[(b"allow", ", ".join(sorted(methods)).encode())])
        return await verb(ask)

    def _verb(self, parts: list[str]) -> tuple[frozenset[str], Verb]:
        key = (len(parts), parts[5], parts[7] if len(parts) > 7 else "")
        if key not in self._verbs:
            raise NotFoundError("there is nothing at this address")
        return self._verbs[key]

    async def _poll(self, ask: Ask) -> Reply:
        """What there is to do. Nothing but memory is asked, unless an order is handed for the first time."""
        device = ask.parts[4]
        media = accepted(ask.headers.get(b"accept"))
        if media is None:
            return NOT_ACCEPTABLE
        order = self._dispatch.order(device)
        if order is not None and not order.cancel and not await self._handed(ask, order):
            order = None
        installed, asks = self._dispatch.installed(device), self._inbox.wants_attributes(device)
        wanted = ask.headers.get(b"if-none-match")
        poll_s = self._poll_s(device)
        if order is None and installed is None and not asks:
            quiet = self._quiet.get(poll_s) or self._quiet.setdefault(poll_s, Quiet(poll_s))
            return quiet.same if unchanged(wanted, quiet.tag) else quiet.answers[media]
        return document(hal.poll(hal.sleep(poll_s), self._base(ask), order, installed, asks=asks), media, wanted)

    async def _deployment(self, ask: Ask) -> Reply:
        """The order in full. A finished action is still served, and stays finished."""
        media = accepted(ask.headers.get(b"accept"))
        if media is None:
            return NOT_ACCEPTABLE
        action, most = _number(ask.parts[6]), _history(ask)
        order = await self._served(ask, action)
        past = await self._dispatch.history(ask.parts[4], action, most) if most else None
        return document(hal.deployment(order, self._base(ask), past), media, ask.headers.get(b"if-none-match"))

    async def _served(self, ask: Ask, action: int) -> Order:
        device = ask.parts[4]
        order = self._dispatch.order(device)
        if order is None or order.action != action:
            order = await self._dispatch.deployment(device, action)
        if order is not None and not order.cancel and await self._handed(ask, order):
            return order
        raise NotFoundError(f"action {action} is not there for this device, or is being cancelled")

    async def _handed(self, ask: Ask, order: Order) -> bool:
        """Whether this device may be told of ``order``; durable if so."""
        if order.update is Mode.SKIP and not ask.headers.get(b"user-agent", b"").startswith(b"rauc-hawkbit"):
            return False
        waiting = self._dispatch.hand(ask.parts[4], order.action)
        return waiting is None or await waiting

    async def _installed(self, ask: Ask) -> Reply:
        media = accepted(ask.headers.get(b"accept"))
        if media is None:
            return NOT_ACCEPTABLE
        device, action, most = ask.parts[4], _number(ask.parts[6]), _history(ask)
        order = await self._dispatch.deployment(device, action) if action == self._dispatch.installed(device) else None
        if order is None:
            raise NotFoundError(f"action {action} is not the one that this device finished last")
        past = await self._dispatch.history(device, action, most) if most else None
        return document(hal.deployment(order, self._base(ask), past), media, ask.headers.get(b"if-none-match"))

    async def _cancel(self, ask: Ask) -> Reply:
        """Which action to stop."""
        media = accepted(ask.headers.get(b"accept"))
        if media is None:
            return NOT_ACCEPTABLE
        action = _number(ask.parts[6])
        if not await self._dispatch.cancelling(ask.parts[4], action):
            raise NotFoundError(f"action {action} is not being cancelled")
        return document(hal.cancel(action), media, ask.headers.get(b"if-none-match"))

    async def _report(self, ask: Ask, *, on_cancel: bool) -> Reply:
        """What the device says of an action. The answer goes out once the inbox has the report on disk."""
        if not is_json(ask.headers.get(b"content-type")):
            return UNSUPPORTED
        action = _number(ask.parts[6])
        report = reports.parse(await body.read(ask.headers, ask.receive, self._house.settings))
        return OUTCOMES[await self._inbox.report(ask.parts[4], action, report, on_cancel=on_cancel)]

    async def _attributes(self, ask: Ask) -> Reply:
        """What the device says of itself, at any time."""
        if not is_json(ask.headers.get(b"content-type")):
            return UNSUPPORTED
        mode, data = attributes.parse(await body.read(ask.headers, ask.receive, self._house.settings))
        await self._inbox.attributes(ask.parts[4], mode, data)
        return TAKEN

    async def _modules(self, ask: Ask) -> Reply:
        """The artifacts of a software module that is the device's to install now."""
        media = accepted(ask.headers.get(b"accept"))
        if media is None:
            return NOT_ACCEPTABLE
        order, key = self._dispatch.order(ask.parts[4]), _number(ask.parts[6])
        if order is None or order.cancel or order.file.key != key or not await self._handed(ask, order):
            raise NotFoundError(f"software module {key} is not assigned to this device")
        return document(hal.artifacts(order.file, self._base(ask)), media, ask.headers.get(b"if-none-match"))

    async def _artifact(self, ask: Ask) -> Reply:
        """The file, or its MD5SUM. Conditions and HEAD are answered from memory; only bytes count as a download."""
        order, key, name = self._dispatch.order(ask.parts[4]), _number(ask.parts[6]), ask.parts[8]
        if order is None or order.cancel or order.file.key != key:
            raise NotFoundError(NO_FILE)
        if name == f"{order.file.name}.MD5SUM":
            return download.md5sum(order.file)
        if name != order.file.name:
            raise NotFoundError(NO_FILE)
        head = ask.method == "HEAD"
        chosen = plan(ask.headers, download.facts(order.file), head=head)
        if chosen.status not in (200, 206):
            return download.refusal(chosen, order.file)
        return download.about(order.file) if head else await self._bytes(ask.parts[4], order, chosen)

    async def _bytes(self, device: str, order: Order, chosen: Plan) -> Reply:
        """Hand the order before its first byte, and count a download that begins."""
        waiting = self._dispatch.hand(device, order.action)
        if waiting is not None and not await waiting:
            raise NotFoundError(NO_FILE)
        found = await self._inbox.download(device, order.file.key, order.file.name, resumed=not chosen.starts)
        if found is None:
            raise NotFoundError(NO_FILE)
        action, file, path = found
        download.check(file, path)
        return download.Stream(file, path, chosen, partial(self._dispatch.stands, device, action))

    def _same_poll_s(self, device: str) -> int:  # noqa: ARG002  all are told the same
        return self._house.settings.poll_s

    def _base(self, ask: Ask) -> str:
        return hal.base(ask, behind_proxy=self._house.settings.behind_proxy)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"expected a number in the address; got {text[:40]!r}")
    if len(text) > 10 or int(text) > LARGEST:
        raise NotFoundError("there is no such number for this device")
    return int(text)


def _history(ask: Ask) -> int:
    """How many messages ``actionHistory`` asks for; ``c`` must be a number and is ignored."""
    query: bytes = ask.scope.get("query_string", b"")
    if not query:
        return 0
    asked = parse_qs(query.decode("latin-1"))
    _integer(asked.get("c", ["0"])[-1])
    most = _integer(asked.get("actionHistory", ["0"])[-1])
    return HISTORY if most < 0 else min(most, HISTORY)


def _integer(text: str) -> int:
    sign, digits = text[:1] == "-", text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise InputError(f"c and actionHistory must be whole numbers; got {text[:40]!r}")
    return -int(digits) if sign else int(digits)


plug: type[DeviceProtocol] = Ddi
