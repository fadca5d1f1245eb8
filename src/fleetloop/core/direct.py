"""Statements that run thousands of times a second: compiled once, then run by the driver itself.

A device's report takes a handful of statements; through SQLAlchemy, narrowed to the tenant anew each time, each costs
many times what the driver needs for it. Everything else goes through `Reader` and `Tx` as it is. Booleans come back as
the database has them: 0 and 1 in SQLite.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import exc

from fleetloop.core.tables import scoped

Row = tuple[Any, ...]
Made = tuple[str, list[str] | None, dict[str, Any]]
"""The text, the names of its values in order (None: they go by name), and the values that never differ."""


class Direct:
    """One statement, with a `bindparam` for whatever differs. ``sets``: the columns an insert or an update sets."""

    def __init__(self, statement: sa.Executable, sets: Sequence[str] = ()) -> None:
        self.statement = statement
        self._sets = [*sets] or None
        self._made: dict[tuple[str, str], Made] = {}

    def run(self, connection: sa.Connection, tenant: str, values: Mapping[str, Any]) -> Any:
        """The driver's cursor, narrowed to ``tenant``. Raises what SQLAlchemy would."""
        text, names, fixed = self._compiled(connection.dialect, tenant)
        return _run(connection, text, lambda cursor: cursor.execute(text, _given(names, fixed, values)))

    def run_all(self, connection: sa.Connection, tenant: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Once for each of ``rows``, in order."""
        text, names, fixed = self._compiled(connection.dialect, tenant)
        given = [_given(names, fixed, values) for values in rows]
        _run(connection, text, lambda cursor: cursor.executemany(text, given))

    @property
    def table(self) -> Any:
        """What an insert, an update or a delete changes."""
        return cast("Any", self.statement).table

    def _compiled(self, dialect: sa.Dialect, tenant: str) -> Made:
        known = self._made.get((dialect.name, tenant))
        if known is None:
            made: Any = scoped(self.statement, tenant).compile(dialect=dialect, column_keys=self._sets)
            params = cast("dict[str, Any]", made.params)
            fixed = {name: value for name, value in params.items() if value is not None} | {"tenant": tenant}
            known = self._made[dialect.name, tenant] = str(made), made.positiontup, fixed
        return known


def _given(names: list[str] | None, fixed: dict[str, Any], values: Mapping[str, Any]) -> Any:
    whole = {**fixed, **values}
    return whole if names is None else [whole[name] for name in names]


def _run(connection: sa.Connection, text: str, act: Callable[[Any], object]) -> Any:
    if not connection.in_transaction():
        connection.begin()
    cursor: Any = connection.connection.cursor()
    errors: Any = connection.dialect.loaded_dbapi
    try:
        act(cursor)
    except errors.Error as error:
        raise exc.DBAPIError.instance(text, None, error, errors.Error, dialect=connection.dialect) from error
    return cursor
