"""Nouns: what is sold, and the boards it is built on."""

from dataclasses import dataclass
from enum import Enum

from fleetloop.core.errors import InputError


@dataclass(frozen=True)
class Product:
    """What is sold. ``poll_s``: how often its devices are to ask, in seconds."""

    name: str
    poll_s: int
    created_at: float


class State(Enum):
    """Whether the revision may be built and updated; there is only this state so far."""

    APPROVED = "approved"


@dataclass(frozen=True)
class Revision:
    """One board of a product."""

    product: str
    name: str
    state: State
    created_at: float


class UnknownRevisionError(InputError):
    """The product has no such hardware revision."""

    code = "unknown-revision"
