"""Statements that run thousands of times a second: compiled once, then run by the driver itself.

A device's report takes three statements; through SQLAlchemy each costs five times what the driver needs for it. Everything
else goes through `Reader` and `Tx` as it is. Booleans come back as the database has them: 0 and 1 in SQLite.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from fleetloop.core.tables import scoped

Row = tuple[Any, ...]


class Direct:
    """One statement, with a `bindparam` for whatever differs. ``sets``: the columns an insert or an update sets."""

    def __init__(self, statement: sa.Executable, sets: Sequence[str] = ()) -> None:
        self.statement = statement
        self._sets = [*sets] or None
        self._texts: dict[tuple[str, str], tuple[str, list[str] | None, Mapping[str, Any]]] = {}

    def run(self, connection: sa.Connection, tenant: str, values: Mapping[str, Any]) -> Any:
        """The driver's cursor, narrowed to ``tenant``. Raises what SQLAlchemy would."""
        text, names, fixed = self._text(connection.dialect, tenant)
        whole = {**fixed, **values}
        given = whole if names is None else [whole[name] for name in names]
        if not connection.in_transaction():
            connection.begin()
        cursor = connection.connection.cursor()
        driver = connection.dialect.loaded_dbapi
        try:
            cursor.execute(text, given)
        except driver.Error as error:
            raise exc.DBAPIError.instance(text, None, error, driver.Error, dialect=connection.dialect) from error
        return cursor

    def _text(self, dialect: sa.Dialect, tenant: str) -> tuple[str, list[str] | None, Mapping[str, Any]]:
        known = self._texts.get((dialect.name, tenant))
        if known is None:
            made: Any = scoped(self.statement, tenant).compile(dialect=dialect, column_keys=self._sets)
            fixed = {name: value for name, value in made.params.items() if value is not None} | {"tenant": tenant}
            known = self._texts[dialect.name, tenant] = str(made), made.positiontup, fixed
        return known
