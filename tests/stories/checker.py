"""Invariants of every story, from the devices' own records and the public API alone.

I1 an action has one target, and belongs to one device · I2 every report that was answered 200 is in the history, once ·
I3 a wave opened only after its gate was met · I4 after a stop nobody is handed the release · I5 counters are counts ·
I6 a device gets only what its hardware revision lists.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.stories.theatre import Theatre

from fleetloop.core.client import Client
from fleetloop.health import read_record

RAW = re.compile(r"> feedback of action (\d+): (\{.*\})\n\s+< (\d+)")
HANDED = re.compile(r"Handed (\S+)")


@dataclass(frozen=True)
class Heard:
    """What the server's history has of one device. ``targets``: version by action handed; ``reports`` with their number."""

    targets: dict[int, str]
    reports: Counter[tuple[object, ...]]


def check(house: Theatre) -> None:
    """Everything, of all devices and rollouts."""
    records = {record["device"]: record for record in house.records}
    heard = {device: history(house.client, device) for device in records}
    owners = Counter(action for one in heard.values() for action in one.targets)
    assert max(owners.values(), default=1) == 1, "an action was handed to two devices"
    for device, record in records.items():
        one_target(record, heard[device])
        kept_once(record, heard[device])
    cases = house.client.get("/rollouts")
    listed = _artifacts(house.client, house.stage.product)
    for case in cases:
        whole, drawn = house.stage.rollout(case["id"]), house.deployments(case["id"])
        counted(whole, drawn)
        right_revision(drawn, records, listed)
        if case["kind"] == "update":
            gates(whole, drawn, house.record(case["id"]))
            not_after_stop(whole, drawn, records, heard)


def history(client: Client, device: str) -> Heard:
    """Of one device, from its timeline."""
    targets: dict[int, str] = {}
    reports: Counter[tuple[object, ...]] = Counter()
    for moment in client.get(f"/devices/{device}/timeline"):
        if found := HANDED.fullmatch(moment["text"]):
            action = int(moment["detail"].removeprefix("action "))
            assert action not in targets, f"{device} was handed action {action} twice"
            targets[action] = found[1]
        for action, text, status in RAW.findall(moment["raw"]):
            said = json.loads(text)
            reports[
                (int(action), said.get("execution"), said.get("finished"), said.get("device_time"), int(status))
            ] += 1
    return Heard(targets, reports)


def one_target(record: dict[str, Any], heard: Heard) -> None:
    """I1: what it booted after each install it reported is what that action was for."""
    strange = {int(said["action"]) for said in record["reports"]} - set(heard.targets)
    assert not strange, f"{record['device']} speaks of actions it was never handed: {strange}"
    for said in record["reports"]:
        if (said["execution"], said["finished"], said["on_cancel"]) != ("closed", "success", False):
            continue
        target = heard.targets[int(said["action"])]
        booted = next((b for b in record["boots"] if b["at"] > said["at"]), None)
        before = [b["version"] for b in record["boots"] if b["at"] <= said["at"]][-1:]
        # it may come back with what it had: a liar, or a trial that fell back
        fell_back = booted is not None and (booted["reset"] != "software" or [booted["version"]] == before)
        assert booted is None or fell_back or booted["version"] == target, (record["device"], said, booted, target)


def kept_once(record: dict[str, Any], heard: Heard) -> None:
    """I2."""
    for said in record["reports"]:
        if said["answered"] != 200:
            continue
        about = (int(said["action"]), said["execution"], said["finished"])
        times = {key: n for key, n in heard.reports.items() if key[:3] == about and key[4] == 200}
        exact = sum(n for key, n in times.items() if _near(key[3], said["at"]))
        assert exact == 1, f"{record['device']}: {said} is {exact} times in the history: {times}"


def _near(told: object, at: float) -> bool:
    """The device's own time, in seconds or milliseconds, if the history has it."""
    return not isinstance(told, int | float) or min(abs(told - at), abs(told / 1000 - at)) < 1


def counted(whole: dict[str, Any], drawn: list[dict[str, Any]]) -> None:
    """I5."""
    for wave in whole["waves"]:
        mine = [d for d in drawn if d["wave"] == wave["number"]]
        assert wave["drawn"] == len(mine)
        assert wave["states"] == dict(Counter(d["state"] for d in mine))
        assert wave["hurt"] == sum(d["hurt"] for d in mine)
    assert len(drawn) == len({d["device"] for d in drawn}) == sum(w["drawn"] for w in whole["waves"])


def gates(whole: dict[str, Any], drawn: list[dict[str, Any]], record: str) -> None:
    """I3: at the opening of each wave but the first the one before had soaked, and evidence was below the hold."""
    plan, waves = whole["plan"], whole["waves"]
    for before, after in zip(waves, waves[1:], strict=False):
        mine = [d for d in drawn if d["wave"] == before["number"]]
        booted = [
            d for d in mine if d["booted_at"] is not None and d["booted_at"] <= after["opened_at"] - plan["soak_s"]
        ]
        assert len(booted) >= plan["soak_after"] * len(mine), (before, after)
        confirmed = [d for d in mine if d["state"] == "confirmed" and d["since"] <= after["opened_at"]]
        assert len(confirmed) >= plan["confirmed_share"] * len(mine), (before, after)
        evidence = read_record(_until(record, after["number"])).e_value
        assert evidence < plan["hold"], f"wave {after['number']} opened at evidence {evidence}"


def _until(record: str, number: int) -> Iterator[bytes]:
    """The record before the opening of a wave."""
    for line in record.splitlines():
        told = json.loads(line)
        if told["kind"] == "wave" and told["number"] == number:
            return
        yield line.encode()


def not_after_stop(
    whole: dict[str, Any], drawn: list[dict[str, Any]], records: dict[str, Any], heard: dict[str, Heard]
) -> None:
    """I4: nobody begins with it later, and nobody who was not drawn ever ran it."""
    if whole["phase"] != "stopped":
        return
    version, stopped = whole["version"], whole["ended_at"]
    exposed = {d["device"] for d in drawn}
    for device, record in records.items():
        actions = {action for action, target in heard[device].targets.items() if target == version}
        begun = [s for s in record["reports"] if int(s["action"]) in actions and s["details"] == ["Downloading."]]
        late = [s for s in begun if s["at"] > stopped]
        assert not late, f"{device} was handed {version} after its stop: {late}"
        ran = any(boot["version"] == version for boot in record["boots"])
        assert device in exposed or not ran, f"{device} ran {version} and was never drawn"


def right_revision(drawn: list[dict[str, Any]], records: dict[str, Any], listed: dict[int, tuple[str, str]]) -> None:
    """I6."""
    for one in drawn:
        if one["device"] in records:
            assert listed[one["artifact"]] == (records[one["device"]]["revision"], one["version"]), one


def _artifacts(client: Client, product: str) -> dict[int, tuple[str, str]]:
    """(revision, version) by artifact."""
    found: dict[int, tuple[str, str]] = {}
    for release in client.get("/releases", product=product):
        version = release["version"]
        shipped = client.get(f"/releases/{product}/{version}")["shipped"]
        found |= {one["id"]: (one["revision"], version) for one in shipped}
    return found
