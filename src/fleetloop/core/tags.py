"""ETag and If-Match: the state that a person's decision rests on, and whether it is still the one they saw.

A tag tells of that state and of nothing else: a counter or an instant may change under it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from fleetloop.core.errors import PreconditionError

T = TypeVar("T")
State = Mapping[str, object]


def tag_of(state: State) -> str:
    """The ETag of ``state``."""
    text = json.dumps(state, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def check_of(if_match: str | None, state_of: Callable[[T], State]) -> Callable[[T], None]:
    """What a verb asks of the thing it is about to change; without ``if_match`` everything will do.

    It raises `PreconditionError` with the state as it is now. A weak tag fits nothing (RFC 9110, 13.1.1).
    """
    seen = None if if_match is None else [tag.strip() for tag in if_match.split(",")]

    def check(thing: T) -> None:
        state = state_of(thing)
        now = tag_of(state)
        if seen is None or seen == ["*"] or now in seen:
            return
        raise PreconditionError(
            f"it is not as If-Match {if_match} says any more; `current` is how it is now: do you still want this?",
            current=dict(state),
            etag=now,
        )

    return check


def anything(_: object) -> None:
    """The check of those who did not say what they saw."""
