import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fleetloop.app.main import ALIASES, commands, parser, run

ENV = os.environ | {"NO_COLOR": "1", "COLUMNS": "100"}
NOBODY = "http://127.0.0.1:9"


def subparsers(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [a for a in of._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def test_every_command_is_there_once_with_help() -> None:
    listed = [(c.noun, c.verb) for c in commands()]
    assert len(set(listed)) == len(listed)
    assert [c for c in commands() if not c.help.endswith(".")] == []
    made = subparsers(parser())
    for noun, verb in listed:
        assert verb in (subparsers(made[noun]) if noun else made)


def test_examples_are_command_lines_that_parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text("soak_s = 5\n")
    for command in commands():
        for example in command.examples:
            lines = [shlex.split(part, comments=True) for part in example.split(" | ")]
            assert {words[0] for words in lines} == {"fleetloop"}, example
            assert command in [parser().parse_args(words[1:]).command for words in lines], example


def test_nouns_may_be_said_in_the_plural(capsys: pytest.CaptureFixture[str]) -> None:
    for plural, noun in ALIASES.items():
        assert noun in subparsers(parser())
        with pytest.raises(SystemExit):
            run([plural, "--help"])
        assert f"usage: fleetloop {noun}" in capsys.readouterr().out


def test_exit_codes_are_documented(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "exit-codes"]) == 0
    assert "  4  not logged in, or not allowed to" in capsys.readouterr().out


def test_no_word_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run([])
    assert ended.value.code == 0
    assert "usage: fleetloop" in capsys.readouterr().out


def test_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["devcie", "list"])
    assert ended.value.code == 2
    assert "invalid choice: 'devcie'" in capsys.readouterr().err


def test_an_error_is_one_sentence_and_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["device", "list", "--server", NOBODY]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"fleetloop: {NOBODY} cannot be reached")
    assert told.err.endswith("is `fleetloop up` running there? [unavailable]\n")


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['fleetloop', '--help']\nfrom fleetloop.__main__ import main\ntry:\n    main()\nexcept SystemExit: pass\n"
    code += "print([m for m in ('fastapi', 'sqlalchemy', 'granian', 'httpx', 'cryptography', 'aiohttp') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENV)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version() -> None:
    done = subprocess.run([sys.executable, "-m", "fleetloop", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("fleetloop 0.")
