"""What devices said about their attempts, as rows, in their own words."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.core.tables import values
from fleetloop.rollouts import hot
from fleetloop.rollouts import tables as t
from fleetloop.rollouts.cases import Attempt


def add(tx: Tx, attempt: Attempt, at: float, body: Mapping[str, Any], outcome: int, note: str) -> None:
    """Every report that was answered 200, in the device's own words."""
    row = {"attempt": attempt.id, "device": attempt.device, "at": at, "outcome": outcome, "note": note}
    hot.add_report(tx, {**row, "body": _written(body)})


def said(reader: Reader, attempt: Attempt, body: Mapping[str, Any]) -> bool:
    """Whether the device said just this before, down to its own clock."""
    same = (t.reports.c.attempt == attempt.id, t.reports.c.body == _written(body))
    return reader.first(sa.select(t.reports.c.id).where(*same)) is not None


def _written(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


def said_by(
    reader: Reader, *, attempt: int | None = None, device: str | None = None, most: int = 200
) -> list[dict[str, Any]]:
    """Newest first; `body` is what the device said."""
    wanted = sa.select(t.reports).order_by(t.reports.c.id.desc()).limit(most)
    wanted = wanted if attempt is None else wanted.where(t.reports.c.attempt == attempt)
    wanted = wanted if device is None else wanted.where(t.reports.c.device == device)
    return [values(r) | json.loads(r["body"]) for r in reader.all(wanted)]
