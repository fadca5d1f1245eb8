import sys
from pathlib import Path
from typing import Protocol

import pytest

from fleetloop.core.plug import MissingExtraError, UnknownPluginError, load, names


class Greets(Protocol):
    def greet(self) -> str: ...


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    package = tmp_path / "plugged"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "hello.py").write_text("class Hello:\n    def greet(self): return 'hello'\nplug = Hello\n")
    (package / "rare.py").write_text("import nobody_has_this\n")
    (package / "_hidden.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", sys.modules | {})
    return "plugged"


def test_a_files_name_is_the_word(folder: str) -> None:
    assert names(folder) == ["hello", "rare"]
    assert load(folder, "hello", Greets)().greet() == "hello"


def test_an_unknown_word_names_the_nearest(folder: str) -> None:
    with pytest.raises(UnknownPluginError, match="has no 'helo'; there are hello, rare; did you mean 'hello'"):
        load(folder, "helo", Greets)
    with pytest.raises(UnknownPluginError, match="has no 'zzz'; there are hello, rare$"):
        load(folder, "zzz", Greets)


def test_a_missing_package_is_named(folder: str) -> None:
    with pytest.raises(MissingExtraError, match="'rare' needs the package 'nobody_has_this'"):
        load(folder, "rare", Greets)
