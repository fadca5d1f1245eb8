"""What a device id may be, and how attributes are put together; values in, values out."""

import re
from collections.abc import Mapping

from fleetloop.core.errors import InputError, LimitError

ATTRIBUTES = 100
CHARS = 128
"""Longest key and longest value of an attribute; hawkBit's."""
REVISION_KEYS = ("hardware_revision", "hwRevision")
ID = re.compile(r"[!-~]{1,128}")
WORD = re.compile(r"[a-z][a-z-]{0,31}")
GROUP = re.compile(r"[\w. -]{0,64}")


def check_id(device: str) -> None:
    """Raises `InputError` for an id that could not stand in a path."""
    if not ID.fullmatch(device) or set(device) & set("/%;\\") or device in {".", ".."}:
        expected = "1 to 128 printable ASCII characters, no space and none of / % ; \\"
        raise InputError(f"{device[:40]!r} is no device id; expected {expected}")


def check_words(group: str, takes: str) -> None:
    """Raises `InputError`."""
    if not WORD.fullmatch(takes):
        raise InputError(f"takes is {takes[:40]!r}; expected a kind of artifact such as image, host-library or file")
    if not GROUP.fullmatch(group):
        raise InputError(f"group is {group[:40]!r}; expected at most 64 letters, digits, spaces, '.', '_' or '-'")


def merged(old: Mapping[str, str], mode: str, data: Mapping[str, str | None]) -> dict[str, str]:
    """The attributes after ``data``; a None removes (PROTOCOLS A8).

    Raises `InputError` for an unknown mode or a text that is too long, `LimitError` past 100 attributes.
    """
    told = {key: value for key, value in data.items() if value is not None}
    if any(len(text) > CHARS for pair in told.items() for text in pair):
        raise InputError(f"an attribute's key and value have at most {CHARS} characters")
    if mode == "replace":
        new = told
    elif mode == "merge":
        new = {key: value for key, value in (dict(old) | told).items() if key in told or key not in data}
    elif mode == "remove":
        new = {key: value for key, value in old.items() if key not in data}
    else:
        raise InputError(f"mode is {mode[:40]!r}; expected merge, replace or remove")
    if len(new) > ATTRIBUTES:
        raise LimitError(f"a device has at most {ATTRIBUTES} attributes; these would be {len(new)}")
    return new


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """The names that came, went or changed, sorted."""
    return tuple(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def told_revision(data: Mapping[str, str | None]) -> str:
    """The hardware revision that these attributes name; empty if they do not."""
    return next((value for key in REVISION_KEYS if (value := data.get(key))), "")


def same_revision(registered: str, told: str) -> bool:
    """Boards print theirs in either case."""
    return registered.casefold() == told.casefold()
