from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.rollouts.house import House


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """A server with the product `cell` and its board `b`; no device, no release."""
    made = await House.open(tmp_path, database_url)
    await made.product("a", "b")
    yield made
    made.rooms.db.close()
