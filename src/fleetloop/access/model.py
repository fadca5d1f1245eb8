"""Nouns of access: people and their roles, tokens, lines of the audit log."""

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What a person may do; each role may do all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what ``needed`` may."""
        return ORDER.index(self) >= ORDER.index(needed)


ORDER = tuple(Role)


@dataclass(frozen=True)
class Person:
    """Who is asking. ``csrf``: what a form or script of theirs must send along; empty when they came with a token."""

    name: str
    role: Role
    csrf: str = ""


SYSTEM = Person("fleetloop", Role.ADMIN)
"""The program itself, as the audit log names it."""


@dataclass(frozen=True)
class Account:
    """A person as listed. ``created_at``: real time."""

    name: str
    role: Role
    created_at: float


@dataclass(frozen=True)
class ApiToken:
    """A person's token as listed, without its secret. ``expires_at``: real time, None for never."""

    id: str
    person: str
    name: str
    role: Role
    created_at: float
    expires_at: float | None


@dataclass(frozen=True)
class Gateway:
    """Speaks for devices. Those it brings itself belong to ``product`` and ``revision``; empty: a person says later."""

    name: str
    product: str = ""
    revision: str = ""


@dataclass(frozen=True)
class Line:
    """One privileged act. ``at``: real time. ``sealed``: it is part of the chain, so a later change of it is seen."""

    number: int
    at: float
    person: str
    act: str
    subject: str
    detail: str
    sealed: bool


@dataclass(frozen=True)
class Chain:
    """What the audit log's check found. ``head`` kept elsewhere also shows that nothing was cut off at the end."""

    intact: bool
    seals: int
    lines: int
    unsealed: int
    head: str
    broken_at: int | None = None
    """The first seal that does not fit its lines."""
