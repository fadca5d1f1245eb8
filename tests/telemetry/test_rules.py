from dataclasses import replace

import pytest

from fleetloop.telemetry import Crashed, Rebooted, SelfTestFailed
from fleetloop.telemetry.rules import facts, is_sighting, must_keep
from fleetloop.wire import Heartbeat

OK = Heartbeat("1.0.0", "b", "boot-1", 3600.0, "power", 0, True)


def after(**changes: object) -> list[str]:
    now = replace(OK, **changes)  # pyright: ignore[reportArgumentType]
    return [type(fact).__name__ for fact in facts("d1", 5.0, OK, now)]


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"uptime_s": 7200.0}, []),
        ({"version": "1.1.0"}, []),
        ({"boot_id": "boot-2", "reset": "power"}, ["Rebooted"]),
        ({"boot_id": "boot-2", "reset": "software"}, ["Rebooted"]),
        ({"boot_id": "boot-2", "reset": "fault", "crashes": 1}, ["Rebooted", "Crashed"]),
        ({"boot_id": "boot-2", "reset": "power", "crashes": 2}, ["Rebooted", "Crashed"]),
        ({"boot_id": "boot-2", "reset": "watchdog"}, ["Rebooted", "Crashed"]),
        ({"reset": "watchdog"}, []),
        ({"crashes": 3}, ["Crashed"]),
        ({"self_test": False}, ["SelfTestFailed"]),
        ({"boot_id": "boot-2", "self_test": False}, ["Rebooted", "SelfTestFailed"]),
    ],
)
def test_what_happened(changes: dict[str, object], kinds: list[str]) -> None:
    assert after(**changes) == kinds


def test_the_facts_themselves() -> None:
    now = Heartbeat("1.1.0", "b", "boot-2", 5.0, "fault", 2, False)
    assert facts("d1", 9.0, OK, now) == [
        Rebooted(9.0, "d1", "boot-2", "fault", "1.1.0"),
        Crashed(9.0, "d1", 2, 2, "fault", "boot-2", "1.1.0", 3600.0, "boot-2.2"),
        SelfTestFailed(9.0, "d1", "boot-2", "1.1.0", "boot-2.self-test"),
    ]


def test_a_lost_counter_with_a_fault_is_one_crash() -> None:
    old = replace(OK, crashes=5)
    (_, crash) = facts("d1", 9.0, old, replace(OK, boot_id="boot-2", reset="fault", crashes=1))
    assert isinstance(crash, Crashed)
    assert (crash.count, crash.id) == (1, "boot-2.1")
    assert [type(f) for f in facts("d1", 9.0, old, replace(OK, boot_id="boot-2", reset="power", crashes=0))] == [
        Rebooted
    ]


def test_a_first_heartbeat_brings_no_old_crashes() -> None:
    assert facts("d1", 9.0, None, replace(OK, crashes=7, reset="fault")) == []
    assert [type(f) for f in facts("d1", 9.0, None, replace(OK, self_test=False))] == [SelfTestFailed]


def test_a_failing_self_test_is_told_once_a_boot() -> None:
    bad = replace(OK, self_test=False)
    assert facts("d1", 9.0, bad, replace(bad, uptime_s=9.0)) == []
    assert [type(f) for f in facts("d1", 9.0, bad, replace(bad, boot_id="boot-2"))] == [Rebooted, SelfTestFailed]


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", "2"), ("boot_id", "x"), ("crashes", 1), ("self_test", False), ("hardware_revision", "c")],
)
def test_what_must_be_kept(field: str, value: object) -> None:
    assert must_keep(OK, replace(OK, **{field: value}))


def test_what_may_wait() -> None:
    assert not must_keep(OK, replace(OK, uptime_s=1.0, reset="fault"))
    assert must_keep(None, OK)


def test_sightings() -> None:
    assert is_sighting(None, OK)
    assert is_sighting(OK, replace(OK, version="2"))
    assert is_sighting(OK, replace(OK, boot_id="2"))
    assert not is_sighting(OK, replace(OK, crashes=3))
