"""Incidents as rows."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.core.tables import Key, table, values
from fleetloop.incidents.model import Incident

incidents = table(
    "incidents",
    "incidents",
    sa.Column("id", Key, primary_key=True),
    sa.Column("rollout", Key, nullable=False, unique=True),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("commit_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("evidence", sa.Double, nullable=False),
    sa.Column("first_event_at", sa.Double, nullable=True),
    sa.Column("opened_at", sa.Double, nullable=False),
    sa.Column("restored_at", sa.Double, nullable=True),
    sa.Column("fixed_by", sa.Text, nullable=False, default=""),
    sa.Column("fixed_at", sa.Double, nullable=True),
    sa.Column("devices", sa.Text, nullable=False),
)


def add(tx: Tx, incident: Incident) -> Incident:
    """Insert; the same rollout again changes nothing."""
    if found := of_rollout(tx, incident.rollout):
        return found
    row = {k: v for k, v in vars(incident).items() if k not in ("id", "commit", "devices")}
    row |= {"commit_id": incident.commit, "devices": json.dumps(incident.devices)}
    return replace(incident, id=tx.insert(sa.insert(incidents).values(row)))


def of_rollout(reader: Reader, rollout: int) -> Incident | None:
    """The incident that the stop of this rollout opened."""
    row = reader.first(sa.select(incidents).where(incidents.c.rollout == rollout))
    return None if row is None else _incident(row)


def get(reader: Reader, number: int) -> Incident | None:
    """The incident with that key."""
    row = reader.first(sa.select(incidents).where(incidents.c.id == number))
    return None if row is None else _incident(row)


def all_of(reader: Reader, product: str | None = None) -> list[Incident]:
    """Newest first."""
    wanted = sa.select(incidents).order_by(incidents.c.id.desc()).limit(200)
    return [
        _incident(r) for r in reader.all(wanted if product is None else wanted.where(incidents.c.product == product))
    ]


def unrestored(reader: Reader) -> int:
    """How many still have devices that are not back."""
    wanted = sa.select(sa.func.count()).select_from(incidents)
    return reader.one(wanted.where(incidents.c.restored_at.is_(None)))


def change(tx: Tx, number: int, **fields: Any) -> None:
    """Set fields."""
    tx.execute(sa.update(incidents).where(incidents.c.id == number).values(fields))


def _incident(row: Mapping[str, Any]) -> Incident:
    made: dict[str, Any] = values(row)
    made["commit"] = made.pop("commit_id")
    made["devices"] = tuple(json.loads(row["devices"]))
    return Incident(**made)
