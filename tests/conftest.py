"""Fixtures for every room: a fresh database on either engine, and a clock that stands still."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from fleetloop.core.clock import SteppedClock
from fleetloop.core.db import Database
from fleetloop.core.tables import metadata

pytest_plugins = ["tests.suite"]

START = 1_760_000_400.0


@pytest.fixture
def database_url(tmp_path: Path) -> Iterator[str]:
    """An empty database: SQLite, or of the PostgreSQL server that FLEETLOOP_TEST_DATABASE names."""
    server = os.environ.get("FLEETLOOP_TEST_DATABASE", "")
    if not server:
        yield f"sqlite:///{tmp_path / 'fleetloop.db'}"
        return
    name = f"test_{uuid4().hex}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database with the tables of every room that is imported."""
    made = Database(database_url)
    metadata.create_all(made.engine)
    yield made
    made.close()


@pytest.fixture
def clock() -> SteppedClock:
    """The serving clock."""
    return SteppedClock(START)
