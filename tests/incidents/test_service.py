import pytest
from tests.rollouts.house import ANN, House
from tests.rollouts.test_service import second_release

from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.errors import NotFoundError
from fleetloop.health import Draw, Enrol, Event, Experiment, Plan, Poll, Silences, Wave
from fleetloop.incidents import Incident
from fleetloop.incidents.service import worst
from fleetloop.rollouts.cases import Sort


async def stopped(house: House) -> Incident:
    """1.1.0 hurts whoever runs it, and was stopped by the verdict."""
    number = await second_release(house, devices=40, soak_s=DAY, in_flight_least=40)
    for unit in house.units.values():
        unit.crash_on = frozenset({"1.1.0"})
    await house.over(number)
    [found] = await house.rooms.incidents.all()
    return found


async def test_a_stop_by_the_verdict_is_an_incident_with_its_evidence(house: House) -> None:
    found = await stopped(house)
    case = await house.get(found.rollout)
    release = await house.rooms.releases.evidence("cell", "1.1.0")
    assert (found.product, found.version, found.sentence, found.opened_at) == (
        "cell",
        "1.1.0",
        case.blocked,
        case.ended_at,
    )
    assert (found.commit, found.subject) == (release.release.manifest.commit, "Öne")
    assert found.evidence >= 20
    assert set(found.devices) <= set(house.units)
    assert (found.restored_at, found.fixed_by) == (None, "")
    assert await house.rooms.incidents.get(found.id) == found
    assert await house.rooms.incidents.of_rollout(found.rollout) == found


async def test_the_rollback_restores_and_the_next_release_for_all_fixes(house: House) -> None:
    found = await stopped(house)
    [back] = [c for c in await house.rooms.rollouts.all() if c.kind is Sort.ROLLBACK]
    restored = (await house.over(back.id)).ended_at
    assert (await house.rooms.incidents.get(found.id)).restored_at == restored
    await house.publish("1.1.1")
    fix = await house.start("1.1.1", soak_s=HOUR, on_inconclusive="go", in_flight_least=40)
    fixed = (await house.over(fix.id)).ended_at
    told = await house.rooms.incidents.get(found.id)
    assert (told.fixed_by, told.fixed_at, told.restored_at) == ("1.1.1", fixed, restored)


async def test_a_release_that_did_not_reach_everybody_fixes_nothing(house: House) -> None:
    found = await stopped(house)
    await house.publish("1.1.1")
    fix = await house.start("1.1.1", soak_s=HOUR, on_inconclusive="ask", in_flight_least=40, tolerated=1e-6)
    await house.until(lambda: house.asks(fix.id))
    await house.rooms.rollouts.decide(ANN, fix.id, go=False)
    await house.over(fix.id)
    assert (await house.rooms.incidents.get(found.id)).fixed_by == ""


async def test_a_persons_stop_is_no_incident(house: House) -> None:
    number = await second_release(house, devices=24)
    await house.live(2 * HOUR)
    await house.rooms.rollouts.stop(ANN, number)
    await house.live(HOUR)
    assert await house.rooms.incidents.all() == []
    with pytest.raises(NotFoundError, match="no incident 1; `fleetloop incident list`"):
        await house.rooms.incidents.get(1)


def experiment(hurt: str) -> Experiment:
    """Ten new and ten held-back devices of each revision; new ones of ``hurt`` have a bad event."""
    made = Experiment(Plan(window_s=0.0, silences=Silences.RECORDED))
    devices = [(f"{r}{i}", r) for r in "ab" for i in range(20)]
    for device, revision in devices:
        made.feed(Enrol(0.0, device, revision))
    made.feed(Wave(1.0, 1))
    for device, _ in devices:
        if int(device[1:]) < 10:
            made.feed(Draw(1.0, device, 1))
    for device, _ in devices:
        made.feed(Poll(2.0, device))
    for i in range(10):
        for revision in hurt:
            made.feed(Event(3.0, f"{revision}{i}", "crash", str(i)))
    return made


@pytest.mark.parametrize(("hurt", "named"), [("b", "b"), ("a", "a"), ("", "")])
def test_the_revision_that_the_evidence_points_to(hurt: str, named: str) -> None:
    assert worst(experiment(hurt)) == named
