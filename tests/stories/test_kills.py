"""`kill -9` in the middle of a wave: nothing acknowledged is lost, no device is told two things, and the end is the same."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.bundles import FAULTY, FIRST, Bundles
from tests.stories.checker import check
from tests.stories.theatre import FIRST_PLAN, PLAN, Theatre, over, theatre

from fleetloop.app.conductor import Status
from fleetloop.app.stage import Cast, Play, phase, story_start, wave

CAST = Cast({"a": 8, "b": 14, "c": 8})
BAD = 2


def opened(status: Status) -> bool:
    """The first wave of the faulty release: downloads begin."""
    return wave(status, BAD) == 1


def soaking(status: Status) -> bool:
    """So long on the faulty release that its counter wraps: crashes begin."""
    return wave(status, BAD) == 1 and status.now - STARTED[0] > 18.3 * 3600


def stopped(status: Status) -> bool:
    return phase(status, BAD) == "stopped"


STARTED = [0.0]
MOMENTS: tuple[Callable[[Status], bool], ...] = (opened, soaking, stopped)


async def _play(house: Theatre, delay_ms: float | None) -> dict[str, str]:
    """The story up to the end of the rollback; the server is killed ``delay_ms`` after each of `MOMENTS`."""
    left = [] if delay_ms is None else list(MOMENTS)

    def look(status: Status) -> None:
        if left and left[0](status):
            left.pop(0)
            asyncio.get_running_loop().call_later((delay_ms or 0) / 1000, house.server.kill)

    async def script(play: Play) -> None:
        assert (await house.release(play, FIRST, FIRST_PLAN))["phase"].startswith("finished")
        STARTED[0] = play.status.now
        assert (await house.release(play, FAULTY, PLAN))["phase"] == "stopped"
        await play.until(lambda status: over(status, BAD + 1))

    house.watch.append(look)
    await house.play(script)
    assert not left
    return house.outcome()


@pytest.mark.slow
async def test_a_killed_server_ends_the_story_alike(
    tmp_path: Path, database_urls: Callable[[], str], usual: Bundles
) -> None:
    start, found = story_start(25), dict[float | None, dict[str, str]]()
    for delay in (None, 0.0, 6.0):
        folder = tmp_path / f"{delay}"
        folder.mkdir()
        async with theatre(folder, usual, CAST, database_urls(), start) as house:
            found[delay] = await _play(house, delay)
            assert house.restarts == (0 if delay is None else len(MOMENTS))
            check(house)
    for delay, outcome in found.items():
        assert outcome == found[None], f"killed {delay} ms after each moment"
