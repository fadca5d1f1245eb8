"""What went over the wire in one rollout: what each device was handed, and every report that was taken from it."""

import json
from typing import Any

import sqlalchemy as sa

from fleetloop.core.db import Reader
from fleetloop.rollouts import tables as t


def handed(reader: Reader, rollout: int) -> list[dict[str, Any]]:
    """Each attempt, in order: its action on the wire, device, version, and when it was made, handed and closed."""
    a, d = t.attempts.c, t.deployments.c
    both = t.attempts.join(t.deployments, a.deployment == d.id)
    columns = (a.id, a.device, d.version, d.wave, a.number, a.made_at, a.handed_at, a.closed_at, a.downloads)
    wanted = sa.select(*columns).select_from(both).where(d.rollout == rollout).order_by(a.id)
    return [dict(row) for row in reader.all(wanted)]


def heard(reader: Reader, rollout: int) -> list[dict[str, Any]]:
    """Each report answered as taken, in order of receipt, in the device's own words. ``action``: an attempt."""
    r, d = t.reports.c, t.deployments.c
    joined = t.reports.join(t.attempts, r.attempt == t.attempts.c.id)
    joined = joined.join(t.deployments, t.attempts.c.deployment == d.id)
    columns = (r.attempt.label("action"), r.device, r.at, r.outcome, r.note, r.body)
    wanted = sa.select(*columns).select_from(joined).where(d.rollout == rollout).order_by(r.id)
    return [{k: v for k, v in row.items() if k != "body"} | json.loads(row["body"]) for row in reader.all(wanted)]
