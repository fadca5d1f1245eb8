"""Reads every statement that is run: whose tables it names, and whether each is narrowed to its tenant."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import Delete, Insert, Select, Update, visitors

from fleetloop.core import db
from fleetloop.core.tables import TENANT, scoped

PASSED_OVER = ("fleetloop.core.db", "fleetloop.core.tables", __name__)


@dataclass(frozen=True)
class Said:
    """A statement, and the module that had it run."""

    module: str
    statement: Any

    @property
    def room(self) -> str:
        return self.module.split(".")[1] if "." in self.module else ""


@contextmanager
def heard() -> Iterator[list[Said]]:
    """All that rooms have run meanwhile."""
    said: list[Said] = []

    def hear(statement: Any) -> None:
        module = caller()
        if module.startswith("fleetloop."):
            said.append(Said(module, statement))

    db.watchers.append(hear)
    try:
        yield said
    finally:
        db.watchers.remove(hear)


def caller() -> str:
    """The module that had this statement run."""
    frame = sys._getframe(1)
    while frame and frame.f_globals["__name__"] in PASSED_OVER:
        frame = frame.f_back
    return frame.f_globals["__name__"] if frame else ""


def parts(statement: Any) -> Iterator[tuple[Any, list[Any]]]:
    """The statement itself and every query inside it, each with the tables that it names; an alias of a table is one.

    What a query inside correlates to is named outside.
    """
    outside: list[Any] = []
    for part in visitors.iterate(statement):
        if isinstance(part, Select | Insert | Update | Delete):
            froms = part.get_final_froms() if isinstance(part, Select) else [part.table]
            joined = [t for f in _joined(part) for t in _tables(f)]
            mine = [t for f in froms for t in _tables(f) if t not in outside or t in joined]
            outside = outside or mine
            yield part, mine


def _joined(part: Any) -> Iterator[Any]:
    if isinstance(part, Select):
        yield from (*part._from_obj, *part.columns_clause_froms, *(j[0] for j in part._setup_joins))


def _tables(one: Any) -> Iterator[Any]:
    if isinstance(one, sa.Table) or (isinstance(one, sa.Alias) and isinstance(one.element, sa.Table)):
        yield one
    elif isinstance(one, sa.Join):
        yield from _tables(one.left)
        yield from _tables(one.right)


def _room(table: Any) -> str:
    return (table.element if isinstance(table, sa.Alias) else table).info["room"]


def foreign(said: Said) -> list[str]:
    """What is wrong: it changes another room's table, or one query names tables of two rooms.

    A query that names one other room's tables alone is what that room's front door exports: no module can name a table
    of another room, since `store` is behind it.
    """
    wrong: list[str] = []
    for part, tables in parts(said.statement):
        rooms = {_room(t) for t in tables}
        changes = not isinstance(part, Select)
        if len(rooms) > 1 or (changes and rooms != {said.room}):
            wrong.append(f"{said.module}: {', '.join(sorted(rooms))}: {part}")
    return wrong


def unscoped(said: Said) -> list[str]:
    """Tables that are named without a condition on their tenant, in the statement as it is run."""
    prepared = scoped(said.statement, TENANT)
    return [
        f"{said.module}: {table} in {part}"
        for part, tables in parts(prepared)
        if not isinstance(part, Insert)
        for table in tables
        if not any(_is_tenant(c, table) for c in part._where_criteria)
    ]


def _is_tenant(condition: Any, table: Any) -> bool:
    left, right = getattr(condition, "left", None), getattr(condition, "right", None)
    return left is table.c.tenant and getattr(right, "value", None) == TENANT
