"""The joins over a real house: one device's life, the overview, a release's evidence."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.rollouts.house import ANN, House, names

from fleetloop import fleet
from fleetloop.core.clock import HOUR
from fleetloop.core.errors import NotFoundError
from fleetloop.insights import Below, Insights, view
from fleetloop.releases import Proof
from fleetloop.releases.view import release_page
from fleetloop.rollouts import Showing


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    made = await House.open(tmp_path, database_url)
    await made.product("a", "b")
    await made.add(*names(24), revision="b")
    await made.add(*names(24, "e"), revision="a")
    await made.confirmed("1.0.0")
    await made.publish("1.1.0", "a", "b")
    await made.start("1.1.0", soak_s=24 * HOUR, waves=[25.0, 50.0, 80.0])
    await crashing(made)
    await made.over(2)
    yield made
    await made.close()


async def crashing(house: House) -> None:
    """After a while those on b that have the new release crash again and again."""
    await house.live(6 * HOUR)
    for unit in house.units.values():
        unit.crash_on = frozenset({"1.1.0"}) if unit.revision == "b" else frozenset()


def joined(house: House) -> Insights:
    r = house.rooms
    look = Showing(r.db, r.clock, r.desk, r.runner, r.fleet.last_contact)
    return Insights(Below(r.db, r.clock, r.hardware, r.fleet, Proof(r.releases), look, r.incidents))


async def one_hurt(house: House) -> str:
    return next(d.device for d in await house.rooms.rollouts.deployments(2) if d.hurt)


def words(marked: str) -> str:
    return re.sub(r"<[^>]+>", "", marked)


async def test_the_life_of_a_device_is_told_once_and_in_order(house: House) -> None:
    insights, device = joined(house), await one_hurt(house)
    await house.live(4 * HOUR)
    told = await insights.timeline(device)
    assert [h.at for h in told] == sorted((h.at for h in told), reverse=True)
    lines = [words(h.text) for h in told][::-1]
    way = ["Added to the fleet", "Handed 1.1.0", "Says it installed 1.1.0", "Booted 1.1.0", "Crashed on 1.1.0",
           "Rollout of 1.1.0 stopped by the verdict", "Drawn for the rollback to 1.0.0", "Booted 1.0.0"]  # fmt: skip
    spots = [lines.index(line) if line != "Booted 1.0.0" else len(lines) - 1 - lines[::-1].index(line) for line in way]
    assert spots == sorted(spots)
    assert lines.count("Booted 1.1.0") == 1
    assert "Shows version 1.1.0" not in lines
    said = next(h for h in told if h.text == "Says it installed 1.1.0")
    assert '"execution": "closed"' in said.raw
    assert said.raw.endswith("< 200")


async def test_a_device_that_was_hurt_says_so_until_it_is_well(house: House) -> None:
    insights, device = joined(house), await one_hurt(house)
    shown = await insights.device(device)
    assert shown.health == ("hurt", "hurt by 1.1.0")
    assert shown.incident == "INC-1"
    assert {s.what for s in shown.versions} >= {"1.0.0", "1.1.0"}
    assert ("1.1.0", "stopped: not offered to anyone") in [h[:2] for h in shown.held]
    await house.live(4 * HOUR)
    shown = await insights.device(device)
    assert shown.health == ("confirmed", "healthy on 1.0.0")
    assert shown.crashes >= 1
    house.units[device].away = True
    await house.live(6 * HOUR)
    assert (await insights.device(device)).health[0] == "offline"


async def test_a_device_that_was_never_drawn_was_held_back(house: House) -> None:
    drawn = {d.device for d in await house.rooms.rollouts.deployments(2)}
    shown = await joined(house).device(next(name for name in house.units if name not in drawn))
    assert [h[:2] for h in shown.held][:2] == [
        ("1.1.0", "stopped: not offered to anyone"), ("1.1.0", "control group, not drawn yet"),
    ]  # fmt: skip
    with pytest.raises(NotFoundError):
        await joined(house).device("nobody")


async def test_the_overview_has_the_stop_and_what_waits(house: House) -> None:
    insights = joined(house)
    found = await insights.overview()
    page = view.present(found, house.now)
    assert words(page.gate.sentence).startswith("cell 1.1.0 stopped")
    assert "No device has been handed it since." in page.gate.detail
    assert (found.devices, found.revisions, found.in_contact) == (48, 2, 48)
    assert [t.title for t in found.tasks] == ["INC-1 is open"]
    assert {c.revision: c.devices for c in found.crashes} == {"a": 24, "b": 24}
    assert next(c.free for c in found.crashes if c.revision == "b") < 24
    await house.live(6 * HOUR)
    page = view.present(await insights.overview(), house.now)
    assert page.gate.sentence == "Nothing is wrong, and nothing waits."


async def test_the_list_of_devices_is_searched_and_paged(house: House) -> None:
    insights = joined(house)
    whole = await insights.devices("", "", "")
    assert (whole.total, whole.devices, len(whole.rows), whole.after) == (48, 48, 48, "")
    assert dict(whole.revisions) == {"a": 24, "b": 24}
    assert (await insights.devices("b", "", "")).total == 24
    assert (await insights.devices("d01", "", "")).total == 10
    assert (await insights.devices("", "1.1.0", "")).total == dict(whole.versions)["1.1.0"]
    assert (await insights.devices("%", "", "")).total == 0
    rest = await insights.devices("", "", "e020")
    assert [line.device for line in rest.rows] == ["e021", "e022", "e023"]
    await house.step(house.now + 300)
    whole = await insights.devices("", "", "")
    line = next(line for line in whole.rows if line.version == "1.1.0")
    assert isinstance(line, fleet.FleetLine)
    assert (line.wanted, line.state) == ("1.0.0", "waiting")


async def test_a_release_says_what_became_of_it(house: House) -> None:
    insights = joined(house)
    first, bad = await insights.release("cell", "1.0.0"), await insights.release("cell", "1.1.0")
    assert (bad.previous, bad.rollouts[0].alarm, bad.rollouts[0].badge.word) == (
        "1.0.0",
        True,
        "stopped by the verdict",
    )
    assert [name for name, _ in bad.incidents] == ["INC-1"]
    assert (first.active, first.devices) == (48, (("a", 24), ("b", 24)))
    assert first.trusted_by == "ann"
    assert first.digests == 5
    assert first.reached_at is not None
    assert [r.version for r in await insights.releases()] == ["1.1.0", "1.0.0"]


async def test_devices_without_a_way_back_wait_for_a_person(tmp_path: Path, database_url: str) -> None:
    house = await House.open(tmp_path, database_url)
    await house.product()
    await house.add(*names(30))
    await house.publish("1.0.0")
    plan = {"by_hand": False, "crash_limit": 0, "soak_s": 6 * HOUR, "in_flight_least": 40}
    await house.start("1.0.0", waves=[100.0], **plan)
    await house.live(3 * HOUR)
    await house.rooms.rollouts.stop(ANN, 1)
    await house.live(24 * HOUR)
    insights = joined(house)
    found = await insights.overview()
    page = view.present(found, house.now)
    assert page.gate.state == "hurt"
    assert "30 devices run 1.0.0 and have no confirmed release to go back to." in words(page.gate.sentence)
    assert [t.title for t in found.tasks] == ["30 devices stuck on 1.0.0, which was stopped"]
    assert "Rollback 2, nobody went back" in [title for stage in page.stages for title, _ in stage.bars]
    shown = await insights.release("cell", "1.0.0")
    stat = release_page(shown, house.now).stats[0]
    assert (stat.label, stat.figure, stat.note) == ("Still run it", "30", "it was stopped, not confirmed")
    await house.publish("1.0.1")
    await house.start("1.0.1", waves=[100.0], **plan)
    await house.live(HOUR)
    found = await insights.overview()
    assert found.tasks == ()
    assert view.present(found, house.now).gate.state != "hurt"
    await house.close()
