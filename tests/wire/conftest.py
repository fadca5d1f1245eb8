from pathlib import Path

import pytest
from tests.wire.house import MemoryHouse


@pytest.fixture
def house(tmp_path: Path) -> MemoryHouse:
    return MemoryHouse(tmp_path)
