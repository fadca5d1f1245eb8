"""A request as it reached the proxy in front of this server."""

from collections.abc import MutableMapping
from ipaddress import ip_address
from typing import Any

PROTO, FOR = b"x-forwarded-proto", b"x-forwarded-for"


def as_seen(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An ASGI scope with the scheme and the address that the proxy next to us saw.

    Only the last hop counts: what stands before it in a header is what somebody else said. Call it only where a proxy
    is known to be there, else anybody could choose their address.
    """
    said: dict[bytes, bytes] = dict(scope["headers"])
    scheme, address = _last(said.get(PROTO, b"")).lower(), _last(said.get(FOR, b""))
    seen = dict(scope)
    if scheme in {"http", "https"}:
        seen["scheme"] = scheme
    if _is_address(address):
        seen["client"] = (address, 0)
    return seen


def _last(value: bytes) -> str:
    return value.rpartition(b",")[2].decode("latin-1").strip()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
