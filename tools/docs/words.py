"""Markdown from Python: docstrings, the strings under fields, tables."""

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

MADE = "<!-- made by tools/docs from the program; do not edit: change the program and run `make docs` -->"


def page(title: str, *parts: str) -> str:
    """A whole page."""
    return "\n\n".join([f"# {title}", MADE, *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def prose(text: str | None) -> str:
    """A docstring as markdown: double backticks are single ones."""
    return re.sub(r"``([^`]+)``", r"`\1`", inspect.cleandoc(text or ""))


def line(text: str | None) -> str:
    """The same in one line, for a table's cell."""
    return cell(" ".join(prose(text).split()))


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell(c) if not isinstance(c, Cell) else c for c in row) + " |" for row in rows]
    return "\n".join(lines)


class Cell(str):
    """Text that is a table's cell already."""

    __slots__ = ()


def notes(kind: type[Any]) -> dict[str, str]:
    """The string below each field, or below the group of fields that it ends."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    found: dict[str, str] = {}
    names: list[str] = []
    for node in tree.body if isinstance(tree, ast.ClassDef) else []:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names.append(node.targets[0].id)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and names:
            found[names[-1]] = str(node.value.value)
    return found


def default(field: "dataclasses.Field[Any]") -> str:
    """A field's default as one would write it in TOML; empty: there is none."""
    if field.default is not dataclasses.MISSING:
        return value(field.default)
    if field.default_factory is not dataclasses.MISSING:
        made = field.default_factory()
        return "see below" if dataclasses.is_dataclass(made) else value(made)
    return "needed"


def value(found: object) -> str:
    if isinstance(found, Enum):
        found = found.value
    if isinstance(found, bool):
        return "`true`" if found else "`false`"
    if isinstance(found, str):
        return f'`"{found}"`'
    if isinstance(found, tuple | list):
        return "`[" + ", ".join(value(v).strip("`") for v in found) + "]`"
    if isinstance(found, dict):
        return "`{}`"
    return f"`{found:.12g}`" if isinstance(found, float) else f"`{found}`"
