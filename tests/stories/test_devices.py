"""Devices that lie, loop, refuse, lose power, repeat themselves or cannot tell: what the server concludes of each."""

from pathlib import Path
from typing import Any

import pytest
from tests.stories.checker import history
from tests.stories.hands import HOUR, Hand, Scene, Work, scene


async def started(s: Scene, *hands: Hand, size: int = 0, **plan: object) -> tuple[int, dict[str, Work]]:
    """Release 1.0 handed to all of them, whose version the server knows."""
    s.publish("1.0", size)
    for _ in range(1):
        s.advance(HOUR)
        for hand in hands:
            hand.contact()
    number = s.roll_out("1.0", **{"by_hand": False, "waves": [100], "soak_s": 7200, "in_flight_least": 50, **plan})
    s.advance(HOUR)
    return number, s.offered(hands)


async def test_a_liar_and_a_fallback_are_reverted_and_not_counted_as_updated(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        liar, falls = s.add("liar", "falls-back-later")
        number, work = await started(s, liar, falls, attempts=1)
        for hand in (liar, falls):
            hand.install(work[hand.id])
        liar.restart()
        falls.restart("1.0")
        s.hour()
        assert (s.state(number, "liar"), s.state(number, "falls-back-later")) == ("reverted", "booted")
        for _ in range(3):
            s.hour()
        assert s.state(number, "falls-back-later") == "confirmed"
        falls.restart("0.9")
        s.hour()
        assert s.state(number, "falls-back-later") == "reverted"
        assert s.client.get("/devices/falls-back-later")["version"] == "0.9"
        [wave] = s.stage.rollout(number)["waves"]
        assert wave["states"] == {"reverted": 2}


async def test_a_version_nobody_shipped_is_neither_old_nor_new(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        [hand] = s.add("strange")
        number, work = await started(s, hand, attempts=1)
        hand.install(work["strange"])
        hand.restart("13.13-nightly")
        s.hour()
        assert s.state(number, "strange") == "installed"
        s.advance(2 * 86_400)
        assert s.state(number, "strange") == "timed_out"
        assert s.client.get("/devices/strange")["version"] == "13.13-nightly"


async def test_a_download_resumes_where_the_power_cut_ended_it(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        [hand] = s.add("unlucky")
        number, work = await started(s, hand, size=300_000, downloads=1)
        order = work["unlucky"]
        assert hand.say(order.action, "proceeding") == 200
        first = hand.fetch(order, Range="bytes=0-99999")
        hand.restart()
        links = s.hour()["unlucky"]
        again = hand.order(links)
        assert again is not None
        assert again.action == order.action
        rest = hand.fetch(again, Range="bytes=100000-")
        assert (first.status_code, rest.status_code) == (206, 206)
        whole = hand.fetch(again, Range=f"bytes=0-{order.size - 1}") if not first.content else None
        assert whole is None
        assert len(first.content + rest.content) == order.size
        assert hand.say(order.action, "closed", "success") == 200
        hand.restart("1.0")
        s.hour()
        assert s.state(number, "unlucky") == "booted"
        s.hour()


async def test_a_download_loop_ends_at_its_budget(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        [hand] = s.add("loops")
        number, work = await started(s, hand, downloads=4, attempts=1)
        statuses = [hand.fetch(work["loops"]).status_code for _ in range(6)]
        assert statuses[:4] == [200] * 4
        assert all(status in (404, 429) for status in statuses[4:])
        assert s.state(number, "loops") == "failed"
        assert "deploymentBase" not in hand.poll()


async def test_a_device_that_rejects_keeps_its_action_until_it_is_declined(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        [hand] = s.add("picky")
        number, work = await started(s, hand)
        action = work["picky"].action
        for _ in range(2):
            assert hand.say(action, "rejected", "none", "not while it is cooling") == 200
            assert s.state(number, "picky") == "offered"
            assert hand.poll().keys() >= {"deploymentBase"}
            s.hour()
        assert hand.say(action, "rejected") == 200
        assert s.state(number, "picky") == "declined"
        assert "deploymentBase" not in hand.poll()


async def test_a_client_that_speaks_only_ddi_is_weak_evidence(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        [tells] = s.add("tells", heart=False)
        [mute] = s.add("mute", heart=False, version="")
        s.advance()
        number, work = await started(s, tells, mute)
        for hand in (tells, mute):
            hand.install(work[hand.id])
        tells.restart("1.0")
        s.advance(HOUR)
        data = {"mode": "merge", "data": {"version": "1.0"}}
        assert tells.call("PUT", "/configData", data).status_code == 200
        mute.poll()
        s.advance()
        found = {d["device"]: (d["state"], d["weak"]) for d in s.client.get(f"/rollouts/{number}/deployments")}
        assert found == {"tells": ("booted", True), "mute": ("booted", True)}
        assert s.client.get("/devices/tells")["weak"]


async def test_duplicate_and_late_reports_change_nothing(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        [hand] = s.add("repeats")
        number, work = await started(s, hand, attempts=2, back_off_s=0)
        action = work["repeats"].action
        for _ in range(3):
            assert hand.say(action, "proceeding", "none", "Downloading.") == 200
        assert hand.say(action, "closed", "failure", "no space") == 200
        assert hand.say(action, "closed", "failure", "no space") == 410
        assert hand.say(action, "proceeding") == 410
        s.hour()
        second = hand.order(hand.poll())
        assert second is not None
        assert second.action != action
        assert hand.say(action, "closed", "success") == 410, "late: an older attempt"
        assert s.state(number, "repeats") == "offered"
        hand.install(second)
        assert hand.say(second.action, "closed", "success") == 410
        hand.restart("1.0")
        s.hour()
        assert s.state(number, "repeats") == "booted"
        kept = history(s.client, "repeats").reports
        taken = [said for said in kept.elements() if said[0] == action and said[4] == 200]
        assert sorted(said[1] for said in taken) == ["closed", "proceeding"], "a repetition is one report"


async def test_reports_that_are_no_json_or_of_nobody(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        [one, other] = s.add("one", "other")
        number, work = await started(s, one, other)
        assert other.say(work["one"].action, "closed", "success") == 404, "another device's action"
        assert one.say(999_999, "closed", "success") == 404
        body = '{"status":{"execution":"closed","result":{"finished":"failure"},"details":["it said "no""]}}'
        headers = {"Authorization": f"TargetToken {one.token}", "Content-Type": "application/json"}
        path = f"/DEFAULT/controller/v1/one/deploymentBase/{work['one'].action}/feedback"
        answer = s.http.post(path, content=body, headers=headers)
        assert answer.status_code == 200, "real swupdate sends it"
        assert s.state(number, "one") == "failed"


@pytest.mark.slow
async def test_nothing_is_forgotten_by_a_kill_between_two_steps_of_a_device(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database, process=True) as s:
        [hand] = s.add("d1")
        number, work = await started(s, hand)
        steps: list[tuple[str, Any]] = [
            ("offered", lambda: None),
            ("downloading", lambda: hand.fetch(work["d1"])),
            ("downloaded", lambda: hand.say(work["d1"].action, "downloaded")),
            ("installed", lambda: hand.say(work["d1"].action, "closed", "success")),
        ]
        for state, do in steps:
            do()
            await s.restart()
            assert s.state(number, "d1") == state
            again = hand.order(hand.contact())
            assert again is None or again.action == work["d1"].action
        hand.restart("1.0")
        s.hour()
        await s.restart()
        assert s.state(number, "d1") == "booted"
