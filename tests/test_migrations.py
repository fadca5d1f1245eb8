"""Migrating makes the schema that the code has, survives being killed anywhere, and refuses what it does not know."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from fleetloop.app import schema
from fleetloop.app.schema import METADATA, NewerSchemaError, migrate
from fleetloop.core.db import open_engine


class Killed(BaseException):
    """Nothing catches it, as nothing catches `kill -9`."""


@contextmanager
def engine_of(url: str) -> Iterator[sa.Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


@contextmanager
def killed_at(number: int) -> Iterator[list[str]]:
    """Every engine dies before its statement ``number``; what was said until then."""
    said: list[str] = []

    def before(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)
        if len(said) == number:
            raise Killed

    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    try:
        yield said
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", before)


def empty(url: str) -> None:
    with engine_of(url) as engine:
        if engine.dialect.name == "postgresql":
            with engine.begin() as connection:
                connection.execute(sa.text("drop schema public cascade"))
                connection.execute(sa.text("create schema public"))
    if url.startswith("sqlite"):
        for path in Path(url.removeprefix("sqlite:///")).parent.glob("fleetloop.db*"):
            path.unlink()


def shape(url: str) -> dict[str, Any]:
    """All that the database itself says of its tables."""
    with engine_of(url) as engine:
        look = sa.inspect(engine)
        return {
            name: (
                {c["name"]: (str(c["type"]), c["nullable"]) for c in look.get_columns(name)},
                look.get_pk_constraint(name)["constrained_columns"],
                sorted(map(repr, ((u["name"], u["column_names"]) for u in look.get_unique_constraints(name)))),
                sorted(
                    map(repr, ((i["name"], i["column_names"], i["unique"], _where(i)) for i in look.get_indexes(name)))
                ),
            )
            for name in look.get_table_names()
            if name != "alembic_version"
        }


def _where(index: Any) -> str:
    options = index.get("dialect_options", {})
    return " ".join(str(options[key]) for key in ("sqlite_where", "postgresql_where") if key in options).strip("()")


def nothing_to_lose(why: str) -> None:
    raise AssertionError(f"a backup of nothing: {why}")


def test_migrating_nothing_makes_the_schema_of_the_code(database_url: str) -> None:
    assert migrate(database_url, nothing_to_lose) == "0001"
    migrated = shape(database_url)
    with engine_of(database_url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    empty(database_url)
    with engine_of(database_url) as engine:
        METADATA.create_all(engine)
    assert migrated == shape(database_url)


def test_migrating_again_does_nothing(database_url: str) -> None:
    migrate(database_url, nothing_to_lose)
    with killed_at(0) as said:
        assert migrate(database_url, nothing_to_lose) == "0001"
    assert not [s for s in said if s.split()[0].lower() in ("create", "alter", "insert", "update")]


def test_a_migration_can_be_killed_at_any_statement_and_started_again(database_url: str) -> None:
    with killed_at(0) as said:
        migrate(database_url, nothing_to_lose)
    whole = shape(database_url)
    creating = [n for n, s in enumerate(said, 1) if s.split()[0].lower() in ("create", "insert", "update")]
    assert len(creating) > 30
    for number in [*creating[:3], *creating[3::6], *creating[-2:]]:
        empty(database_url)
        with killed_at(number), pytest.raises(Killed):
            migrate(database_url, nothing_to_lose)
        assert migrate(database_url, lambda _: None) == "0001"
        assert shape(database_url) == whole, said[number - 1]


def test_an_older_program_refuses_a_newer_schema(database_url: str) -> None:
    migrate(database_url, nothing_to_lose)
    with engine_of(database_url) as engine, engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    before = shape(database_url)
    with pytest.raises(NewerSchemaError, match="the database has schema 9999, this program knows up to 0001") as caught:
        migrate(database_url, nothing_to_lose)
    assert caught.value.code == "newer-schema"
    assert shape(database_url) == before


NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None

def upgrade() -> None:
    op.add_column("served", sa.Column("more", sa.Text()))
    op.create_table("fresh", sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def later(tmp_path: Path) -> Callable[[], Config]:
    """The configuration of a program that knows one migration more."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(schema.__file__).parent / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "0002_more.py").write_text(NEXT)

    def config() -> Config:
        made = Config()
        made.set_main_option("script_location", str(folder))
        made.set_main_option("path_separator", "os")
        return made

    return config


def test_a_backup_comes_before_anything_changes(
    database_url: str, later: Callable[[], Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database_url, nothing_to_lose)
    monkeypatch.setattr(schema, "config", later)
    seen: list[tuple[str, bool]] = []
    head = migrate(database_url, lambda why: seen.append((why, "fresh" in shape(database_url))))
    assert (head, seen) == ("0002", [("before-0002", False)])
    assert "more" in shape(database_url)["served"][0]


def test_an_upgrade_killed_half_way_goes_on(
    database_url: str, later: Callable[[], Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    def old() -> None:
        empty(database_url)
        monkeypatch.setattr(schema, "config", now)
        migrate(database_url, nothing_to_lose)
        monkeypatch.setattr(schema, "config", later)

    now = schema.config
    old()
    with killed_at(0) as said:
        migrate(database_url, lambda _: None)
    steps = [n for n, s in enumerate(said, 1) if s.split()[0].lower() in ("alter", "create", "update")]
    assert len(steps) == 3
    for number in steps:
        old()
        with killed_at(number), pytest.raises(Killed):
            migrate(database_url, lambda _: None)
        assert migrate(database_url, lambda _: None) == "0002"
        assert {"fresh"} <= set(shape(database_url))
