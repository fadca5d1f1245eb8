"""The pipeline with real tools: what it makes, twice; how each kind of failure is told apart; what it leaves behind."""

import asyncio
import filecmp
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from tests.pipelines.tiny import JUNIT, TEST, Tiny, git, make, outcome

from fleetloop.core.errors import ConflictError, FleetloopError
from fleetloop.pipelines import Options, Result, run
from fleetloop.releases import load_key, read, verify

SIGNED = {"statement.dsse.json", "statement.sigstore.json"}


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_commit_becomes_a_bundle_that_its_key_vouches_for(tiny: Tiny) -> None:
    report = tiny.run()
    assert (report.result, report.bundle) == (Result.OK, tiny.root / ".fleetloop" / "tiny-1.0.0")
    bundle = read(tiny.root / ".fleetloop" / "tiny-1.0.0")
    assert verify(bundle, [load_key((tiny.root / "keys/bundle.pub").read_bytes())]).key
    assert names(bundle.folder) == [
        "README.md",
        *(
            f"artifacts/{r}/{n}"
            for r in "ab"
            for n in (f"boot-1.0.0-{r}.txt", f"libtiny-1.0.0-{r}.so", f"tiny-1.0.0-{r}.bin", f"tiny-1.0.0-{r}.img")
        ),
        "evidence/bom-a.cdx.json",
        "evidence/bom-b.cdx.json",
        "evidence/junit-host.xml",
        "evidence/run.json",
        "release.json",
        "statement.dsse.json",
        "statement.json",
        "statement.sigstore.json",
    ]
    manifest = bundle.manifest
    assert (manifest.product, manifest.version, manifest.committed_at, manifest.branch) == (
        "tiny",
        "1.0.0",
        1.7e9,
        "main",
    )
    assert [(t.step, t.strength, t.passed) for t in manifest.tests] == [("test.host", "host", 2)]
    assert (
        subprocess.run(["git", "-C", str(tiny.root), "status", "--short"], capture_output=True, check=True).stdout
        == b""
    )


def test_the_same_commit_gives_the_same_bytes_from_a_fresh_clone(tiny: Tiny, tmp_path: Path) -> None:
    tiny.run(out=tmp_path / "one")
    subprocess.run(["git", "clone", "-q", str(tiny.root), str(tmp_path / "else/src/clone")], check=True)
    clone = Tiny(tmp_path / "else/src/clone")
    for key in ("image.pem", "bundle.pem"):
        (clone.root / "keys" / key).write_bytes((tiny.root / "keys" / key).read_bytes())
    clone.run(out=tmp_path / "two", cache=False)
    same = [name for name in names(tmp_path / "one") if name not in SIGNED]
    assert filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", same, shallow=False) == (same, [], [])
    assert len(same) == 15


def test_provenance_is_what_slsa_defines_and_dated_as_told(tiny: Tiny) -> None:
    report = tiny.run(at=1_800_000_000.0)
    assert report.bundle
    statement = json.loads((report.bundle / "statement.json").read_bytes())
    ParseDict(statement["predicate"], provenance_pb2.Provenance())
    assert statement["predicate"]["runDetails"]["metadata"]["startedOn"] == "2027-01-15T08:00:00Z"
    [source] = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["digest"]["gitCommit"] == report.commit
    bom = json.loads((report.bundle / "evidence/bom-a.cdx.json").read_bytes())
    assert bom["metadata"]["timestamp"] == "2027-01-15T08:00:00+00:00"


def test_nothing_runs_twice_for_the_same_content(tiny: Tiny) -> None:
    tiny.run()
    again = tiny.run()
    assert [key for key, (_, o) in again.outcomes.items() if not o.hit] == ["sign"]
    tiny.edit("src/main.h", "1", "2")
    changed = tiny.run()
    assert [key for key, (_, o) in changed.outcomes.items() if o.hit] == ["test.host"]
    assert changed.result is Result.OK


def test_a_damaged_cache_entry_is_a_miss(tiny: Tiny, cache_home: Path) -> None:
    tiny.run(only="build.image", revision="a")
    [made] = cache_home.glob("fleetloop/steps/*/files/app.bin")
    made.write_bytes(b"bad")
    assert not tiny.run(only="build.image", revision="a").outcomes["build.image:a"][1].hit


def test_a_compiler_error_is_the_products_fault_and_the_rest_goes_on(tiny: Tiny) -> None:
    tiny.write(src__main_c="int main(void) { return x; }\n")
    report = tiny.run()
    assert report.result is Result.FAILED
    assert report.bundle is None
    result, sentence = outcome(report, "build.image:a")
    assert (result, "main.c:1" in sentence) == ("failed", True)
    assert outcome(report, "package.mcuboot:a") == ("skipped", "needs build.image:a")
    assert outcome(report, "test.host")[0] == "ok"
    assert outcome(report, "sign")[0] == "skipped"


PASS = '<testsuite tests="1"><testcase name="one"/></testsuite>'


