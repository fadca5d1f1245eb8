"""The ladder holds, and the guard that says so catches each mistake it is there for."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
SRC = TOP / "src"
OPEN = "core"  # every room may enter core anywhere
KEYS = "app"  # app may enter every room anywhere


def files(src: Path) -> list[Path]:
    root = src / "fleetloop"
    return sorted(p for p in root.rglob("*.py") if len(p.relative_to(root).parts) > 1)


def imports(path: Path, src: Path) -> Iterator[str]:
    """Yield each module ``path`` imports, however the import is spelt."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            here = src.joinpath(*node.module.split("."))
            for a in node.names:
                module = (here / a.name).is_dir() or (here / f"{a.name}.py").is_file()
                yield f"{node.module}.{a.name}" if module else node.module


def side_doors(path: Path, src: Path) -> list[str]:
    """Imports of ``path`` that enter another room anywhere but by its front door, or its own by it."""
    room = path.relative_to(src / "fleetloop").parts[0]
    found: list[str] = []
    for name in imports(path, src):
        top, _, rest = name.partition(".")
        if top != "fleetloop" or room == KEYS or rest.split(".")[0] == OPEN:
            continue
        if rest.split(".")[0] == room:
            if "." not in rest and path.name != "__init__.py":
                found.append(f"own front door: {name}")
        elif "." in rest:
            found.append(f"side door: {name}")
    return found


@pytest.mark.parametrize("path", files(SRC), ids=lambda p: str(p.relative_to(SRC / "fleetloop")))
def test_rooms_are_entered_by_the_front_door(path: Path) -> None:
    assert side_doors(path, SRC) == []


def lint(src: Path, config: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--config", str(config)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=src.parent, env=os.environ | {"PYTHONPATH": str(src)}
    )


def test_the_ladder_holds() -> None:
    done = lint(SRC, TOP / "pyproject.toml")
    assert done.returncode == 0, done.stdout[-3000:]


LADDER = "The ladder"
INSIDE = "Inside a room"
DOORS = "Only app opens the doors"
PLUGINS = "Nobody imports a plug-in by name"
FRONT = "front door"

MISTAKES = [
    ("upwards", "fleet/service.py", "import fleetloop.rollouts", LADDER),
    ("upwards, hidden in a function", "fleet/service.py", "def _f() -> None:\n    import fleetloop.rollouts", LADDER),
    ("upwards, for types only", "fleet/service.py", "if TYPE_CHECKING:\n    import fleetloop.rollouts", LADDER),
    ("telemetry imports its neighbour", "telemetry/service.py", "import fleetloop.rollouts", LADDER),
    ("a room on no rung", "misc/__init__.py", '"""Odds."""', LADDER),
    ("nouns know verbs", "fleet/model.py", "import fleetloop.fleet.service", INSIDE),
    ("rules know doors", "rollouts/engine.py", "import fleetloop.rollouts.api", INSIDE),
    ("sim opens a door", "sim/service.py", "import fleetloop.fleet.cli", DOORS),
    ("a room names its plug-in", "wire/service.py", "import fleetloop.wire.protocols.heartbeat", PLUGINS),
    ("app names a plug-in", "app/extra.py", "import fleetloop.wire.protocols.heartbeat", PLUGINS),
    ("side door, spelt one", "health/extra.py", "import fleetloop.telemetry.service", FRONT),
    ("side door, spelt two", "health/extra.py", "from fleetloop.telemetry import service", FRONT),
    ("side door, spelt three", "health/extra.py", "from fleetloop.telemetry.service import Heartbeats", FRONT),
    ("a plug-in at its own front door", "wire/protocols/extra.py", "import fleetloop.wire", FRONT),
]


@pytest.mark.parametrize(("what", "file", "line", "guard"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_each_mistake_is_caught(what: str, file: str, line: str, guard: str, tmp_path: Path) -> None:
    src = tmp_path / "src"
    shutil.copytree(SRC, src, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    target = src / "fleetloop" / file
    target.parent.mkdir(exist_ok=True)
    target.write_text((target.read_text() if target.exists() else "") + f"\n\n{line}\n")
    if guard == FRONT:
        assert side_doors(target, src), what
        return
    config = tmp_path / "pyproject.toml"
    config.write_text((TOP / "pyproject.toml").read_text())
    done = lint(src, config)
    assert done.returncode == 1, what
    broken = [row for row in done.stdout.splitlines() if row.endswith("BROKEN")]
    assert any(row.startswith(guard) for row in broken), (what, broken, done.stdout[-2000:])


def test_no_file_is_over_its_gate() -> None:
    """400 lines a file; an exception stands here with its reason, and this list only shrinks."""
    excused = {"fleetloop/app/migrations/versions/0001_the_first_schema.py": "written by alembic, read by nobody"}
    long = {str(p.relative_to(SRC)): n for p in files(SRC) if (n := p.read_text().count("\n")) > 400}
    assert set(long) <= set(excused), long


def test_nothing_speaks_of_what_is_not_here() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split()
    wanted = ".." + "/shared"
    bad = [f for f in tracked if (TOP / f).is_file() and wanted.encode() in (TOP / f).read_bytes()]
    assert bad == []
