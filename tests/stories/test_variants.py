"""It cannot be faked: without the faulty commit nothing is stopped; with the fast sensor on a, a is named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.bundles import FAULTY, FIRST, Bundles
from tests.stories.checker import check
from tests.stories.theatre import FIRST_PLAN, PLAN, theatre

from fleetloop.app.stage import Cast, Play

CAST = Cast({"a": 14, "b": 8, "c": 8})


@pytest.mark.slow
async def test_without_the_fault_it_reaches_everybody(
    tmp_path: Path, database: str, shelf: Callable[[str], Bundles]
) -> None:
    async with theatre(tmp_path, shelf("without-fault"), CAST, database) as house:

        async def script(play: Play) -> None:
            await house.release(play, FIRST, FIRST_PLAN)
            assert (await house.release(play, FAULTY, PLAN))["phase"].startswith("finished")

        await house.play(script)
        assert house.on() == {FAULTY: 30}
        assert house.client.get("/incidents") == []
        assert not any(r["crashes"] for r in house.records)
        check(house)


@pytest.mark.slow
async def test_the_fault_on_a_names_a(tmp_path: Path, database: str, shelf: Callable[[str], Bundles]) -> None:
    async with theatre(tmp_path, shelf("fault-on-a"), CAST, database) as house:

        async def script(play: Play) -> None:
            await house.release(play, FIRST, FIRST_PLAN)
            stopped = await house.release(play, FAULTY, PLAN)
            assert (stopped["phase"], stopped["wave"]) == ("stopped", 1)

        await house.play(script)
        assert [i["revision"] for i in house.client.get("/incidents")] == ["a"]
        assert all(r["device"].startswith("a-") for r in house.records if r["crashes"])
        assert house.on() == {FIRST: 30}
        check(house)
