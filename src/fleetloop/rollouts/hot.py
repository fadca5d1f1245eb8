"""The statements of a device's report: where it stands, what it moves, the line and the words that it leaves."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.core.direct import Direct, Row
from fleetloop.rollouts import tables as t
from fleetloop.rollouts.cases import Attempt, Deployment
from fleetloop.rollouts.model import Intent, State

_OF_ATTEMPT = [field.name for field in dataclasses.fields(Attempt)]
_OF_DEPLOYMENT = [field.name for field in dataclasses.fields(Deployment)]
_SPLIT = len(_OF_ATTEMPT)
_BOTH = t.attempts.join(t.deployments, t.attempts.c.deployment == t.deployments.c.id)
_COLUMNS = (*(t.attempts.c[name] for name in _OF_ATTEMPT), *(t.deployments.c[name] for name in _OF_DEPLOYMENT))


def _standing() -> Direct:
    a, other = t.attempts.c, t.attempts.alias("other")
    newest = sa.select(sa.func.max(other.c.id)).where(other.c.deployment == a.deployment).correlate(t.attempts)
    wanted = sa.select(*_COLUMNS, newest.scalar_subquery()).select_from(_BOTH)
    return Direct(wanted.where(a.id == sa.bindparam("number"), a.device == sa.bindparam("device")))


_STANDING = _standing()
_REPORT = Direct(sa.insert(t.reports).inline(), ("tenant", "attempt", "device", "at", "outcome", "note", "body"))
_LINE = Direct(sa.insert(t.record).inline(), ("tenant", "rollout", "at", "tie", "line"))
_NOTED = Direct(
    sa.select(t.record.c.id).where(t.record.c.rollout == sa.bindparam("of"), t.record.c.tie == sa.bindparam("key"))
)
_BOOKED = Direct(sa.update(t.record).where(t.record.c.id == sa.bindparam("key")), ("seq", "at", "line"))


def standing(reader: Reader, number: int, device: str) -> tuple[Attempt, Deployment, int] | None:
    """An attempt of this device, its deployment and the key of that one's newest attempt; None for another's."""
    row = reader.row(_STANDING, {"number": number, "device": device})
    return None if row is None else (Attempt(*row[:_SPLIT]), _deployment(row[_SPLIT:-1]), row[-1])


def _deployment(row: Row) -> Deployment:
    made: dict[str, Any] = dict(zip(_OF_DEPLOYMENT, row, strict=True))
    made["state"], made["intent"] = State(made["state"]), Intent(made["intent"])
    for name in ("weak", "hurt", "open"):
        made[name] = bool(made[name])
    return Deployment(**made)


def change(tx: Tx, deployment: int, fields: Mapping[str, Any]) -> None:
    """Set fields of a deployment."""
    tx.do(_setting(t.deployments, tuple(fields)), {**fields, "key": deployment})


def stamp(tx: Tx, attempt: int, fields: Mapping[str, Any]) -> None:
    """Set fields of an attempt."""
    tx.do(_setting(t.attempts, tuple(fields)), {**fields, "key": attempt})


@cache
def _setting(table: sa.Table, names: tuple[str, ...]) -> Direct:
    """There are as many as there are kinds of change: a dozen."""
    return Direct(sa.update(table).where(table.c.id == sa.bindparam("key")), names)


def add_report(tx: Tx, row: Mapping[str, Any]) -> None:
    """Insert a report."""
    tx.do(_REPORT, row)


def noted(reader: Reader, rollout: int, tie: str) -> bool:
    """Whether the record has this line."""
    return reader.row(_NOTED, {"of": rollout, "key": tie}) is not None


def add_line(tx: Tx, rollout: int, at: float, tie: str, line: str) -> None:
    """A line of the record that no tick has booked yet."""
    tx.do(_LINE, {"rollout": rollout, "at": at, "tie": tie, "line": line})


def booked(tx: Tx, key: int, seq: int, at: float, line: str) -> None:
    """A line gets its place."""
    tx.do(_BOOKED, {"key": key, "seq": seq, "at": at, "line": line})
