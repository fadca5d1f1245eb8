"""The one schema: every table has a tenant, and here alone statements are narrowed to the tenant they run for."""

from collections.abc import Mapping
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.sql import Delete, Update, visitors

TENANT = "DEFAULT"
"""The only tenant for now."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(room: str, name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    """A table of ``room``; ``tenant`` is added. Only the room's own ``store.py`` names it in SQL."""
    tenant = sa.Column("tenant", sa.Text, nullable=False, default=TENANT)
    return sa.Table(name, metadata, tenant, *columns, info={"room": room})


# One numbered key for both databases: SQLite counts up only for INTEGER.
Key = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def scoped(statement: Any, tenant: str) -> Any:
    """``statement`` with a tenant condition on every table that it, or a query inside it, reads, changes or deletes.

    An insert gets its tenant from the column's default.
    """

    def narrow(part: Any) -> None:
        tables = list(dict.fromkeys(_tables((part.table,) if isinstance(part, Update | Delete) else _froms(part))))
        # the only way to reach a query inside a query
        part._where_criteria += tuple(t.c.tenant == tenant for t in tables if "tenant" in t.c)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    return visitors.cloned_traverse(statement, {}, {"select": narrow, "update": narrow, "delete": narrow})


def _froms(part: Any) -> Any:
    """What a query names; what it correlates to is narrowed outside."""
    yield from part._from_obj  # noqa: SLF001
    yield from part.columns_clause_froms
    yield from (join[0] for join in part._setup_joins)  # noqa: SLF001


def _tables(froms: Any) -> Any:
    for part in froms:
        if isinstance(part, sa.Table) or (
            isinstance(part, sa.Alias) and isinstance(cast("Any", part).element, sa.Table)
        ):
            yield part
        elif isinstance(part, sa.Join):
            yield from _tables((part.left, part.right))


def values(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as plain values, without its tenant."""
    return {k: v for k, v in row.items() if k != "tenant"}
