"""Bad input at the server's door: each refused with a stable code and a sentence, and nothing of it kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.releases.parcel import STRANGER, sign
from tests.stories.hands import PRODUCT, Scene, bundle, scene

from fleetloop import releases
from fleetloop.core.errors import FleetloopError


def fresh(folder: Path) -> Path:
    return bundle(folder, "1.0", b"image of 1.0")


def edited(folder: Path) -> Path:
    made = fresh(folder)
    (made / "artifacts/b/cell-1.0-b.img").write_bytes(b"image of evil")
    return made


def edited_manifest(folder: Path) -> Path:
    made = fresh(folder)
    told = json.loads((made / "release.json").read_text())
    told["subject"] = "Another change"
    (made / "release.json").write_text(json.dumps(told))
    return made


def edited_statement(folder: Path) -> Path:
    made = fresh(folder)
    text = (made / "statement.dsse.json").read_text()
    envelope = json.loads(text)
    other = fresh(folder.with_name("other"))
    (other / "artifacts/b/cell-1.0-b.img").write_bytes(b"image of evil")
    sign(other, STRANGER)
    evil = json.loads((other / "statement.dsse.json").read_text())
    envelope["payload"] = evil["payload"]
    (made / "statement.dsse.json").write_text(json.dumps(envelope))
    return made


def added(folder: Path) -> Path:
    made = fresh(folder)
    (made / "evidence").mkdir()
    (made / "evidence" / "more.txt").write_text("x")
    return made


def untrusted(folder: Path) -> Path:
    made = fresh(folder)
    sign(made, STRANGER)
    return made


def strange_revision(folder: Path) -> Path:
    made = fresh(folder)
    told = json.loads((made / "release.json").read_text())
    told["artifacts"][0]["revision"] = "z"
    (made / "release.json").write_bytes(json.dumps(told, sort_keys=True).encode())
    sign(made)
    return made


def failed_tests(folder: Path) -> Path:
    return bundle(folder, "1.0", b"image of 1.0", tests=(releases.Tested("test.host", "host", 3, 1, 0, 1),))


CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "edited after signing": (edited, "wrong-digest"),
    "manifest edited": (edited_manifest, "wrong-digest"),
    "statement edited": (edited_statement, "bad-signature"),
    "file added": (added, "wrong-digest"),
    "untrusted key": (untrusted, "untrusted-signer"),
    "unknown revision": (strange_revision, "unknown-revision"),
    "failed policy": (failed_tests, "failed-policy"),
}


async def test_each_bad_bundle_has_its_code_and_leaves_nothing(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        for number, (name, (make, code)) in enumerate(CASES.items()):
            with pytest.raises(FleetloopError) as told:
                s.stage.publish(make(tmp_path / f"bundle-{number}"))
            assert told.value.code == code, (name, told.value)
            assert len(str(told.value)) > 20
            if code == "untrusted-signer":
                assert f"fleetloop trust add {PRODUCT} " in str(told.value)
        assert s.client.get("/releases") == []
        assert kept(s) == []


async def test_rubbish_is_no_bundle(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        for content in (b"", b"rubbish" * 1000, b"\0" * 10240):
            with pytest.raises(FleetloopError) as told:
                s.client.call("POST", "/releases", content=content, headers={"Content-Type": "application/x-tar"})
            assert told.value.code == "bad-bundle", told.value
        assert kept(s) == []


async def test_publishing_twice_is_one_release_and_other_bytes_are_refused(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        made = fresh(tmp_path / "bundle")
        first, second = s.stage.publish(made), s.stage.publish(made)
        assert first["id"] == second["id"]
        before = kept(s)
        with pytest.raises(FleetloopError) as told:
            s.stage.publish(bundle(tmp_path / "again", "1.0", b"other bytes"))
        assert told.value.code not in ("failed", "internal", "error"), told.value.code
        assert "1.0" in str(told.value)
        assert len(s.client.get("/releases")) == 1
        assert kept(s) == before


def kept(s: Scene) -> list[str]:
    """Files below the folder of artifacts, half-written ones too."""
    folder = Path(s.server.folder, "artifacts")
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
