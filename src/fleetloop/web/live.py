"""Live pages: services say what changed, browsers that look at it fetch the changed parts again.

    tx.after(lambda: live.publish("rollout/12"))

A topic is a path of words. Who listens to `rollout` hears of `rollout/12` too. Only names travel: what a person may see
is decided when the part is fetched, by the same door as the page. Several changes within a second are one message.

The application checks the session and then hands the request to `Live`, a raw ASGI application of Server-Sent Events:
`GET /live?topic=rollout/12&topic=incident`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable
from urllib.parse import parse_qs

from fleetloop.web.assets import Message, Receive, Send

PACE_S = 1.0
PING_S = 15.0
MOST_LISTENERS = 500
MOST_TOPICS = 20
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class Listening:
    """One browser: what it looks at, and what of that has changed since it was last told."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        self.changed: set[str] = set()
        self.rung = asyncio.Event()
        self.over = False

    def hear(self, topic: str) -> None:
        """Remember ``topic`` under the names by which it is listened to."""
        mine = self.topics.intersection(ancestry(topic))
        if mine:
            self.changed |= mine
            self.rung.set()

    def take(self) -> list[str]:
        """What changed, once."""
        taken, self.changed = sorted(self.changed), set()
        self.rung.clear()
        return taken


def ancestry(topic: str) -> list[str]:
    """`a/b/c` and everything above it: `a`, `a/b`, `a/b/c`."""
    words = topic.split("/")
    return ["/".join(words[: n + 1]) for n in range(len(words))]


class Live:
    """The hub. Everything happens in the event loop; publishing never waits."""

    def __init__(self, pace_s: float = PACE_S, ping_s: float = PING_S) -> None:
        self._pace_s = pace_s
        self._ping_s = ping_s
        self._listening: set[Listening] = set()

    def publish(self, *topics: str) -> None:
        """Say that ``topics`` changed; call it after the commit, in the event loop."""
        for listener in self._listening:
            for topic in topics:
                listener.hear(topic)

    def publish_many(self, kind: str, names: Collection[str]) -> None:
        """Say that ``kind/NAME`` changed for every one of ``names``: a wave draws 100,000 devices."""
        for listener in self._listening if names else ():
            for topic in listener.topics:
                above, _, name = topic.partition("/")
                if above == kind and (not name or name in names):
                    listener.hear(topic)

    def __len__(self) -> int:
        """How many browsers are connected."""
        return len(self._listening)

    def close(self) -> None:
        """End all streams, so that the server can stop; browsers come back by themselves."""
        for listener in self._listening:
            listener.over = True
            listener.rung.set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Stream until the browser goes or the hub closes."""
        topics = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("topic", [])[:MOST_TOPICS]
        if len(self._listening) >= MOST_LISTENERS:
            await _refuse(send)
            return
        listener = Listening(topics)
        self._listening.add(listener)
        gone = asyncio.create_task(_gone(receive, listener))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await self._stream(listener, _writer(send))
        finally:
            gone.cancel()
            self._listening.discard(listener)

    async def _stream(self, listener: Listening, write: Callable[[str, bool], Awaitable[None]]) -> None:
        await write("retry: 2000\n: here\n\n", True)
        while not listener.over:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listener.rung.wait(), self._ping_s)
            changed = listener.take()
            if listener.over:
                break
            await write(
                "".join(f"data: {topic}\n" for topic in changed) + "\n" if changed else ": still here\n\n", True
            )
            await asyncio.sleep(self._pace_s if changed else 0)
        with contextlib.suppress(OSError):
            await write("", False)


def _writer(send: Send) -> Callable[[str, bool], Awaitable[None]]:
    async def write(text: str, more: bool) -> None:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": more})

    return write


async def _gone(receive: Receive, listener: Listening) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.over = True
    listener.rung.set()


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"30")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send(
        {"type": "http.response.body", "body": b"too many live pages are open; this one can be loaded again by hand\n"}
    )
