from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fleetloop.core.config import ConfigError, build, from_environment, parse, read


@dataclass(frozen=True)
class Inner:
    period_s: float
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    name: str
    many: int = 1
    flag: bool = False
    inner: Inner | None = None
    by_name: dict[str, Inner] = field(default_factory=dict[str, Inner])


WHOLE = """\
name = "x"
flag = true

[inner]
period-s = 3
words = ["a", "b"]

[by-name.one]
period-s = 0.5
"""


def test_a_document_becomes_a_dataclass() -> None:
    made = build(Outer, parse(WHOLE, "x.toml"))
    assert made == Outer("x", 1, True, Inner(3.0, ("a", "b")), {"one": Inner(0.5)})


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("name = ", "x.toml, line 1: not TOML: Invalid value (at end of document)"),
        ("name = 'x'\n\nmany = = 2\n", "x.toml, line 3: not TOML: Invalid value (at line 3, column 8)"),
        ("nme = 'x'", "x.toml, line 1: unknown key 'nme'; did you mean 'name'?"),
        ("zzzz = 1", "x.toml, line 1: unknown key 'zzzz'; known are name, many, flag, inner, by-name"),
        ("many = 2", "x.toml, line 1: the file lacks 'name'"),
        ("\n\nname = 3", "x.toml, line 3: 'name' is 3; expected text"),
        ("name = 'x'\nmany = true", "x.toml, line 2: 'many' is True; expected a whole number"),
        ("name = 'x'\nflag = 1", "x.toml, line 2: 'flag' is 1; expected true or false"),
        ("name = 'x'\ninner = 1", "x.toml, line 2: 'inner' is 1; expected a table"),
        ("name = 'x'\n[inner]\nwords = 'a'", "x.toml, line 3: 'words' is 'a'; expected a list"),
        ("name = 'x'\n[inner]\nperiod-s = 1\nperiod = 2", "x.toml, line 4: unknown key 'period' in [inner]; did you mean 'period-s'?"),
        ("name = 'x'\n\n[by-name.one]\nwords = []", "x.toml, line 3: by-name.one lacks 'period-s'"),
    ],
)  # fmt: skip
def test_errors_name_the_line_and_the_nearest_key(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, parse(text, "x.toml"))
    assert str(caught.value) == error


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read(tmp_path / "none.toml")
    path = tmp_path / "x.toml"
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 8"):
        read(path)
    path.write_text("name = 'x'")
    with pytest.raises(ConfigError, match="10 bytes; expected at most 9"):
        read(path, limit=9)
    assert build(Outer, read(path)).name == "x"


def test_the_environment_is_spelt_as_the_file_is() -> None:
    found = dict(from_environment("FLEETLOOP_", {"FLEETLOOP_POLL_S": "3", "PATH": "/bin"}))
    assert found == {"poll-s": "3"}
