"""What a release must show before it is taken."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tests.releases.parcel import make

from fleetloop import releases
from fleetloop.core.errors import FleetloopError
from fleetloop.releases import Policy, read
from fleetloop.releases.policy import check, faults

HOST = releases.Tested("test.host", "host", 3, 0, 0, 1)


def test_a_good_release_has_no_fault(tmp_path: Path) -> None:
    bundle = read(make(tmp_path))
    check(bundle, {"a", "b"})
    assert faults(bundle) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"tests": ()}, "no test passed"),
        ({"tests": (HOST, dataclasses.replace(HOST, failed=1))}, "test.host: 3 passed, 1 failed, 0 in error"),
        ({"tests": (HOST, releases.Tested("test.emulator", "emulator", 0, 0, 2, 0, revision="b"))}, "test.emulator on revision b: 0 passed, 0 failed, 2 in error"),
        ({"artifacts": ()}, "there is no artifact"),
        ({"policy": Policy(0)}, "tolerated is 0, expected above 0 and at most 1 a device-day"),
        ({"policy": Policy(0.1, ())}, "the policy counts no bad event"),
        ({"policy": Policy(0.1, install_failure=1.0)}, "install-failure is 1, expected between 0 and 1"),
        ({"component": "modem"}, "revision b has no image"),
    ],
)  # fmt: skip
def test_a_fault_is_a_sentence(changes: dict[str, Any], fault: str, tmp_path: Path) -> None:
    bundle = read(make(tmp_path, **changes))
    assert faults(bundle) == [fault]
    with pytest.raises(FleetloopError, match="the release fails its policy: ") as caught:
        check(bundle, {"b"})
    assert (caught.value.code, caught.value.fields) == ("failed-policy", {"reasons": [fault]})


def test_a_missing_bill(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / "evidence/bom-b.cdx.json").unlink()
    assert faults(read(folder)) == ["revision b has no bill of materials"]


def test_an_unknown_revision(tmp_path: Path) -> None:
    with pytest.raises(
        FleetloopError, match="for hardware revision b, which cell does not have; it has a, c"
    ) as caught:
        check(read(make(tmp_path)), {"c", "a"})
    assert caught.value.code == "unknown-revision"
