"""A fact is something that happened: recorded in the same transaction as the change, numbered in the order of commits.

A lower room records, higher rooms listen; `fleetloop.app.wiring` is the only list of who listens to what.
"""

import dataclasses
import json
from typing import Any, ClassVar, cast


@dataclasses.dataclass(frozen=True)
class Fact:
    """Base of all facts; a subclass is named in the past tense, its fields are JSON values. ``at``: serving clock."""

    kinds: ClassVar[dict[str, type["Fact"]]] = {}
    at: float

    def __init_subclass__(cls) -> None:
        """The class's name is the kind that is stored."""
        Fact.kinds[cls.__name__] = cls

    def body(self) -> str:
        """All fields as JSON."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A fact with its number."""

    number: int
    fact: Fact


def decode(kind: str, body: str) -> Fact:
    """The fact that was stored; lists come back as tuples."""
    values: dict[str, Any] = json.loads(body)
    made: Any = Fact.kinds[kind]
    return made(**{k: tuple(cast("list[Any]", v)) if isinstance(v, list) else v for k, v in values.items()})
