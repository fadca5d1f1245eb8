"""Settings and other TOML: text in, frozen dataclasses out, and errors that name the line and the nearest known key.

A key ``soak-h`` in TOML is the field ``soak_h``. The environment (``FLEETLOOP_ROOM_KEY``) comes after the file.
"""

import dataclasses
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from fleetloop.core.errors import InputError

T = TypeVar("T")


class ConfigError(InputError):
    """A configuration file cannot be used."""

    code = "bad-config"


@dataclasses.dataclass(frozen=True)
class Document:
    """One TOML file: its values, and its text for the line numbers in errors."""

    source: str
    text: str
    values: dict[str, Any]

    def line(self, path: tuple[str, ...]) -> int:
        """The 1-based line on which ``path`` is written; of its table if the key itself cannot be found."""
        best, table = 1, ()
        for number, row in enumerate(self.text.splitlines(), 1):
            if m := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", row):
                table = tuple(part.strip(" \"'") for part in m[1].split("."))
                best = number if table == path[: len(table)] else best
                if table == path:
                    return number
            elif (m := re.match(r"\s*([\w\"'.-]+)\s*=", row)) and (*table, m[1].strip("\"'")) == path:
                return number
        return best

    def fail(self, path: tuple[str, ...], text: str) -> ConfigError:
        """An error about the value at ``path``."""
        return ConfigError(f"{self.source}, line {self.line(path)}: {text}")


def parse(text: str, source: str) -> Document:
    """Raises `ConfigError` with the line and tomllib's own words."""
    try:
        return Document(source, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as e:
        found = re.search(r"at line (\d+)", str(e))  # else it is "at end of document"
        line = found[1] if found else max(1, len(text.splitlines()))
        raise ConfigError(f"{source}, line {line}: not TOML: {e}") from e


def read(path: Path, limit: int = 1 << 20) -> Document:
    """Raises `ConfigError` for a file that is missing, larger than ``limit`` bytes, not UTF-8 or not TOML."""
    try:
        raw = path.read_bytes()
        if len(raw) > limit:
            raise ConfigError(f"{path}: {len(raw)} bytes; expected at most {limit}")
        return parse(raw.decode(), str(path))
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path}: not UTF-8 at byte {e.start}") from e


def build(kind: type[T], document: Document, path: tuple[str, ...] = (), values: Mapping[str, Any] | None = None) -> T:
    """``kind`` (a dataclass) from the table at ``path``; unknown, missing and ill-typed keys are errors."""
    table = document.values if values is None else values
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(cast("Any", kind))}
    known = {name.replace("_", "-"): name for name in fields}
    for key in table:
        if key not in known:
            raise document.fail((*path, key), _unknown(key, path, known))
    made = {known[k]: _value(hints[known[k]], v, document, (*path, k)) for k, v in table.items()}
    for name, f in fields.items():
        if name not in made and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            where = ".".join(path) or "the file"
            raise document.fail(path, f"{where} lacks {name.replace('_', '-')!r}")
    return kind(**made)


def _unknown(key: str, path: tuple[str, ...], known: Mapping[str, str]) -> str:
    near = get_close_matches(key, known, 1)
    where = f" in [{'.'.join(path)}]" if path else ""
    return f"unknown key {key!r}{where}; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}")


def _value(hint: Any, value: Any, document: Document, path: tuple[str, ...]) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _value(next(a for a in args if a is not type(None)), value, document, path)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return build(cast("type[Any]", hint), document, path, cast("dict[str, Any]", value))
    if origin in (dict, Mapping) and isinstance(value, dict):
        return {k: _value(args[1], v, document, (*path, k)) for k, v in cast("dict[str, Any]", value).items()}
    if origin is tuple and isinstance(value, list):
        return tuple(_value(args[0], v, document, path) for v in cast("list[Any]", value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Any or (
        isinstance(hint, type) and isinstance(value, hint) and (hint is bool) == isinstance(value, bool)
    ):
        return value
    raise document.fail(path, f"{path[-1]!r} is {value!r}; expected {_name(hint)}")


def _name(hint: Any) -> str:
    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    return words.get(hint) or ("a list" if get_origin(hint) is tuple else "a table")


def from_environment(prefix: str, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(key, text) for each variable ``PREFIX_KEY``, keys in TOML's spelling."""
    for name, text in environment.items():
        if name.startswith(prefix):
            yield name[len(prefix) :].lower().replace("_", "-"), text
