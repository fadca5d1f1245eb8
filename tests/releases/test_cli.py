from pathlib import Path

import pytest

from fleetloop.core.errors import InputError
from fleetloop.releases.cli import newest


def test_the_bundle_that_was_put_there_last_is_published(tmp_path: Path) -> None:
    for name in ("cell-1.1.0", "cell-1.0.0", ".cell-1.2.0.new", "cache"):
        (tmp_path / name).mkdir()
        if name != "cache":
            (tmp_path / name / "release.json").write_text("{}")
    (tmp_path / "cell-1.0.0").rename(tmp_path / "moved")
    (tmp_path / "moved").rename(tmp_path / "cell-1.0.0")
    assert newest(tmp_path).name == "cell-1.0.0"


def test_without_a_bundle_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fleetloop run"):
        newest(tmp_path / ".fleetloop")