@pytest.mark.parametrize(
    ("script", "result", "sentence"),
    [
        (JUNIT % ('<testsuite><testcase name="x"><failure message="1 != 2"/></testcase><testcase name="y"/></testsuite>', "exit 1"), "failed", "1 of 2 tests failed: x (1 != 2)"),
        (JUNIT % ('<testsuite><testcase name="x"><error message="boom"/></testcase></testsuite>', "exit 1"), "error", "1 of 1 tests could not run: x (boom)"),
        ("kill -SEGV $$", "error", "ended with -11 and left no report junit.xml: it crashed"),
        ("exit 0", "error", "ended with 0 and left no report junit.xml: it crashed"),
        (JUNIT % (PASS[:-10], "exit 1"), "error", "ended with 1; junit.xml is incomplete or no XML"),
        (JUNIT % ("<testsuite/>", ""), "error", "the report has no test; that is not a pass"),
        (JUNIT % ('<testsuite><testcase name="x"><skipped/></testcase></testsuite>', ""), "error", "all 1 tests were skipped; that is not a pass"),
        (JUNIT % (PASS, "exit 3"), "error", "1 tests passed, but the command ended with 3"),
        (JUNIT % ("<!DOCTYPE a [<!ENTITY b 'c'>]>" + PASS, ""), "error", "ended with 0; junit.xml has a DOCTYPE"),
        ("yes", "error", "wrote more than 64 MiB and was ended"),
    ],
)  # fmt: skip
def test_how_a_test_ends(tiny: Tiny, script: str, result: str, sentence: str) -> None:
    tiny.write(test_sh=script)
    report = tiny.run(only="test")
    got = outcome(report, "test.host")
    assert (got[0], got[1][: len(sentence)]) == (result, sentence)
    assert report.result.value == result


def test_on_an_emulator_an_error_is_infrastructure_and_is_tried_once_more(tiny: Tiny) -> None:
    tiny.edit("fleetloop.toml", "[test.host]", "[test.emulator]")
    tiny.write(
        test_sh=JUNIT % ('<testsuite><testcase name="x"><error message="no board"/></testcase></testsuite>', "exit 1")
    )
    report = tiny.run(only="test")
    assert outcome(report, "test.emulator") == ("infrastructure", "1 of 1 tests could not run: x (no board)")
    assert report.outcomes["test.emulator"][1].attempts == 2
    assert tiny.said("retried") == ["test.emulator"]


