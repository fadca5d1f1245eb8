"""What a DDI deployment asks of a device that takes exactly one artifact: from JSON to an `Offer`."""

from typing import Any, cast

import orjson

from fleetloop.core.errors import InputError
from fleetloop.sim.model import Offer

MAX_SIZE = 64 << 20
"""Bytes that a simulated device has room for."""


class OfferError(InputError):
    """The server offers what this device cannot take. ``action`` is empty if even that is not said."""

    code = "bad-offer"

    def __init__(self, message: str, action: str = "") -> None:
        super().__init__(message)
        self.action = action


def document(body: bytes) -> dict[str, Any]:
    """A JSON object; anything else is an `OfferError`."""
    try:
        value: object = orjson.loads(body)
    except ValueError as e:
        raise OfferError(f"the server's answer is not JSON: {e}") from e
    if not isinstance(value, dict):
        raise OfferError("the server's answer is not a JSON object")
    return cast("dict[str, Any]", value)


def link(value: dict[str, Any], *names: str) -> str:
    """The first of these links that is there, or "" ."""
    links = value.get("_links")
    links = cast("dict[str, Any]", links) if isinstance(links, dict) else {}
    return next((str(links[name]["href"]) for name in names if name in links), "")


def read(body: bytes) -> Offer:
    """Raises `OfferError` for more than one chunk or artifact, a missing field, or too many bytes."""
    value = document(body)
    action = str(value.get("id", ""))
    try:
        offer = _offer(action, value["deployment"])
    except (KeyError, TypeError, IndexError, ValueError) as e:
        told = f"cannot read the deployment ({type(e).__name__}: {e}); expected one chunk with one artifact"
        raise OfferError(told, action) from e
    if not 0 <= offer.size <= MAX_SIZE:
        raise OfferError(f"no room for {offer.size} bytes; there are {MAX_SIZE}", action)
    return offer


def _offer(action: str, deployment: dict[str, Any]) -> Offer:
    (chunk,) = deployment["chunks"]
    (artifact,) = chunk["artifacts"]
    href = link(artifact, "download", "download-http")
    if not action or not href:
        raise ValueError("no id or no link")
    return Offer(
        action=action,
        version=str(chunk["version"]),
        name=str(artifact["filename"]),
        size=int(artifact["size"]),
        sha256=str(artifact["hashes"]["sha256"]),
        href=href,
        download=str(deployment["download"]),
        update=str(deployment["update"]),
    )
