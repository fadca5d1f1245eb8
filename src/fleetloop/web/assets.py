"""Static files: their addresses carry a hash of their content, so browsers may keep them for ever.

    asset("fleetloop.css")  ->  "/static/fleetloop.6f0c1d2e3a4b.css"

`serve` is a raw ASGI application for everything below `/static/`.
"""

import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static/"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    """Each file's hashed name and content, read once."""
    found = ((path, path.read_bytes()) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES)
    return {path.name: (_hashed(path.name, content), content) for path, content in found}


def _hashed(name: str, content: bytes) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"


def asset(name: str) -> str:
    """The address of a static file. Raises `KeyError` for one that does not exist."""
    return PREFIX + _files()[name][0]


def find(path: str) -> tuple[str, bytes] | None:
    """(content type, content) of an address that `asset` made, or None."""
    for hashed, content in _files().values():
        if path == PREFIX + hashed:
            return TYPES[path[path.rindex(".") :]], content
    return None


async def serve(scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG001  ASGI's signature
    """Answer one request for a static file."""
    found = find(scope["path"])
    kind, body = found or ("text/plain; charset=utf-8", b"no such file\n")
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", FOR_EVER.encode() if found else b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200 if found else 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
