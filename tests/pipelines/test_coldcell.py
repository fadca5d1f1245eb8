"""The sample product, whole: compiled for the board, booted in QEMU, packed and signed; then once more as an update."""

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from tests.pipelines.tiny import Tiny, git

from fleetloop.pipelines import Result, new_keys
from fleetloop.releases import Kind, load_key, read, verify

EXAMPLE = Path(__file__).parents[2] / "examples" / "coldcell"
NEEDED = ("arm-none-eabi-gcc", "qemu-system-arm")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.rig,
    pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"needs {' and '.join(NEEDED)}"),
]


@pytest.fixture
def coldcell(tmp_path: Path, cache_home: Path) -> Tiny:
    downloads = Path(os.environ.get("FLEETLOOP_TEST_DOWNLOADS", Path.home() / ".cache/fleetloop/downloads"))
    downloads.mkdir(parents=True, exist_ok=True)
    (cache_home / "fleetloop").mkdir(parents=True)
    (cache_home / "fleetloop/downloads").symlink_to(downloads)
    root = tmp_path / "coldcell"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("__pycache__", "keys", ".fleetloop"))
    git(root, "init", "-q", "-b", "main")
    new_keys(root / "keys")
    made = Tiny(root)
    made.commit()
    return made


def test_the_sample_product(coldcell: Tiny, tmp_path: Path) -> None:
    first = coldcell.run(out=tmp_path / "first")
    assert first.result is Result.OK, first.sentence
    bundle = read(tmp_path / "first")
    verify(bundle, [load_key((coldcell.root / "keys/bundle.pub").read_bytes())])
    kinds = {(a.revision, a.kind) for a in bundle.manifest.artifacts}
    assert kinds == {(revision, kind) for revision in "abc" for kind in Kind}
    assert {(t.step, t.strength) for t in bundle.manifest.tests} == {
        ("test.host", "host"),
        ("test.emulator", "emulator"),
    }
    assert all(t.passed >= 8 and not t.failed for t in bundle.manifest.tests)
    [image] = (tmp_path / "first/artifacts/b").glob("*.img")
    major, minor, patch = struct.unpack_from("<BBH", image.read_bytes(), 20)
    assert f"{major}.{minor}.{patch}" == bundle.manifest.version
    bill = json.loads((tmp_path / "first/evidence/bom-b.cdx.json").read_bytes())
    assert {"monocypher", "coldcell-boot"} <= {c["name"] for c in bill["components"]}

    (coldcell.root / "VERSION").write_text("9.0.0\n")
    coldcell.commit()
    second = coldcell.run(out=tmp_path / "second", previous=tmp_path / "first")
    assert second.result is Result.OK, second.sentence
    assert subprocess.run(["pgrep", "-f", str(tmp_path)], check=False).returncode == 1
