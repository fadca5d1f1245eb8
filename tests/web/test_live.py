import asyncio
from collections.abc import AsyncIterator

import pytest

from fleetloop.web.assets import Message
from fleetloop.web.live import MOST_LISTENERS, Live, ancestry


class Browser:
    """One connection to the hub, as an ASGI server would hold it."""

    def __init__(self, live: Live, query: bytes) -> None:
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.task = asyncio.create_task(live({"type": "http", "query_string": query}, self.inbox.get, self.sent.put))

    async def start(self) -> int:
        return (await self.sent.get())["status"]

    async def text(self) -> str:
        return (await asyncio.wait_for(self.sent.get(), 2))["body"].decode()

    async def leave(self) -> None:
        self.inbox.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(self.task, 2)


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    hub = Live(pace_s=0.02, ping_s=0.05)
    yield hub
    hub.close()


async def browse(live: Live, query: bytes) -> Browser:
    browser = Browser(live, query)
    assert await browser.start() == 200
    assert (await browser.text()).startswith("retry:")
    return browser


async def test_a_browser_hears_of_what_it_looks_at_and_of_nothing_else(live: Live) -> None:
    browser = await browse(live, b"topic=rollout/12&topic=incident")
    live.publish("rollout/13", "device/cc-1")
    live.publish("incident/INC-7")
    live.publish("rollout/12")
    assert await browser.text() == "data: incident\ndata: rollout/12\n\n"
    await browser.leave()
    assert len(live) == 0


async def test_many_changes_within_the_pace_are_one_message(live: Live) -> None:
    browser = await browse(live, b"topic=rollout")
    live.publish("rollout/1")
    assert await browser.text() == "data: rollout\n\n"
    for n in range(50):
        live.publish(f"rollout/{n}")
    assert await browser.text() == "data: rollout\n\n"
    assert await browser.text() == ": still here\n\n"
    await browser.leave()


async def test_a_prefix_of_a_word_is_another_topic(live: Live) -> None:
    browser = await browse(live, b"topic=rollout/1")
    live.publish("rollout/12")
    assert await browser.text() == ": still here\n\n"
    await browser.leave()


async def test_closing_ends_every_stream(live: Live) -> None:
    browser = await browse(live, b"topic=rollout")
    live.close()
    last = await asyncio.wait_for(browser.sent.get(), 2)
    assert last["more_body"] is False
    await asyncio.wait_for(browser.task, 2)


async def test_too_many_are_asked_to_come_later(live: Live) -> None:
    browsers = [await browse(live, b"topic=x") for _ in range(MOST_LISTENERS)]
    refused = Browser(live, b"topic=x")
    assert await refused.start() == 503
    await refused.task
    await asyncio.gather(*(browser.leave() for browser in browsers))


def test_what_stands_above_a_topic() -> None:
    assert ancestry("a/b/c") == ["a", "a/b", "a/b/c"]