def test_a_missing_tool_is_infrastructure_and_names_the_line_that_installs_it(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.edit("fleetloop.toml", "[test.host]", '[test.emulator]\nneeds = ["qemu-system-arm"]')
    monkeypatch.setenv("PATH", "/nowhere")
    project = tiny.root
    monkeypatch.setattr("fleetloop.pipelines.commit._git", _recorded(project))
    report = tiny.run(only="test", cache=False)
    line = "apt-get install -y --no-install-recommends qemu-system-arm"
    assert outcome(report, "test.emulator") == ("infrastructure", f"qemu-system-arm is missing; install it: {line}")
    assert report.result is Result.INFRASTRUCTURE
    assert tiny.said("retried") == []


def _recorded(root: Path):
    """git itself must be found although nothing else is."""

    def ask(_: Path, *words: str) -> str:
        return subprocess.run(
            ["/usr/bin/git", "-C", str(root), *words], check=True, capture_output=True, text=True
        ).stdout

    return ask


def test_a_hang_is_infrastructure_within_its_limit_and_nothing_runs_on(tiny: Tiny, tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    tiny.edit("fleetloop.toml", "timeout-s = 20", "timeout-s = 0.5")
    tiny.write(test_sh=f"setsid sh -c 'trap \"\" TERM; while :; do date > {mark}; sleep 0.05; done' & wait")
    started = time.monotonic()
    report = tiny.run(only="test")
    assert time.monotonic() - started < 19, "it waited for the test to end"
    assert outcome(report, "test.host") == (
        "infrastructure",
        "did not end within 0 s (timeout-s); it and all it started was ended",
    )
    assert _silent(mark)


def _silent(mark: Path) -> bool:
    assert mark.exists()
    before = mark.stat().st_mtime_ns
    time.sleep(0.3)
    return mark.stat().st_mtime_ns == before


def test_cancelling_ends_what_runs_and_leaves_no_file(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, temp = tmp_path / "alive", tmp_path / "tmp"
    temp.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temp))
    tiny.write(test_sh=f"while :; do date > {mark}; sleep 0.05; done")

    async def cancelled() -> None:
        running = asyncio.create_task(run(tiny.load(), Options(only="test"), tiny.events.append))
        while not mark.exists():
            await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert _silent(mark)
    assert list(temp.iterdir()) == []


def test_a_changed_folder_makes_no_bundle_but_can_be_tested(tiny: Tiny) -> None:
    (tiny.root / "src/main.c").write_text("int main(void) { return 0; }\n")
    with pytest.raises(ConflictError, match=r"in no commit: src/main.c. A release is made of a commit") as caught:
        tiny.run()
    assert caught.value.code == "dirty-tree"
    assert tiny.run(only="test").result is Result.OK


def test_missing_keys_are_said_before_anything_runs(tiny: Tiny) -> None:
    (tiny.root / "keys/bundle.pem").unlink()
    with pytest.raises(
        FleetloopError, match=r"sign needs keys/bundle\.pem, which is not there; make the keys: fleetloop key new"
    ):
        tiny.run()


def test_another_image_key_than_the_boot_loaders_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    (tiny.root / "keys/image.pem").write_bytes((other.root / "keys/image.pem").read_bytes())
    assert outcome(tiny.run(), "package.mcuboot:a")[1].startswith(
        "keys/image.pub is not the public half of keys/image.pem"
    )


def test_another_bundle_key_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    (tiny.root / "keys/bundle.pem").write_bytes((other.root / "keys/bundle.pem").read_bytes())
    result, sentence = outcome(tiny.run(), "sign")
    assert (result, sentence) == (
        "infrastructure",
        "file2 cannot sign the bundle: CryptoSigner private key does not match public key",
    )


def test_the_bundle_key_may_stand_in_the_environment(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", (tiny.root / "keys/bundle.pem").read_text())
    (tiny.root / "keys/bundle.pem").unlink()
    tiny.edit("fleetloop.toml", "[policy]", '[keys]\nbundle-private = "envkey:MY_KEY"\n[policy]')
    assert tiny.run().result is Result.OK


def test_a_source_that_no_component_claims_fails_the_bill(tiny: Tiny) -> None:
    tiny.edit("components.toml", '"./src/*"', '"./src/*.c"')
    result, sentence = outcome(tiny.run(), "sbom:a")
    assert (result, sentence) == ("failed", "no component claims ./src/main.h; add a pattern for it to components.toml")


def test_a_source_that_no_input_names_is_an_error(tiny: Tiny) -> None:
    tiny.edit("fleetloop.toml", 'inputs = ["src/**", "build.sh"]', 'inputs = ["src/*.c", "build.sh"]')
    assert outcome(tiny.run(), "build.image:a") == (
        "error",
        "it read src/main.h, which no pattern of inputs names; add one",
    )


def test_the_bill_counts_what_can_be_matched(tiny: Tiny) -> None:
    report = tiny.run(only="sbom", revision="a")
    result, sentence = outcome(report, "sbom:a")
    assert (result, sentence.partition(", ")[2]) == ("ok", "1 of 2 components matchable")
    assert list(report.outcomes) == ["build.image:a", "sbom:a"]


def test_a_test_gets_the_previous_release(tiny: Tiny, tmp_path: Path) -> None:
    old = tiny.run(out=tmp_path / "old").bundle
    tiny.edit("fleetloop.toml", '"test.sh", "{out}"', '"test.sh", "{out}", "{previous}", "{image}", "{revision}"')
    tiny.write(test_sh='set -e\ntest -f "$3"\ntest -f "$2/tiny-1.0.0-$4.img"\n' + TEST, VERSION="1.1.0\n")
    report = tiny.run(previous=old)
    assert (report.result, report.sentence) == (Result.OK, "11 steps ended well")
    assert report.bundle
    statement = json.loads((report.bundle / "statement.json").read_bytes())
    assert [d["name"] for d in statement["predicate"]["buildDefinition"]["resolvedDependencies"]] == [
        "source", "previous/a/tiny-1.0.0-a.img", "previous/b/tiny-1.0.0-b.img",
    ]  # fmt: skip
    assert outcome(tiny.run(), "test.host:a")[0] == "error"


def test_a_previous_release_of_a_stranger_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    old = make(tmp_path / "other").run().bundle
    with pytest.raises(FleetloopError, match="which tiny does not trust"):
        tiny.run(previous=old)


def test_a_folder_that_is_no_bundle_is_not_replaced(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(ConflictError, match="is there and is no bundle; name another folder with --out"):
        tiny.run(out=tmp_path / "mine")
    assert names(tmp_path / "mine") == ["letter.txt"]


def test_it_runs_without_the_server_extra(tiny: Tiny) -> None:
    program = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"sqlalchemy", "fastapi", "alembic", "granian", "jinja2", "argon2", "orjson", "aiohttp"}:
            raise ModuleNotFoundError(f"blocked {name}", name=name)
sys.meta_path.insert(0, Block())
import argparse
from fleetloop.core.command import Output
from fleetloop.pipelines.cli import COMMANDS
command = COMMANDS[0]
parser = argparse.ArgumentParser()
command.arguments(parser)
raise SystemExit(command.run(parser.parse_args(sys.argv[1:]), Output(json_wanted=True)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "--at", "2026-01-31T12:00:00Z"],
        cwd=tiny.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["result"], len(document["steps"])) == ("ok", 10)
    assert "build.image:a" in done.stderr
    git(tiny.root, "diff", "--exit-code")
