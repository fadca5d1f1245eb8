from pathlib import Path

import pytest

from fleetloop.app.lock import alone
from fleetloop.core.errors import ConflictError


def test_a_folder_is_for_one(tmp_path: Path) -> None:
    with alone(tmp_path):
        number = (tmp_path / "lock").read_text()
        with pytest.raises(ConflictError, match="another server runs on"), alone(tmp_path):
            pytest.fail("two at once")
        assert (tmp_path / "lock").read_text() == number != ""
    with alone(tmp_path):
        assert (tmp_path / "lock").read_text() == number
