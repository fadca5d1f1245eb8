r"""What a device says about an attempt: from the bytes of a DDI feedback to a `Report`.

Lenient where real clients are careless, strict where a guess would be a lie:

- SWUpdate does not escape its log lines: raw control characters inside strings are taken.
- When the text is not JSON, ``execution`` and ``finished`` are recovered, and the report is marked ``broken``. Losing
  a ``closed``/``failure`` would make the device download again at every poll, for ever.
- Optional fields of a wrong type are left out; unknown ones are ignored; too many messages are cut, never refused.
- A value of the two required words that is not one of hawkBit's is refused.
"""

import json
import math
import re
from collections.abc import Iterable
from enum import Enum
from typing import TypeVar, cast

from fleetloop.core.errors import InputError
from fleetloop.wire.model import Execution, Finished, Report

MESSAGES = 50
"""Most messages of one report, as in hawkBit."""
MESSAGE_CHARS = 512
CODE = 2**31
Word = TypeVar("Word", bound=Enum)
_EXECUTION = re.compile(r'"execution"\s*:\s*"(\w{1,20})"')
_FINISHED = re.compile(r'"finished"\s*:\s*"(\w{1,20})"')
_DETAILS = re.compile(r'"details"\s*:\s*\[?')
_BETWEEN = re.compile(r'"\s*,\s*"')


def parse(body: bytes) -> Report:
    """Raises `InputError` that names what is missing or wrong."""
    text = body.decode("utf-8-sig", errors="replace")
    try:
        value: object = json.loads(text, strict=False)
    except (ValueError, RecursionError):  # not JSON, a number of absurd length, or nested without end
        return _recover(text)
    return _report(_table(value, "the body"))


def _report(body: dict[str, object]) -> Report:
    status = _table(body.get("status"), "status")
    result = _table(status.get("result"), "status.result")
    details = status.get("details")
    return Report(
        _word(Execution, status.get("execution"), "status.execution"),
        _word(Finished, result.get("finished"), "status.result.finished"),
        _messages(cast("list[object]", details) if isinstance(details, list) else [details]),
        _code(status.get("code")),
        _seconds(body.get("timestamp")),
    )


def _table(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InputError(f"{name} must be a JSON object")
    return cast("dict[str, object]", value)


def _word(kind: type[Word], value: object, name: str) -> Word:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(word.value for word in kind)
        raise InputError(f"{name} must be one of {known}; got {str(value)[:40]!r}") from None


def _messages(details: Iterable[object]) -> tuple[str, ...]:
    """Long ones in pieces, as hawkBit keeps them; past fifty the last one says how many are left out."""
    texts = [clean(d) for d in details if isinstance(d, str)]
    pieces = [t[i : i + MESSAGE_CHARS] for t in texts for i in range(0, max(len(t), 1), MESSAGE_CHARS)]
    if len(pieces) <= MESSAGES:
        return tuple(pieces)
    return (*pieces[: MESSAGES - 1], f"… and {len(pieces) - MESSAGES + 1} more")


def clean(text: str) -> str:
    """Without what no database or terminal should meet: lone surrogates, control characters but line ends and tabs."""
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)


def _code(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -CODE <= value < CODE else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = value / 1000
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def _recover(text: str) -> Report:
    """What a broken text still says. Before the messages counts first: a log line may quote anything."""
    cut = _DETAILS.search(text)
    head, tail = (text[: cut.start()], text[cut.end() :]) if cut else (text, "")
    execution, finished = _find(_EXECUTION, head, tail), _find(_FINISHED, head, tail)
    if execution is None or finished is None:
        raise InputError("the body is not JSON, and has no status.execution and status.result.finished to recover")
    lines = _BETWEEN.split(tail.rpartition("]")[0].strip().strip('"')) if tail else []
    return Report(
        _word(Execution, execution, "status.execution"),
        _word(Finished, finished, "status.result.finished"),
        _messages(lines),
        broken=True,
    )


def _find(pattern: re.Pattern[str], head: str, tail: str) -> str | None:
    first = pattern.search(head)
    if first:
        return first[1]
    found = pattern.findall(tail)
    return found[-1] if found else None
