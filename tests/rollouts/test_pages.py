"""What a rollout's page is made of, from a real house: waves, those who missed it, whom it hurt, and the way back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.rollouts.house import ANN, House, names

from fleetloop import web
from fleetloop.core.clock import HOUR
from fleetloop.core.errors import NotFoundError
from fleetloop.rollouts import Showing, view


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    made = await House.open(tmp_path, database_url)
    await made.product("a", "b")
    await made.add(*names(40), revision="b")
    await made.add(*names(40, "e"), revision="a")
    await made.confirmed("1.0.0")
    yield made
    made.rooms.db.close()


def showing(house: House) -> Showing:
    r = house.rooms
    return Showing(r.db, r.clock, r.desk, r.runner, r.fleet.last_contact)


def counts(wave: web.Wave) -> dict[str, int]:
    return {c.state: c.devices for c in wave.counts}


async def bad_release(house: House) -> None:
    """After a while those on b that have the new release crash again and again."""
    await house.publish("1.1.0", "a", "b")
    await house.start("1.1.0", soak_s=24 * HOUR, waves=[25.0, 50.0, 80.0])
    await house.live(6 * HOUR)
    for unit in house.units.values():
        unit.crash_on = frozenset({"1.1.0"}) if unit.revision == "b" else frozenset()


async def test_waves_to_come_are_held_back_and_add_up(house: House) -> None:
    await house.publish("1.1.0", "a", "b")
    await house.start("1.1.0", soak_s=6 * HOUR)
    await house.live(2 * HOUR)
    shown = await showing(house).rollout(2)
    assert [w.name for w in shown.waves] == ["Wave 1", "Wave 2", "Wave 3", "Wave 4", "Remainder"]
    assert [w.devices for w in shown.waves] == [4, 16, 20, 24, 16]
    assert counts(shown.waves[1]) == {"held-back": 16}
    assert shown.devices == 80
    assert shown.old == "1.0.0"
    page = view.present(shown, house.now)
    assert page.gate.stays
    assert page.gate.sentence.startswith("Wave 2 waits for wave 1 to boot and soak: not before")
    assert "Wave 2 then opens by itself, unless evidence is 1.5 or more." in page.gate.detail
    assert [c.name for c in shown.conditions] == ["soak", "confirmed", "evidence", "install guard", "in flight"]


async def test_a_device_is_offline_only_when_it_was_long_due(house: House) -> None:
    await house.publish("1.1.0", "a", "b")
    await house.start("1.1.0", soak_s=6 * HOUR)
    await house.step(house.now + 60)
    drawn = [d.device for d in await house.rooms.rollouts.deployments(2)]
    house.units[drawn[0]].away = True
    await house.live(HOUR)
    assert (await showing(house).rollout(2)).silent == 0
    await house.live(3 * HOUR)
    shown = await showing(house).rollout(2)
    assert shown.silent == 1
    assert counts(shown.waves[0])["offline"] == 1


async def test_a_stopped_rollout_shows_how_it_stood_and_who_goes_back(house: House) -> None:
    await bad_release(house)
    await house.over(2)
    look = showing(house)
    shown = await look.rollout(2)
    drawn = sum(w.devices for w in shown.waves if "held-back" not in counts(w))
    assert shown.phase == "stopped"
    assert shown.blamed == "b"
    assert {h.device[0] for h in shown.hurt} == {"d"}
    assert shown.handed_after == 0
    assert shown.rollback is not None
    assert sum(m.counts[0] for m in shown.missed) + sum(m.counts[1] for m in shown.missed) >= 80 - drawn
    await house.live(6 * HOUR)
    later = await look.rollout(2)
    assert later.waves == shown.waves
    assert later.rollback is not None
    assert later.rollback.wave.of("confirmed") == later.rollback.wave.devices > 0
    assert later.rollback.version == "1.0.0"
    assert {h.word for h in later.hurt} == {"back on 1.0.0"}
    page = view.present(later, house.now)
    assert page.alarm
    assert "held back" in page.gate.sentence
    back = await look.rollout(3)
    assert (back.kind, back.version, back.old) == ("rollback", "1.0.0", "1.1.0")
    assert [w.name for w in back.waves] == ["Rollback"]


async def test_arms_at_the_end_are_those_that_were_compared(house: House) -> None:
    await house.publish("1.1.0", "a", "b", tolerated=1.0)
    await house.start("1.1.0", soak_s=24 * HOUR)
    await house.over(2)
    found = (await showing(house).rollout(2)).comparison
    assert found is not None
    assert found.control
    assert (found.all.new.devices, found.all.held.devices) == (64, 76)


async def test_a_first_release_has_no_control(house: House) -> None:
    found = (await showing(house).rollout(1)).comparison
    assert found is not None
    assert not found.control


async def test_what_is_paused_asks_no_question_whose_no_would_end_it(house: House) -> None:
    await house.publish("1.1.0", "a", "b")
    await house.start("1.1.0", soak_s=6 * HOUR)
    await house.live(2 * HOUR)
    await house.rooms.rollouts.pause(ANN, 2)
    await house.live(HOUR)
    assert await house.asks(2)
    shown = await showing(house).rollout(2)
    assert shown.ask is None
    assert shown.look == "paused"
    assert shown.detail == "To go on: fleetloop rollout pause 2 --resume. It can be stopped all the same."


async def test_a_device_that_was_hurt_outside_of_the_comparison_has_its_time(house: House) -> None:
    await house.publish("1.1.0", "a", "b")
    await house.start("1.1.0", soak_s=48 * HOUR, comparison=False, waves=[100.0])
    await house.live(20 * HOUR)
    unit = next(u for u in house.units.values() if u.version == "1.1.0")
    await unit.crash()
    at = house.now
    await house.live(2 * HOUR)
    [hurt] = (await showing(house).rollout(2)).hurt
    assert (hurt.device, hurt.hurt_at, hurt.evidence) == (unit.name, at, None)
    assert hurt.uptime_s is not None
    assert hurt.uptime_s > 0


async def test_what_is_over_is_kept_until_it_changes(house: House) -> None:
    look = showing(house)
    first = await look.rollout(1)
    assert await look.rollout(1) is first
    house.rooms.desk.changed(1)
    assert await look.rollout(1) is not first
    with pytest.raises(NotFoundError, match="there is no rollout 99"):
        await look.rollout(99)


async def test_the_verdict_of_a_restarted_server_is_the_same(house: House) -> None:
    await bad_release(house)
    await house.over(2)
    before = await showing(house).rollout(2)
    other = await house.again()
    after = await showing(other).rollout(2)
    assert after.comparison == before.comparison
    assert after.waves == before.waves
    other.rooms.db.close()
