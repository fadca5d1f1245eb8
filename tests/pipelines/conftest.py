"""A small product, and a cache of its own for each test."""

from pathlib import Path

import pytest
from tests.pipelines.tiny import Tiny, make


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return make(tmp_path / "tiny")
