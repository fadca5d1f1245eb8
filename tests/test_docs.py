"""The docs say what the program does: links lead somewhere, commands exist, generated pages are as generated."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fleetloop.app.main import commands, parser

TOP = Path(__file__).parents[1]
PAGES = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(TOP)))
def test_links_lead_somewhere(page: Path) -> None:
    gone = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert gone == []


def test_the_two_commands_of_the_readme_are_in_the_makefile() -> None:
    makefile = (TOP / "Makefile").read_text()
    for target in ("demo", "test"):
        assert f"make {target}" in (TOP / "README.md").read_text()
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_path_of_the_architecture_page_exists() -> None:
    text = (TOP / "ARCHITECTURE.md").read_text()
    paths = re.findall(r"(?:src/fleetloop|tests|docs)/[\w/.]+", text)
    assert [p for p in paths if not (TOP / p.rstrip(".")).exists()] == []
    assert len(paths) > 20


def test_every_command_has_help_and_stands_in_the_reference() -> None:
    reference = (TOP / "docs" / "reference" / "cli.md").read_text()
    for command in commands():
        assert command.help.endswith("."), command
        assert f"fleetloop {command.noun} {command.verb}".replace("  ", " ") in reference


def test_the_reference_is_what_the_program_says() -> None:
    done = subprocess.run(
        [sys.executable, "tools/docs", "--check"], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_shell_lines_of_the_tutorial_are_commands() -> None:
    lines = re.findall(r"^(?:\$ )?fleetloop .*$", (TOP / "docs" / "tutorial.md").read_text(), re.MULTILINE)
    assert len(lines) > 10
    for line in lines:
        words = shlex.split(line.removeprefix("$ ").split(" | ")[0], comments=True)[1:]
        parser().parse_args(words)
