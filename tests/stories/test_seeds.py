"""One seed, one outcome: whatever the machine does beside, and in whatever order the contacts of an instant arrive."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.stories.bundles import FAULTY, FIRST, Bundles
from tests.stories.checker import check
from tests.stories.theatre import FIRST_PLAN, PLAN, How, Theatre, theatre

from fleetloop.app.stage import Cast, Play, story_start

UNLUCKY = {"silence": 0.05, "power": 0.05, "cut": 0.1, "liars": 0.05}
CAST = Cast({"a": 10, "b": 16, "c": 10}, seed=3, faults=UNLUCKY)
RUNS = {"plain": How(), "one connection, a busy machine": How(connections=1), "shuffled": How(shuffled=7)}


async def _play(house: Theatre, how: How) -> dict[str, str]:
    async def script(play: Play) -> None:
        await house.release(play, FIRST, FIRST_PLAN)
        await house.release(play, FAULTY, PLAN)

    await house.play(script, how)
    return house.outcome()


@contextlib.contextmanager
def busy(wanted: bool) -> Iterator[None]:
    """Two processes that only burn time."""
    burn = [sys.executable, "-c", "while True: pass"]
    load = [subprocess.Popen(burn) for _ in range(2 if wanted else 0)]
    try:
        yield
    finally:
        for process in load:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
async def test_the_same_seed_gives_the_same_story(
    tmp_path: Path, database_urls: Callable[[], str], usual: Bundles
) -> None:
    start, found = story_start(25), dict[str, dict[str, str]]()
    for name, how in RUNS.items():
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        async with theatre(folder, usual, CAST, database_urls(), start) as house:
            with busy(how.connections == 1):
                found[name] = await _play(house, how)
            assert len(house.client.get("/rollouts")) == 3
            check(house)
    for name, outcome in found.items():
        assert outcome == found["plain"], name
