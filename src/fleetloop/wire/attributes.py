"""What a device tells of itself: from the bytes of a DDI ``configData`` to a mode and values.

A refusal is costly: SWUpdate repeats a refused ``configData`` at every poll and installs nothing. So
any printable text is taken, not only ASCII.
"""

import json
from typing import cast

from fleetloop.core.errors import InputError

MODES = ("merge", "replace", "remove")
CHARS = 128
"""Longest key and longest value, in characters; hawkBit's."""
ENTRIES = 100


def parse(body: bytes) -> tuple[str, dict[str, str | None]]:
    """(mode, values); None removes a key. Raises `InputError` that names what is wrong."""
    try:
        value: object = json.loads(body.decode("utf-8-sig", errors="replace"), strict=False)
    except (ValueError, RecursionError) as e:
        raise InputError(f"the body is not JSON: {str(e)[:80]}") from e
    table = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    mode, data = table.get("mode") or "merge", table.get("data")
    if mode not in MODES:
        raise InputError(f"mode must be one of {', '.join(MODES)}; got {str(mode)[:40]!r}")
    if not isinstance(data, dict) or not data:
        raise InputError("data must be a JSON object with at least one attribute")
    return str(mode), {_text(k, k): _value(k, v) for k, v in cast("dict[str, object]", data).items()}


def _value(key: str, value: object) -> str | None:
    """Numbers and booleans become strings, as hawkBit does."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return _text(key, str(value))
    raise InputError(f"attribute {key[:40]!r} must be a text, a number or true/false")


def _text(key: str, text: str) -> str:
    if len(text) > CHARS:
        raise InputError(f"attribute {key[:40]!r} has {len(text)} characters in key or value; expected at most {CHARS}")
    if not all(c.isprintable() or c.isspace() for c in text):
        raise InputError(f"attribute {key[:40]!r} has a character that cannot be printed")
    return text
