"""What stands before every protocol: the request taken apart, its tenant and token, the limit, the contact."""

import re
from urllib.parse import unquote

from fleetloop.core.errors import InputError, LimitError, NotFoundError
from fleetloop.wire.limit import Meter
from fleetloop.wire.model import Admission
from fleetloop.wire.seam import House, Receive, Scope

SCHEMES = frozenset(("TargetToken", "GatewayToken"))
DOWNLOADS = 10  # an updater that streams asks for some 1000 ranges
_NEW_ID = re.compile(r"[!-~]{1,128}")
_BANNED = frozenset("/%;\\")  # hawkBit refuses them too


class Ask:
    """One request. ``parts`` are the decoded steps of its path: ``["", tenant, segment, version, device, …]``."""

    __slots__ = ("headers", "method", "parts", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.parts: list[str] = _parts(scope)


def _parts(scope: Scope) -> list[str]:
    raw: bytes = scope.get("raw_path") or b""
    if b"%" not in raw:
        return scope["path"].split("/")
    try:  # split before decoding, so that an encoded slash stays inside its step
        return [unquote(step, errors="strict") for step in raw.decode("ascii").split("/")]
    except UnicodeDecodeError as e:
        raise InputError("the path is not UTF-8 when its %XX are decoded") from e


class Entry:
    """Lets a request in, or says why not. One for each protocol: each has a limit of its own."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tenant = house.tenant
        self._folded = house.tenant.casefold()
        self._admit = house.guard.admit
        self._contact = house.inbox.contact
        self._meter = Meter(house.clock, house.settings.requests_a_minute)
        self._downloads = Meter(house.clock, DOWNLOADS * house.settings.requests_a_minute)

    def look(self, ask: Ask) -> Admission:
        """What the guard says. REFUSED must be answered by 401 before anything else is looked at."""
        tenant = ask.parts[1]
        scheme, token = credentials(ask)
        if scheme not in SCHEMES or (tenant != self._tenant and tenant.casefold() != self._folded):
            return Admission.REFUSED
        return self._admit(ask.parts[4], scheme, token)

    async def enter(self, ask: Ask, admission: Admission, *, brings: bool, download: bool = False) -> None:
        """Hold the limit, register a new device if this request ``brings`` one, note the contact.

        Raises `LimitError`, `NotFoundError` for a new device elsewhere, `InputError` for an id that cannot be one.
        """
        device = ask.parts[4]
        meter = self._downloads if download else self._meter
        if not meter.take(device):
            raise LimitError(f"{device} asks too often; try again in {meter.wait_s()} s")
        if admission is Admission.NEW:
            await self._bring(ask, device, brings=brings)
        waiting = self._contact(device)
        if waiting is not None:
            await waiting

    async def _bring(self, ask: Ask, device: str, *, brings: bool) -> None:
        if not brings:
            raise NotFoundError(f"there is no device {device[:128]!r}; its first poll makes it known")
        if not _NEW_ID.fullmatch(device) or _BANNED & set(device):
            raise InputError("a device id has 1 to 128 printable ASCII characters, no space and none of / % ; \\")
        await self._house.guard.register(device, credentials(ask)[1])

    @property
    def wait_s(self) -> int:
        """Seconds after which a device over its limit may ask again."""
        return self._meter.wait_s()


def credentials(ask: Ask) -> tuple[str, str]:
    """Scheme and token, one space between; a second one makes it another token, which nobody has."""
    scheme, _, token = ask.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return scheme, token.rstrip(" ")
