"""The schema of one server: migrated at start after a backup, refused when it is newer than this program.

Every room's ``store.py`` adds its tables to one metadata; a test shows that migrating an empty database equals it.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from fleetloop.core.db import open_engine
from fleetloop.core.errors import ConflictError
from fleetloop.core.tables import metadata

STORES = (
    "core.db", "core.serving", "access.log", "access.store", "hardware.store", "fleet.store", "releases.store",
    "telemetry.store", "rollouts.tables", "incidents.store", "app.kept",
)  # fmt: skip
LOCK = 70180


class NewerSchemaError(ConflictError):
    """The database was written by a newer program."""

    code = "newer-schema"


def _all_tables() -> sa.MetaData:
    for store in STORES:
        importlib.import_module(f"fleetloop.{store}")
    return metadata


METADATA = _all_tables()


def config() -> Config:
    """Alembic's configuration; it has no file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.set_main_option("path_separator", "os")
    return made


def migrate(url: str, backup: Callable[[str], None]) -> str:
    """Bring the database at ``url`` to this program's schema; ``backup`` is called first if there is something to lose.

    Raises `NewerSchemaError`. Returns the schema's number.
    """
    script = ScriptDirectory.from_config(config())
    head = script.get_current_head() or ""
    engine = open_engine(url)
    try:
        there = _number(engine)
        if there == head:
            return head
        if there is not None and there not in {s.revision for s in script.walk_revisions()}:
            raise NewerSchemaError(
                f"the database has schema {there}, this program knows up to {head}: a newer Fleetloop wrote it. "
                "Start that one, or restore the backup made before the upgrade: fleetloop restore FILE"
            )
        if there is not None:
            backup(f"before-{head}")
        _upgrade(engine)
        return head
    finally:
        engine.dispose()


def _number(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _in_one_piece(engine: sa.Engine) -> None:
    """SQLite, too, changes its schema in a transaction, if Python's module is kept from committing in between."""

    @event.listens_for(engine, "connect")
    def leave_it(connection: Any, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql("begin immediate")


def _upgrade(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        engine.dispose()
        _in_one_piece(engine)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("set lock_timeout = '4s'"))
            connection.execute(sa.text(f"select pg_advisory_lock({LOCK})"))
            connection.commit()
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, "head")
        connection.commit()
