"""Who a wave can draw, and the rows of those that it draws: a few statements, whatever their number."""

import json
from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.rollouts import tables as t
from fleetloop.rollouts.cases import Rollout
from fleetloop.rollouts.lives import Drawn, Fresh
from fleetloop.rollouts.model import Intent, State
from fleetloop.rollouts.waves import Count


def others(field: sa.Select[*tuple[Any, ...]], rollout: int) -> sa.Select[*tuple[Any, ...]]:
    """Those of ``field`` that this rollout has not enrolled."""
    m = t.members.c
    same = (m.rollout == rollout, m.device == field.selected_columns.device, m.left.is_(False))
    return field.where(~sa.select(m.device).where(*same).exists())


def undrawn(reader: Reader, case: Rollout, field: sa.Select[*tuple[Any, ...]]) -> list[Drawn]:
    """Enrolled devices that no wave has drawn, by id; ``field``: the devices in the field, with their versions."""
    m, d, here = t.members.c, t.deployments.c, field.subquery()
    columns = (m.device, m.revision, m.artifact, m.version, here.c.version.label("running"))
    wanted = sa.select(*columns).select_from(t.members.join(here, here.c.device == m.device))
    wanted = wanted.where(m.rollout == case.id, m.left.is_(False))
    if case.wave:
        wanted = wanted.where(~sa.select(d.id).where(d.device == m.device, d.rollout == case.id).exists())
    # rows are named tuples already; 100,000 of them need no second one
    return cast("list[Drawn]", reader.execute(wanted.order_by(m.device)).all())


def strata(reader: Reader, rollout: int) -> dict[str, Count]:
    """Enrolled devices of each hardware revision, and how many of them were drawn."""
    m, d = t.members.c, t.deployments.c
    mine = sa.select(m.revision, sa.func.count().label("n")).where(m.rollout == rollout, m.left.is_(False))
    total = {r["revision"]: r["n"] for r in reader.all(mine.group_by(m.revision))}
    both = t.deployments.join(t.members, sa.and_(d.rollout == m.rollout, d.device == m.device))
    rows = reader.all(mine.select_from(both).where(d.rollout == rollout).group_by(m.revision))
    drawn = {r["revision"]: r["n"] for r in rows}
    return {revision: Count(n, drawn.get(revision, 0)) for revision, n in sorted(total.items())}


def deploy(tx: Tx, case: Rollout, wave: int, version: str, drawn: Sequence[Drawn], at: float) -> Fresh:
    """A deployment to ``version`` and its first attempt for each of the enrolled devices, in that order."""
    one, m, d = _listed(tx, [device.device for device in drawn]), t.members.c, t.deployments.c
    same = {
        "rollout": case.id, "component": case.component, "wave": wave, "version": version, "since": at,
        "state": State.WAITING.value, "intent": Intent.RUN.value, "weak": False, "hurt": False, "open": True,
    }  # fmt: skip
    columns = (m.tenant, m.device, m.artifact, m.version, *(sa.literal(v, d[k].type) for k, v in same.items()))
    found = sa.select(*columns).select_from(sa.join(one, t.members, m.device == one.c.value))
    found = found.where(m.rollout == case.id).order_by(one.c.key)
    tx.execute(sa.insert(t.deployments).from_select(["tenant", "device", "artifact", "previous", *same], found))
    mine = sa.and_(d.rollout == case.id, d.wave == wave, d.version == version)
    first = sa.select(d.tenant, d.id, d.device, sa.literal(1), sa.literal(at), sa.literal(0)).where(mine).order_by(d.id)
    tx.execute(
        sa.insert(t.attempts).from_select(["tenant", "deployment", "device", "number", "made_at", "downloads"], first)
    )
    if moved := [{"who": one.device, "now": one.running} for one in drawn if one.running != one.version]:
        change = sa.update(t.deployments).where(mine, d.device == sa.bindparam("who"))
        tx.execute(change.values(previous=sa.bindparam("now")), moved)
    return Fresh(case, wave, version, at, drawn, *_keys(tx, mine))


def _listed(tx: Tx, devices: Sequence[str]) -> sa.TableValuedAlias:
    """``devices`` as a table of (key, value); key goes up in their order."""
    text = json.dumps(devices)
    if tx.connection.dialect.name == "postgresql":
        listed = sa.func.json_array_elements_text(sa.cast(sa.literal(text), sa.JSON))
        return listed.table_valued("value", with_ordinality="key", name="listed").render_derived()
    return sa.func.json_each(text).table_valued("key", "value", name="listed")


def _keys(tx: Tx, mine: sa.ColumnElement[bool]) -> tuple[Sequence[int], Sequence[int]]:
    """Of new deployments and their attempts, in order: two ranges, unless another writer came between."""
    d, a = t.deployments.c, t.attempts.c
    deployments = _span(tx, d.id, mine)
    attempts = _span(tx, a.id, a.deployment.between(deployments.start, deployments.stop - 1)) if deployments else None
    if attempts is not None and len(attempts) == len(deployments):
        return deployments, attempts
    both = t.attempts.join(t.deployments, a.deployment == d.id)
    rows = tx.all(sa.select(a.id, a.deployment).select_from(both).where(mine).order_by(d.id))
    return [r["deployment"] for r in rows], [r["id"] for r in rows]


def _span(tx: Tx, key: sa.Column[Any], mine: sa.ColumnElement[bool]) -> range:
    """The keys, if they follow each other; else an empty range."""
    ends = sa.select(sa.func.min(key).label("low"), sa.func.max(key).label("high"), sa.func.count().label("n"))
    row = tx.first(ends.where(mine))
    if row is None or not row["n"] or row["high"] - row["low"] + 1 != row["n"]:
        return range(0)
    return range(row["low"], row["high"] + 1)
