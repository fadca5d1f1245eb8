"""A fleet too small for any verdict: a person opens each wave, and two crashed devices stop it."""

from pathlib import Path

import pytest
from tests.stories.bundles import FAULTY, FIRST, Bundles
from tests.stories.checker import check
from tests.stories.theatre import ASKING, FIRST_PLAN, PLAN, over, theatre

from fleetloop.app.stage import Cast, Play, phase, wave

CAST = Cast({"a": 2, "b": 8, "c": 2})
HOUR = 3600.0


@pytest.mark.slow
async def test_a_person_opens_each_wave_and_two_crashes_stop_it(tmp_path: Path, database: str, usual: Bundles) -> None:
    async with theatre(tmp_path, usual, CAST, database) as house:

        async def script(play: Play) -> None:
            house.stage.publish(usual[FIRST])
            house.stage.roll_out(FIRST, {k: v for k, v in FIRST_PLAN.items() if k != "waves"})
            await play.until(lambda status: status.now > house.server.start_at + 6 * HOUR)
            assert (phase(play.status, 1), wave(play.status, 1)) == (ASKING, 0)
            first = await house.follow(play, 1)
            assert first["phase"].startswith("finished")
            assert first["plan"]["by_hand"]
            assert not first["plan"]["comparison"]

            house.stage.publish(usual[FAULTY])
            plan = {k: v for k, v in PLAN.items() if k != "waves"}
            started = house.stage.roll_out(FAULTY, plan)
            assert "a person opens each wave" in started["sight"]
            await play.until(lambda status: phase(status, 2) == ASKING)
            begun = play.status.now
            await play.until(lambda status: status.now > begun + 30 * HOUR)
            assert wave(play.status, 2) == 0, "nobody opened it"
            house.go(2)
            await play.until(lambda status: wave(status, 2) == 1)
            await play.until(lambda status: phase(status, 2) in (ASKING, "stopped"))
            while not over(play.status, 2):
                if phase(play.status, 2) == ASKING:
                    house.go(2)
                await play.next()
            await play.until(lambda status: over(status, 3))

        await house.play(script)
        stopped = house.stage.rollout(2)
        assert stopped["phase"] == "stopped"
        assert stopped["ending"] == "verdict"
        assert len({r["device"] for r in house.records if r["crashes"]}) >= 2
        assert house.on() == {FIRST: 12}
        check(house)
