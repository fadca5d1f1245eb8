"""Every mistake in ``fleetloop.toml`` is said with its line and the nearest known key."""

import subprocess
from pathlib import Path

import pytest
from tests.pipelines.tiny import TOML, Tiny

from fleetloop.core.errors import FleetloopError
from fleetloop.pipelines import all_steps, load


def text_of(tiny: Tiny) -> str:
    with pytest.raises(FleetloopError) as caught:
        tiny.run(only="test")
    return str(caught.value).replace(str(tiny.root), ".")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('name = "tiny"', 'name = "tiny', "./fleetloop.toml, line 2: not TOML: Illegal character '\\n' (at line 2, column 13)"),
        ("[product]", "[produkt]", "./fleetloop.toml, line 1: unknown table 'produkt'; did you mean 'product'?"),
        ('name = "tiny"', 'nam = "tiny"', "./fleetloop.toml, line 2: unknown key 'nam' in [product]; did you mean 'name'?"),
        ('name = "tiny"', 'name = "Tiny!"', "./fleetloop.toml, line 2: name is 'Tiny!'; expected small letters, digits and '-'"),
        ("timeout-s = 20", "timeuot-s = 20", "./fleetloop.toml, line 27: unknown key 'timeuot-s' in [test.host]; did you mean 'timeout-s'?"),
        ("timeout-s = 20", "timeout-s = 'x'", "./fleetloop.toml, line 27: 'timeout-s' is 'x'; expected a number"),
        ('class-id = "tiny-a"', 'clas-id = "tiny-a"', "./fleetloop.toml, line 5: unknown key 'clas-id' in [revision.a]; did you mean 'class-id'?"),
        ('class-id = "tiny-a"\n', "", "./fleetloop.toml, line 4: [revision.a] lacks 'class-id', the name by which the boot loader refuses another revision's image"),
        ("period-s = 4\n", "", "./fleetloop.toml, line 4: [revision.a] lacks 'period-s', which [build.image] names"),
        ("[test.host]", "[test.unit]", "./fleetloop.toml, line 24: strength is 'unit'; expected one of host, emulator, board"),
        ("[test.host]", '[test.host]\nrevision = "z"', "./fleetloop.toml, line 25: there is no [revision.z]; there are a, b"),
        ("[package.mcuboot]", "[package.rauc]", "./fleetloop.toml, line 29: there is no package format 'rauc'; known is 'mcuboot'"),
        ('"test.sh", "{out}"', '"test.sh", "{imagee}"', "test.host names {imagee}, which no step makes; there are none"),
        ('"test.sh", "{out}"', '"test.sh", "{imagee}", "{revision}"', "test.host:a names {imagee}, which no step makes; did you mean 'image'?"),
        ("tolerated = 0.03", 'tolerated = 0.03\nevents = ["crsh"]', "./fleetloop.toml, line 37: events has 'crsh'; known are crash, self-test, silent"),
        ("tolerated = 0.03", "tolerated = true", "./fleetloop.toml, line 36: 'tolerated' is True; expected a number"),
    ],
)  # fmt: skip
def test_the_line_and_the_nearest_key(tiny: Tiny, old: str, new: str, text: str) -> None:
    assert old in TOML
    (tiny.root / "fleetloop.toml").write_text(TOML.replace(old, new, 1))
    assert text_of(tiny) == text


def test_a_version_is_a_version(tiny: Tiny) -> None:
    tiny.write(VERSION="next\n")
    assert text_of(tiny) == "./fleetloop.toml, line 1: VERSION says 'next'; expected a version like 1.2.3"


def test_a_folder_without_the_file(tmp_path: Path) -> None:
    with pytest.raises(FleetloopError, match=r"has no fleetloop.toml; run this in the folder of a firmware repository"):
        load(tmp_path, all_steps())


def test_a_folder_that_is_not_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fleetloop.toml").write_text(TOML)
    (tmp_path / "VERSION").write_text("1.0.0")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(FleetloopError, match="is not in a git repository; a release is made of a commit: git init"):
        load(tmp_path, all_steps())
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    with pytest.raises(FleetloopError, match="has no commit yet"):
        load(tmp_path, all_steps())


def test_a_project_may_lie_below_the_repositorys_top(tiny: Tiny) -> None:
    below = tiny.root / "below"
    below.mkdir()
    for name in ("fleetloop.toml", "VERSION"):
        (below / name).write_text((tiny.root / name).read_text())
    (tiny.root / "elsewhere.txt").write_text("x")
    found = load(below, all_steps())
    assert (found.files, found.commit.dirty) == (
        ("VERSION", "fleetloop.toml"),
        ("below/VERSION", "below/fleetloop.toml"),
    )
