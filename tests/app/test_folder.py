from pathlib import Path

import pytest

from fleetloop.app.folder import fresh
from fleetloop.core.errors import ConflictError


def test_what_a_demo_made_is_wiped_by_the_next(tmp_path: Path) -> None:
    work = tmp_path / "build" / "demo"
    with fresh(work):
        (work / "server").mkdir()
        (work / "server" / "log").write_text("old")
        (work / "link").symlink_to(tmp_path)
        (work / "report").write_text("old")
    with fresh(work):
        assert [path.name for path in work.iterdir()] == [".fleetloop-demo"]
    assert tmp_path.exists()


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("two years of work")
    sentence = "has things in it that no demo made; remove it, or choose another --work"
    with pytest.raises(ConflictError, match=sentence), fresh(tmp_path):
        raise AssertionError
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with fresh(tmp_path):
        (tmp_path / "report").write_text("the first one's")
        with pytest.raises(ConflictError, match="another demo runs in"), fresh(tmp_path):
            raise AssertionError
        assert (tmp_path / "report").exists()
    with fresh(tmp_path):
        pass
