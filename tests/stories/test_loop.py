"""The loop turns: a bad release is caught and undone, a good one reaches everybody, the fix too."""

from pathlib import Path

import pytest
from tests.stories.bundles import FAULTY, FIRST, FIX, Bundles
from tests.stories.checker import check
from tests.stories.theatre import FIRST_PLAN, PLAN, theatre

from fleetloop.app.stage import Cast, Play

THIRDS = Cast({"a": 17, "b": 17, "c": 16})


@pytest.mark.slow
async def test_the_loop_turns(tmp_path: Path, database: str, usual: Bundles) -> None:
    async with theatre(tmp_path, usual, THIRDS, database) as house:

        async def script(play: Play) -> None:
            first = await house.release(play, FIRST, FIRST_PLAN)
            assert first["phase"].startswith("finished")
            assert house.on() == {FIRST: 50}
            bad = await house.release(play, FAULTY, PLAN)
            assert (bad["phase"], bad["wave"]) == ("stopped", 1)
            assert house.on() == {FIRST: 50}
            fixed = await house.release(play, FIX, PLAN)
            assert fixed["phase"].startswith("finished")
            assert fixed["waves"][-1]["kind"] == "remainder"

        await house.play(script)
        assert house.on() == {FIX: 50}
        [incident] = house.client.get("/incidents")
        assert (incident["version"], incident["revision"], incident["fixed_by"]) == (FAULTY, "b", FIX)
        assert {d["state"] for d in house.deployments(4)} == {"confirmed"}
        ran = {r["device"] for r in house.records for b in r["boots"] if b["version"] == FAULTY}
        back = house.deployments(3)
        assert ran == {d["device"] for d in back}
        assert {(d["version"], d["state"]) for d in back} == {(FIRST, "confirmed")}
        crashed = {r["device"] for r in house.records if r["crashes"]}
        assert crashed
        assert all(device.startswith("b-") for device in crashed)
        assert set(incident["devices"]) <= crashed
        check(house)
