"""``fleetloop run`` and ``fleetloop key new`` as a person calls them."""

import argparse
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.pipelines.tiny import Tiny

from fleetloop.core.command import Output
from fleetloop.core.errors import ConflictError, UsageError
from fleetloop.pipelines.cli import COMMANDS


def call(noun: str, verb: str, *words: str, wanted: bool = True) -> int | None:
    [command] = [c for c in COMMANDS if (c.noun, c.verb) == (noun, verb)]
    parser = argparse.ArgumentParser()
    assert command.arguments
    command.arguments(parser)
    return command.run(parser.parse_args(words), Output(json_wanted=wanted))


def test_one_document_on_stdout_and_progress_on_stderr(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny.root)
    assert call("", "run", "--only", "test.host") == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert {k: document[k] for k in ("product", "version", "result", "bundle")} == {
        "product": "tiny", "version": "1.0.0", "result": "ok", "bundle": None,
    }  # fmt: skip
    [step] = document["steps"]
    assert (step["step"], step["result"], step["cached"], step["tests"][0]["passed"]) == ("test.host", "ok", False, 2)
    assert "test.host" in err
    assert "2 passed" in err


def test_a_failure_is_1_and_shows_the_last_lines(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny.root)
    tiny.write(src__main_c="int main(void) { return x; }\n")
    assert call("", "run", wanted=False) == 1
    out, err = capsys.readouterr()
    assert "result    failed" in out
    assert "| src/main.c:1:" in err


def test_a_time_that_is_none(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.root)
    with pytest.raises(UsageError, match="--at is 'tomorrow'; expected seconds since 1970"):
        call("", "run", "--at", "tomorrow")


def test_being_told_to_end_ends_everything(tiny: Tiny, tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    tiny.write(test_sh=f"while :; do date > {mark}; sleep 0.05; done")
    program = (
        "import argparse; from fleetloop.core.command import Output; from fleetloop.pipelines.cli import COMMANDS as C\n"
        "p = argparse.ArgumentParser(); C[0].arguments(p)\n"
        "try: C[0].run(p.parse_args(['--only', 'test']), Output(json_wanted=True))\n"
        "except KeyboardInterrupt: raise SystemExit(130)"
    )
    env = os.environ | {"TMPDIR": str(tmp_path / "temp")}
    (tmp_path / "temp").mkdir()
    running = subprocess.Popen([sys.executable, "-c", program], cwd=tiny.root, env=env, stderr=subprocess.DEVNULL)
    while not mark.exists():
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 130
    before = mark.stat().st_mtime_ns
    time.sleep(0.2)
    assert mark.stat().st_mtime_ns == before
    assert list((tmp_path / "temp").iterdir()) == []


def test_new_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    call("key", "new")
    out, err = capsys.readouterr()
    assert json.loads(out)["bundle"] == "keys/bundle.pub"
    assert "fleetloop trust add PRODUCT keys/bundle.pub" in err
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in Path("keys").glob("*.pem")}
    assert modes == {"image.pem": 0o600, "bundle.pem": 0o600}
    assert Path("keys/.gitignore").read_text() == "*.pem\n"
    before = Path("keys/image.pem").read_bytes()
    with pytest.raises(ConflictError, match=r"keys/image.pem is there already; devices in the field trust it"):
        call("key", "new")
    assert Path("keys/image.pem").read_bytes() == before


def test_imgtool_reads_the_image_key(tmp_path: Path) -> None:
    call("key", "new", str(tmp_path / "keys"))
    public = [sys.executable, "-m", "imgtool.main", "getpub", "-e", "lang-c", "-k"]
    made = [
        subprocess.run([*public, str(tmp_path / "keys" / name)], check=True, capture_output=True).stdout
        for name in ("image.pem", "image.pub")
    ]
    assert made[0] == made[1]
