"""The tokens of devices and gateways, held in memory so that a poll needs no look-up.

    tokens.devices.get(digest_of(token)) == device      # one SHA-256, one look-up, one comparison

Tokens have 192 random bits, 32 characters: the most that Zephyr's client holds. Only their digests are kept, in memory
as on disk.
"""

import secrets
from collections.abc import Sequence
from hashlib import sha256

from fleetloop.access import store
from fleetloop.access.model import Gateway
from fleetloop.core.db import Database, Reader, Tx

BITS = 192


def new_token() -> str:
    """32 characters of URL-safe text."""
    return secrets.token_urlsafe(BITS // 8)


def digest_of(token: str) -> bytes:
    """What is kept of a token; any text has one."""
    return sha256(token.encode(errors="replace")).digest()


class Tokens:
    """``devices``: digest to device id. ``gateways``: digest to gateway. Others only read them."""

    def __init__(self) -> None:
        self.devices: dict[bytes, str] = {}
        self.gateways: dict[bytes, Gateway] = {}
        self._digests: dict[str, bytes] = {}

    async def load(self, db: Database) -> None:
        """Fill memory at start."""
        await db.read(self._read)

    def _read(self, reader: Reader) -> None:
        """Whoever holds these dicts goes on holding them."""
        self.devices.update((bytes.fromhex(digest), device) for digest, device in store.all_device_tokens(reader))
        self._digests.update((device, digest) for digest, device in self.devices.items())
        self.gateways.update((bytes.fromhex(digest), gateway) for digest, gateway in store.all_gateways(reader))

    def issue(self, tx: Tx, devices: Sequence[str]) -> list[str]:
        """A new token for each device, told once; an earlier one is void. Known to memory after the commit."""
        made = {device: new_token() for device in devices}
        digests = {device: digest_of(token) for device, token in made.items()}
        store.replace_device_tokens(tx, {device: digest.hex() for device, digest in digests.items()})
        tx.after(lambda: self._learn(digests))
        return [made[device] for device in devices]

    def revoke(self, tx: Tx, device: str) -> None:
        """The device is refused from the commit on."""
        store.delete_device_tokens(tx, [device])
        tx.after(lambda: self._forget(device))

    def add_gateway(self, tx: Tx, gateway: Gateway) -> str:
        """Its token, told once. Raises `ConflictError` for a name that is taken."""
        token = new_token()
        store.create_gateway(tx, gateway, digest_of(token).hex())
        tx.after(lambda: self.gateways.__setitem__(digest_of(token), gateway))
        return token

    def remove_gateway(self, tx: Tx, name: str) -> None:
        """It is refused from the commit on. Raises `NotFoundError`."""
        store.delete_gateway(tx, name)
        tx.after(lambda: self._drop(name))

    def _learn(self, digests: dict[str, bytes]) -> None:
        for device, digest in digests.items():
            self._forget(device)
            self.devices[digest] = device
            self._digests[device] = digest

    def _forget(self, device: str) -> None:
        if digest := self._digests.pop(device, None):
            self.devices.pop(digest, None)

    def _drop(self, name: str) -> None:
        for digest, gateway in list(self.gateways.items()):
            if gateway.name == name:
                del self.gateways[digest]
