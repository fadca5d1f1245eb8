"""A fault that fires 1.3 soaks after the install gets past the first gate; it is stopped before 30 % are exposed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.bundles import FAULTY, FIRST, LATE_S, Bundles
from tests.stories.checker import check
from tests.stories.theatre import FIRST_PLAN, PLAN, theatre

from fleetloop.app.stage import Cast, Play

CAST = Cast({"a": 67, "b": 67, "c": 66})


@pytest.mark.slow
async def test_a_late_fault_is_stopped_in_the_second_wave(
    tmp_path: Path, database: str, shelf: Callable[[str], Bundles]
) -> None:
    async with theatre(tmp_path, shelf("late"), CAST, database) as house:

        async def script(play: Play) -> None:
            assert (await house.release(play, FIRST, FIRST_PLAN))["phase"].startswith("finished")
            stopped = await house.release(play, FAULTY, PLAN, waves=[5, 25, 50, 80])
            assert stopped["phase"] == "stopped", stopped["blocked"]
            assert stopped["wave"] == 2

        await house.play(script)
        exposed = {r["device"] for r in house.records for b in r["boots"] if b["version"] == FAULTY}
        assert len(exposed) < 0.3 * 200
        crashes = [c for r in house.records for c in r["crashes"]]
        assert {c["version"] for c in crashes} == {FAULTY}
        assert min(c["up"] for c in crashes) >= LATE_S - 60
        [incident] = house.client.get("/incidents")
        assert incident["revision"] == "b"
        assert house.on() == {FIRST: 200}
        check(house)
