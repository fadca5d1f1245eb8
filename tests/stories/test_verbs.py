"""What an operator does to a running rollout, and what devices then see."""

import threading
from pathlib import Path

import pytest
from tests.stories.hands import HOUR, Scene, scene

from fleetloop.core.errors import ConflictError

TWENTY = [f"d{i:02}" for i in range(20)]


async def test_after_a_stop_is_acknowledged_nobody_is_handed_the_release(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        hands = s.add(*TWENTY)
        s.publish("1.0")
        s.hour()
        number = s.roll_out("1.0", waves=[100], in_flight_least=20)
        s.advance(HOUR)
        acknowledged = threading.Event()
        after: list[str] = []

        def race(hand: object) -> None:
            """Polls as fast as it can; an answer that was asked for after the acknowledgement must not hand."""
            for _ in range(40):
                late = acknowledged.is_set()
                links = hand.poll()  # type: ignore[attr-defined]
                fresh = hand.id not in handed and "deploymentBase" in links  # type: ignore[attr-defined]
                if "deploymentBase" in links and not late:
                    handed.add(hand.id)  # type: ignore[attr-defined]
                elif fresh and late:
                    after.append(hand.id)  # type: ignore[attr-defined]

        handed: set[str] = set()
        threads = [threading.Thread(target=race, args=(hand,)) for hand in hands[:8]]
        for thread in threads:
            thread.start()
        s.client.post(f"/rollouts/{number}/stop", {"reason": "story"})
        acknowledged.set()
        for thread in threads:
            thread.join()
        assert not after
        for hand in hands:
            links = hand.poll()
            assert "deploymentBase" not in links
            assert ("cancelAction" in links) == (s.state(number, hand.id) != "cancelled")
        stopped = s.stage.rollout(number)
        assert (stopped["phase"], stopped["ending"]) == ("stopped", "admin")
        again = s.client.post(f"/rollouts/{number}/stop", {"reason": "twice"})
        assert (again["blocked"], again["stopped_before"]) == (stopped["blocked"], True)


async def test_a_cancel_is_agreed_with_the_device_and_a_refusal_stands(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        agrees, refuses, _ = s.add("agrees", "refuses", "never-came")
        s.publish("1.0")
        s.hour()
        number = s.roll_out("1.0", by_hand=False, waves=[100])
        s.advance(HOUR)
        work = s.offered([agrees, refuses])
        s.client.post(f"/rollouts/{number}/stop", {})
        assert s.state(number, "never-came") == "cancelled"
        for hand in (agrees, refuses):
            action = work[hand.id].action
            cancel = hand.call("GET", hand.poll()["cancelAction"]).json()
            assert cancel["cancelAction"]["stopId"] == str(action)
            assert hand.call("GET", f"/deploymentBase/{action}").status_code == 404
        assert agrees.say(work["agrees"].action, "closed", "success", on="cancelAction") == 200
        assert s.state(number, "agrees") == "cancelled"
        assert agrees.poll() == {}
        assert refuses.say(work["refuses"].action, "closed", "failure", "in the middle of it", on="cancelAction") == 200
        assert refuses.say(work["refuses"].action, "closed", "success") == 200
        refuses.restart("1.0")
        s.hour()
        assert s.state(number, "refuses") == "booted"


async def test_a_pause_hands_nothing_and_a_resume_goes_on(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        hands = s.add(*TWENTY[:4])
        s.publish("1.0")
        s.hour()
        number = s.roll_out("1.0", by_hand=False, waves=[50, 100], soak_s=7200)
        s.advance(HOUR)
        s.client.post(f"/rollouts/{number}/pause", {})
        assert s.offered(hands) == {}
        for _ in range(5):
            s.hour()
        assert s.stage.rollout(number)["wave"] == 1
        assert "Paused by admin" in s.stage.rollout(number)["blocked"]
        s.client.post(f"/rollouts/{number}/pause", {"resume": True})
        s.advance(HOUR)
        assert len(s.offered(hands)) == 2
        s.updated("1.0", rollout=number)


async def test_a_newer_release_takes_over_a_running_rollout(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        hands = s.add(*TWENTY[:6])
        s.publish("1.0")
        s.publish("2.0")
        s.hour()
        old = s.roll_out("1.0", by_hand=False, waves=[50, 100], soak_s=7200)
        s.advance(HOUR)
        half = s.offered(hands)
        began = s.hands[next(iter(half))]
        began.install(half[began.id])
        began.restart("1.0")
        s.hour()
        new = s.roll_out("2.0", by_hand=False, waves=[100], soak_s=7200)
        assert s.phase(old) == "cancelled"
        s.advance(HOUR)
        work = s.offered(hands)
        assert {one.version for one in work.values()} == {"2.0"}
        s.updated("2.0", rollout=new)
        assert {hand.version for hand in hands} == {"2.0"}


async def test_late_joiners_get_the_newest_good_release_and_retired_devices_nothing(
    tmp_path: Path, database: str
) -> None:
    async with scene(tmp_path, database) as s:
        s.add(*TWENTY[:4])
        s.publish("1.0")
        s.hour()
        number = s.roll_out("1.0", by_hand=False, waves=[50, 100], soak_s=7200)
        s.advance(HOUR)
        gone = next(iter(s.offered(s.hands.values())))
        s.client.call("DELETE", f"/devices/{gone}")
        assert s.hands[gone].call("GET", "").status_code == 401
        del s.hands[gone]
        s.add("late-in-the-middle")
        s.updated("1.0", rollout=number)
        assert s.state(number, gone) == "cancelled"
        assert s.state(number, "late-in-the-middle") == "confirmed"
        [after] = s.add("late-after-the-end")
        s.hour()
        s.updated("1.0", rollout=number)
        assert after.version == "1.0"
        assert {d["version"] for d in s.client.get("/devices")} == {"1.0"}


async def test_a_person_decides_at_an_inconclusive_end(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        s.add(*TWENTY)
        s.publish("1.0")
        s.publish("2.0")
        s.hour()
        s.updated("1.0")
        number = s.roll_out("2.0", waves=[50, 75], soak_s=7200)
        with pytest.raises(ConflictError):
            s.client.post(f"/rollouts/{number}/decide", {"go": True})
        obey(s, number, until="waiting for a person")
        assert "held-back devices wait" in s.stage.rollout(number)["blocked"]
        s.client.post(f"/rollouts/{number}/decide", {"go": False, "reason": "not now"})
        s.hour()
        left = s.stage.rollout(number)
        assert left["phase"] == "finished: inconclusive"
        assert "left it at that" in left["blocked"]
        assert [hand.version for hand in s.hands.values()].count("1.0") == 5


async def test_a_hold_waits_for_a_person_after_four_days(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        s.add(*[f"d{i:02}" for i in range(24)])
        s.publish("1.0")
        s.publish("2.0")
        s.hour()
        s.updated("1.0")
        number = s.roll_out("2.0", waves=[25, 50, 75], soak_s=43_200, hold_limit_s=36_000)
        hurt: set[str] = set()
        for _ in range(40):
            for device, links in s.hour().items():
                hand = s.hands[device]
                if work := hand.order(links):
                    hand.install(work)
                    hand.restart(work.version)
                elif hand.version == "2.0" and device not in hurt and len(hurt) < 2 and soaked(s, number):
                    hurt.add(device)
                    hand.crash()
            if s.phase(number) == "waiting for a person":
                break
        asked = s.stage.rollout(number)
        assert asked["phase"] == "waiting for a person", asked["blocked"]
        assert asked["blocked"].startswith("Held")
        assert (asked["wave"], asked["evidence"]["new_events"]) == (1, 2)
        s.client.post(f"/rollouts/{number}/decide", {"go": True, "reason": "seen on the bench"})
        s.hour()
        assert s.stage.rollout(number)["wave"] == 2


def soaked(s: Scene, number: int) -> bool:
    """The window of the first wave is over for everybody in it."""
    waves = s.stage.rollout(number)["waves"]
    return bool(waves) and s.now - waves[0]["opened_at"] > 4 * HOUR


def obey(s: Scene, number: int, until: str, hours: int = 60) -> None:
    """Everybody installs what it is told, until the rollout stands there."""
    for _ in range(hours):
        for device, links in s.hour().items():
            if work := s.hands[device].order(links):
                s.hands[device].install(work)
                s.hands[device].restart(work.version)
        if s.phase(number) == until:
            return
    raise AssertionError(s.stage.rollout(number)["blocked"])
