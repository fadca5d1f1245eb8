"""Who may speak for a device: the guard of `fleetloop.wire`, from the tokens and devices in memory."""

from hashlib import sha256

from fleetloop.access import Tokens
from fleetloop.core.errors import DeniedError
from fleetloop.fleet.service import Fleet
from fleetloop.wire import Admission


class TokenGuard:
    """A `Guard` for target and gateway tokens. `admit` hashes once and looks up once."""

    __slots__ = ("_devices", "_fleet", "_gateways")

    def __init__(self, fleet: Fleet, tokens: Tokens) -> None:
        self._fleet = fleet
        self._devices = tokens.devices
        self._gateways = tokens.gateways

    def admit(self, device: str, scheme: str, token: str) -> Admission:
        """See `Guard.admit`."""
        digest = sha256(token.encode(errors="replace")).digest()
        if scheme == "TargetToken":
            return Admission.KNOWN if self._devices.get(digest) == device else Admission.REFUSED
        if scheme == "GatewayToken" and digest in self._gateways:
            return Admission.KNOWN if self._fleet.knows(device) else Admission.NEW
        return Admission.REFUSED

    async def register(self, device: str, token: str) -> None:
        """See `Guard.register`. Raises `DeniedError` if the gateway was removed meanwhile."""
        gateway = self._gateways.get(sha256(token.encode(errors="replace")).digest())
        if gateway is None:
            raise DeniedError("this gateway was removed")
        await self._fleet.register(device, gateway)
