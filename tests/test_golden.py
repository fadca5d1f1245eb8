"""Golden texts that the program makes are as they were agreed; `tools/golden` writes them again."""

import importlib.machinery
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOP = Path(__file__).parents[1]


def tool() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("golden", str(TOP / "tools" / "golden"))
    spec = importlib.util.spec_from_loader("golden", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


GOLDEN = tool().GOLDEN


@pytest.mark.parametrize("name", GOLDEN)
def test_the_program_says_what_was_agreed(name: str) -> None:
    """If this was meant: run `.venv/bin/python tools/golden`, read the diff, commit it."""
    assert GOLDEN[name]() == (TOP / "tests" / "golden" / name).read_text()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    document = json.loads((TOP / "tests/golden/openapi.json").read_text())
    for path, verbs in document["paths"].items():
        yield from ((f"{verb.upper()} {path}", operation) for verb, operation in verbs.items())


def test_every_operation_says_what_it_does() -> None:
    assert [name for name, operation in operations() if not operation.get("description")] == []


def test_every_operation_has_a_room() -> None:
    assert [name for name, operation in operations() if len(operation.get("tags", ())) != 1] == []
