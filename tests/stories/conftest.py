"""What every story stands on: the sample product's bundles, and a database of its own."""

from collections.abc import Callable

import pytest
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
