"""What every story stands on: the sample product's bundles, and a database of its own."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa
from tests.stories.bundles import Bundles, bundles


@pytest.fixture(scope="session")
def shelf() -> Callable[[str], Bundles]:
    """Bundles of a variant of the product's history, built once and kept."""
    return bundles


@pytest.fixture
def usual(shelf: Callable[[str], Bundles]) -> Bundles:
    return shelf("usual")


@pytest.fixture
def database(database_url: str) -> str:
    """For `fleetloop up --database`: empty for SQLite, which the server keeps in its own folder."""
    return "" if database_url.startswith("sqlite") else database_url


@pytest.fixture
def database_urls(database: str) -> Iterator[Callable[[], str]]:
    """One more database at each call, for a story that is played several times."""
    made: list[str] = []

    def another() -> str:
        if not database:
            return ""
        name = f"test_{uuid4().hex}"
        _say(database, f"create database {name}")
        made.append(name)
        return sa.make_url(database).set(database=name).render_as_string(hide_password=False)

    yield another
    for name in made:
        _say(database, f"drop database {name} with (force)")


def _say(database: str, statement: str) -> None:
    engine = sa.create_engine(database, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
