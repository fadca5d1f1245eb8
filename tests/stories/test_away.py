"""The server is away for a day in mid-rollout: nothing is stopped or timed out because of it."""

from pathlib import Path

import pytest
from tests.stories.bundles import FIRST, FIX, Bundles
from tests.stories.checker import check
from tests.stories.theatre import FIRST_PLAN, PLAN, theatre

from fleetloop.app.stage import Cast, Play, wave

DAY = 86_400.0
CAST = Cast({"a": 10, "b": 10, "c": 10})


@pytest.mark.slow
async def test_a_day_away_changes_nothing(tmp_path: Path, database: str, usual: Bundles) -> None:
    async with theatre(tmp_path, usual, CAST, database) as house:

        async def before(play: Play) -> None:
            assert (await house.release(play, FIRST, FIRST_PLAN))["phase"].startswith("finished")
            house.stage.publish(usual[FIX])
            house.stage.roll_out(FIX, PLAN | {"soak_s": 43_200})
            await play.until(lambda status: wave(status, 2) == 2)
            await play.until(lambda status: status.now >= opened(house.stage.rollout(2)) + 1800)

        async def after(play: Play) -> None:
            back = play.status.now
            at_return = house.stage.rollout(2)
            assert [w["number"] for w in at_return["waves"]] == [1, 2]
            await play.until(lambda status: status.now > back + 3 * 3600)
            assert len(house.stage.rollout(2)["waves"]) == 2, "the outage counted as soak"
            done = await house.follow(play, 2)
            assert done["phase"].startswith("finished")

        async with house.performance() as (play, conductor):
            await play.run(before)
            await house.server.end()
            await conductor.alone(conductor.now + DAY)
            await house.server.restart()
            await play.run(after)
        assert {d["state"] for d in house.deployments(2)} == {"confirmed"}
        assert house.on() == {FIX: 30}
        found = house.stage.rollout(2)
        assert found["evidence"]["comparable_events"] == 0
        assert found["evidence"]["installs"]["failed"] == 0
        assert not [line for line in house.record(2).splitlines() if '"silent"' in line]
        assert {f["why"] for r in house.records for f in r["failures"]} == {"server away"}
        check(house)


def opened(whole: dict[str, object]) -> float:
    """When the last wave was opened."""
    return whole["waves"][-1]["opened_at"]  # type: ignore[index]
