"""The record as bytes: one JSON object a line, in order of receipt, the plan first.

    plan = parse(b'{"kind":"plan","alpha":0.05,"p0":0.01}', 1)
    line = parse(b'{"at":0,"kind":"poll","device":"d1"}', 2)

Strict in what it knows (types, kinds, finite numbers, length), silent about keys it does not know. A plan's missing
keys take the documented defaults.
"""

import json
import math
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from typing import NoReturn, TypeVar, cast

from fleetloop.core.errors import InputError
from fleetloop.health.model import (
    Draw,
    End,
    Enrol,
    Event,
    Install,
    InstallState,
    Leave,
    Line,
    Plan,
    Poll,
    RecordError,
    Silences,
    Silent,
    Wave,
)

Word = TypeVar("Word", bound=StrEnum)

LINE_MAX = 16_384
"""Longest line of a record, in bytes."""
AT_MAX = 1e12
"""Largest time, in seconds: larger ones lose the microseconds."""


class _Fields:
    """The values of one line, each read with its type."""

    def __init__(self, values: dict[str, object], number: int) -> None:
        self.values = values
        self.number = number

    def refuse(self, key: str, expected: str) -> NoReturn:
        came = repr(self.values[key]) if key in self.values else "none"
        raise RecordError(self.number, f"`{key}` to be {expected}", came)

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if isinstance(value, str) and value:
            return value
        return self.refuse(key, "a text")

    def words(self, key: str) -> str | None:
        return None if self.values.get(key) is None else self.text(key)

    def real(self, key: str) -> float:
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= AT_MAX:
            self.refuse(key, "a number")
        return float(value)

    def maybe(self, key: str) -> float | None:
        return None if self.values.get(key) is None else self.real(key)

    def whole(self, key: str) -> int:
        value = self.real(key)
        return int(value) if value >= 1 and value == int(value) else self.refuse(key, "a whole number from 1")

    def flag(self, key: str) -> bool:
        value = self.values.get(key, True)
        return value if isinstance(value, bool) else self.refuse(key, "true or false")

    def choice(self, key: str, words: type[Word]) -> Word:
        try:
            return words(str(self.values.get(key)))
        except ValueError:
            return self.refuse(key, " or ".join(words))


def _plan(fields: _Fields) -> Plan:
    plan = Plan()
    numbers = {
        key: fields.real(key) if key in fields.values else cast("float", getattr(plan, key))
        for key in ("alpha", "hold", "window_s", "silent_s", "install_deadline_s", "p0")
    }
    silences = fields.choice("silences", Silences) if "silences" in fields.values else plan.silences
    try:
        return Plan(
            **numbers,
            silences=silences,
            comparison=fields.flag("comparison"),
            tolerated=fields.maybe("tolerated"),
        )
    except InputError as error:
        raise RecordError(fields.number, "a plan within its bounds", str(error).rstrip(".")) from error


def _event(fields: _Fields) -> Event:
    when = fields.values.get("device_time")  # for people only, so a device may write it as it likes
    told = float(when) if isinstance(when, int | float) and math.isfinite(when) else None
    return Event(fields.real("at"), fields.text("device"), fields.text("what"), fields.words("id"), told)


_READERS: dict[str, Callable[[_Fields], Plan | Line]] = {
    "plan": _plan,
    "enrol": lambda f: Enrol(f.real("at"), f.text("device"), f.text("revision"), f.flag("randomised")),
    "wave": lambda f: Wave(f.real("at"), f.whole("number")),
    "draw": lambda f: Draw(f.real("at"), f.text("device"), f.whole("wave"), f.flag("randomised")),
    "poll": lambda f: Poll(f.real("at"), f.text("device"), f.words("version")),
    "install": lambda f: Install(f.real("at"), f.text("device"), f.choice("state", InstallState)),
    "event": _event,
    "silent": lambda f: Silent(f.real("at"), f.text("device")),
    "leave": lambda f: Leave(f.real("at"), f.text("device")),
    "end": lambda f: End(f.real("at")),
}


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")


_DECODER = json.JSONDecoder(parse_constant=_constant)


def _object(line: bytes | str, number: int) -> dict[str, object]:
    if len(line) > LINE_MAX:
        raise RecordError(number, f"at most {LINE_MAX} bytes", f"{len(line)}")
    try:
        value = cast("object", _DECODER.decode(line if isinstance(line, str) else line.decode()))
    except (ValueError, RecursionError) as error:
        raise RecordError(number, "one JSON object", f"{line!r} ({error})") from error
    if not isinstance(value, dict):
        raise RecordError(number, "one JSON object", value)
    return cast("dict[str, object]", value)


def parse(line: bytes | str, number: int) -> Plan | Line:
    """Read one line; ``number`` (from 1) is for the error's text.

    Raises:
        RecordError: not JSON, too long, an unknown kind, a missing or ill-typed value, a number that is not finite.
    """
    fields = _Fields(_object(line, number), number)
    kind = fields.values.get("kind")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        fields.refuse("kind", f"one of {', '.join(_READERS)}")
    return read(fields)


def encode(line: Plan | Line) -> str:
    """The line as JSON, without a line break; ``parse`` reads the same value back."""
    kind = type(line).__name__.lower()
    found = ((field.name, getattr(line, field.name)) for field in fields(line))
    values = {name: value for name, value in found if value is not None}
    at = {"at": values.pop("at")} if "at" in values else {}
    return json.dumps({**at, "kind": kind, **values}, separators=(",", ":"), allow_nan=False)
