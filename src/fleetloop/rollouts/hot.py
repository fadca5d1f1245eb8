"""The statements of a device's report: where it stands, what it moves, the line and the words that it leaves."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # its ON CONFLICT is SQLite's too

from fleetloop.core.db import Reader, Tx
from fleetloop.core.direct import Direct, Row
from fleetloop.rollouts import tables as t
from fleetloop.rollouts.cases import Attempt, Deployment
from fleetloop.rollouts.model import Intent, State

Standing = tuple[Attempt, Deployment, int]
"""An attempt, its deployment and the key of that one's newest attempt."""
MOST = 50_000
"""Most devices whose newest attempt is kept."""
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
_LINE = Direct(
    insert(t.record).inline().on_conflict_do_nothing(index_elements=["rollout", "tie"]),
    ("tenant", "rollout", "at", "tie", "line"),
)
_BOOKED = Direct(sa.update(t.record).where(t.record.c.id == sa.bindparam("key")), ("seq", "at", "line"))


def standing(reader: Reader, number: int, device: str) -> Standing | None:
    """An attempt of this device, its deployment and the key of that one's newest attempt; None for another's."""
    if isinstance(reader, Tx):
        return _remembered(reader, number, device)
    return _stands(reader.row(_STANDING, {"number": number, "device": device}))


def _stands(row: Row | None) -> Standing | None:
    return None if row is None else (Attempt(*row[:_SPLIT]), _deployment(row[_SPLIT:-1]), row[-1])


def _remembered(tx: Tx, number: int, device: str) -> Standing | None:
    """A device that reports will report again: its newest attempt is kept. What waits to be written is of kept ones."""
    kept: dict[str, Standing] = tx.known(t.deployments, t.attempts)
    known = kept.get(device)
    if known is not None and known[0].id == number:
        return known
    found = _stands(tx.row(_STANDING, {"number": number, "device": device}, settled=known is not None))
    if found is not None and found[2] == number:
        if len(kept) >= MOST:
            tx.settle()
            kept.clear()
        kept[device] = found
    return found


def _deployment(row: Row) -> Deployment:
    made: dict[str, Any] = dict(zip(_OF_DEPLOYMENT, row, strict=True))
    made["state"], made["intent"] = State(made["state"]), Intent(made["intent"])
    for name in ("weak", "hurt", "open"):
        made[name] = bool(made[name])
    return Deployment(**made)


def change(tx: Tx, changed: Deployment, fields: Mapping[str, Any]) -> None:
    """Set fields of a deployment; ``changed``: as it then is."""
    tx.do(_setting(t.deployments, tuple(fields)), {**fields, "key": changed.id})
    kept: dict[str, Standing] = tx.known(t.deployments, t.attempts)
    known = kept.get(changed.device)
    if known is not None and known[1].id == changed.id:
        kept[changed.device] = (known[0], changed, known[2])
    else:
        tx.settle()


def stamp(tx: Tx, changed: Attempt, fields: Mapping[str, Any]) -> None:
    """Set fields of an attempt; ``changed``: as it then is."""
    tx.do(_setting(t.attempts, tuple(fields)), {**fields, "key": changed.id})
    kept: dict[str, Standing] = tx.known(t.deployments, t.attempts)
    known = kept.get(changed.device)
    if known is not None and known[0].id == changed.id:
        kept[changed.device] = (changed, known[1], known[2])
    else:
        tx.settle()


@cache
def _setting(table: sa.Table, names: tuple[str, ...]) -> Direct:
    """There are as many as there are kinds of change: a dozen."""
    return Direct(sa.update(table).where(table.c.id == sa.bindparam("key")), names)


def add_report(tx: Tx, row: Mapping[str, Any]) -> None:
    """Insert a report."""
    tx.do(_REPORT, row)


def add_line(tx: Tx, rollout: int, at: float, tie: str, line: str) -> None:
    """A line of the record that no tick has booked yet; one that is there stays as it is."""
    tx.do(_LINE, {"rollout": rollout, "at": at, "tie": tie, "line": line})


def booked(tx: Tx, key: int, seq: int, at: float, line: str) -> None:
    """A line gets its place."""
    tx.do(_BOOKED, {"key": key, "seq": seq, "at": at, "line": line})
