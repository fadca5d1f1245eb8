"""An ASGI client in memory: what a server would hand in, what the application sent."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass
class Got:
    """An answer. ``whole``: as many bytes came as Content-Length says, and the end was said."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False

    @property
    def whole(self) -> bool:
        return self.ended and len(self.body) == int(self.headers.get("content-length", "0"))

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: Any,
    method: str,
    target: str,
    *,
    token: str = "",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    chunks: Sequence[bytes] | None = None,
    cut: bool = False,
    stall: bool = False,
    between: Any = None,
) -> Got:
    """One request. ``cut``: the client goes away after ``chunks``. ``stall``: it never sends the rest.

    ``between`` is called after each piece of the answer.
    """
    path, _, query = target.partition("?")
    given = {"host": "house.test", **(headers or {})}
    if token:
        given.setdefault("authorization", f"TargetToken {token}")
    pieces = list(chunks) if chunks is not None else [body or b""]
    if body is not None:
        given.setdefault("content-type", "application/json")
        given.setdefault("content-length", str(len(body)))
    scope = {
        "type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(), "scheme": "http",
        "query_string": query.encode(), "headers": [(k.encode(), v.encode("latin-1")) for k, v in given.items()],
        "server": ("house.test", 80),
    }  # fmt: skip
    got, sent = Got(), iter(pieces)
    left = len(pieces)

    async def receive() -> dict[str, Any]:
        nonlocal left
        piece = next(sent, None)
        if piece is None:
            if not cut:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        left -= 1
        return {"type": "http.request", "body": piece, "more_body": left > 0 or cut or stall}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert not got.status, "answered twice"
            got.status = message["status"]
            got.headers = {k.decode(): v.decode("latin-1") for k, v in message["headers"]}
        else:
            got.body += message.get("body", b"")
            got.ended = not message.get("more_body", False)
        if between:
            between(message)

    await app(scope, receive, send)
    return got


def feedback(execution: str = "closed", finished: str = "success", *details: str, **more: Any) -> bytes:
    """The body of a DDI feedback."""
    status = {"execution": execution, "result": {"finished": finished}, "details": list(details)}
    return json.dumps({"status": status | more}).encode()
