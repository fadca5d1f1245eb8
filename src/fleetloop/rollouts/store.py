"""Rollouts as rows. Every change of a deployment goes through `change`; waves are inserted, never updated in place."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.core.tables import values
from fleetloop.rollouts import hot
from fleetloop.rollouts import tables as t
from fleetloop.rollouts.cases import Attempt, Deployment, Entry, Member, OpenWave, Rollout, Sort
from fleetloop.rollouts.lives import Chosen, Drawn, Fresh
from fleetloop.rollouts.model import OVER, Intent, Phase, State
from fleetloop.rollouts.plan import from_json, to_json
from fleetloop.rollouts.waves import Count

CHUNK = 20_000
"""Rows a statement inserts at once."""


def add_rollout(tx: Tx, rollout: Rollout) -> Rollout:
    """Insert ``rollout`` and return it with its key."""
    row = {k: v for k, v in vars(rollout).items() if k != "id"} | _words(rollout)
    return replace(rollout, id=tx.insert(sa.insert(t.rollouts).values(row)))


def _words(rollout: Rollout) -> dict[str, Any]:
    return {"kind": rollout.kind.value, "phase": rollout.phase.value, "plan": json.dumps(to_json(rollout.plan))}


def change_rollout(tx: Tx, rollout: int, **fields: Any) -> None:
    """Set fields of a rollout; a `Phase` is stored as its word."""
    plain = {k: v.value if isinstance(v, Phase) else v for k, v in fields.items()}
    tx.execute(sa.update(t.rollouts).where(t.rollouts.c.id == rollout).values(plain))


def _rollout(row: Mapping[str, Any]) -> Rollout:
    made: dict[str, Any] = values(row) | {
        "kind": Sort(row["kind"]),
        "phase": Phase(row["phase"]),
        "plan": from_json(json.loads(row["plan"])),
    }
    return Rollout(**made)


def rollout(reader: Reader, number: int) -> Rollout | None:
    """The rollout with that key."""
    row = reader.first(sa.select(t.rollouts).where(t.rollouts.c.id == number))
    return None if row is None else _rollout(row)


def rollouts(reader: Reader, product: str | None = None, most: int = 200) -> list[Rollout]:
    """Newest first."""
    wanted = sa.select(t.rollouts).order_by(t.rollouts.c.id.desc()).limit(most)
    return [
        _rollout(r) for r in reader.all(wanted if product is None else wanted.where(t.rollouts.c.product == product))
    ]


def open_rollouts(reader: Reader) -> list[Rollout]:
    """Those that are not over, oldest first."""
    over = [phase.value for phase in OVER]
    return [
        _rollout(r)
        for r in reader.all(sa.select(t.rollouts).where(t.rollouts.c.phase.not_in(over)).order_by(t.rollouts.c.id))
    ]


def add_members(tx: Tx, rollout: int, members: Sequence[Member]) -> list[Member]:
    """Enrol devices, and return those that are new; one that had left comes back, outside the experiment."""
    if not members:
        return []
    mine = t.members.c.rollout == rollout
    gone = {r["device"] for r in tx.all(sa.select(t.members.c.device).where(mine, t.members.c.left.is_(True)))}
    fresh = [m for m in members if m.device not in gone]
    for start in range(0, len(fresh), CHUNK):
        rows = [{"rollout": rollout, **vars(m), "left": False} for m in fresh[start : start + CHUNK]]
        tx.execute(sa.insert(t.members), rows)
    for m in members if gone else ():
        if m.device in gone:
            back = sa.update(t.members).where(mine, t.members.c.device == m.device)
            tx.execute(back.values(left=False, version=m.version, artifact=m.artifact))
    return fresh


def members(reader: Reader, rollout: int, *, left: bool = False) -> list[Member]:
    """All that are enrolled, by device id; with ``left`` those that left, too."""
    mine = sa.select(t.members).where(t.members.c.rollout == rollout)
    wanted = mine if left else mine.where(t.members.c.left.is_(False))
    rows = reader.all(wanted.order_by(t.members.c.device))
    return [Member(r["device"], r["revision"], r["version"], r["artifact"], r["since_wave"]) for r in rows]


def others(field: sa.Select[*tuple[Any, ...]], rollout: int) -> sa.Select[*tuple[Any, ...]]:
    """Those of ``field`` that this rollout has not enrolled."""
    m = t.members.c
    same = (m.rollout == rollout, m.device == field.selected_columns.device, m.left.is_(False))
    return field.where(~sa.select(m.device).where(*same).exists())


def leave(tx: Tx, rollout: int, device: str) -> None:
    """A device leaves the selection."""
    mine = (t.members.c.rollout == rollout, t.members.c.device == device)
    tx.execute(sa.update(t.members).where(*mine).values(left=True))


def undrawn(
    reader: Reader, case: Rollout, field: sa.Select[*tuple[Any, ...]], among: Collection[str] | None = None
) -> list[Drawn]:
    """Enrolled devices that no wave has drawn, by id; ``field``: the devices in the field, with their versions.

    ``among``: of these alone.
    """
    m, d, here = t.members.c, t.deployments.c, field.subquery()
    columns = (m.device, m.revision, m.artifact, m.version, here.c.version.label("running"))
    wanted = sa.select(*columns).select_from(t.members.join(here, here.c.device == m.device))
    wanted = wanted.where(m.rollout == case.id, m.left.is_(False))
    if case.wave:
        wanted = wanted.where(~sa.select(d.id).where(d.device == m.device, d.rollout == case.id).exists())
    if among is not None:
        wanted = wanted.where(m.device.in_(sorted(among)))
    return sorted(Drawn._make(row) for row in reader.execute(wanted))  # by code point, whatever the database's order


def strata(reader: Reader, rollout: int) -> dict[str, Count]:
    """Enrolled devices of each hardware revision, and how many of them were drawn."""
    m, d = t.members.c, t.deployments.c
    mine = sa.select(m.revision, sa.func.count().label("n")).where(m.rollout == rollout, m.left.is_(False))
    total = {r["revision"]: r["n"] for r in reader.all(mine.group_by(m.revision))}
    both = t.deployments.join(t.members, sa.and_(d.rollout == m.rollout, d.device == m.device))
    rows = reader.all(mine.select_from(both).where(d.rollout == rollout).group_by(m.revision))
    drawn = {r["revision"]: r["n"] for r in rows}
    return {revision: Count(n, drawn.get(revision, 0)) for revision, n in sorted(total.items())}


def open_wave(tx: Tx, wave: OpenWave) -> None:
    """Insert the wave itself."""
    tx.execute(sa.insert(t.waves).values(**vars(wave)))


def soak_started(tx: Tx, rollout: int, number: int, at: float) -> None:
    """Enough of the wave has booted."""
    one = (t.waves.c.rollout == rollout, t.waves.c.number == number)
    tx.execute(sa.update(t.waves).where(*one).values(booted_at=at))


def waves(reader: Reader, rollout: int) -> list[OpenWave]:
    """The waves opened so far, in order."""
    rows = reader.all(sa.select(t.waves).where(t.waves.c.rollout == rollout).order_by(t.waves.c.number))
    return [OpenWave(**values(r)) for r in rows]


def deploy(tx: Tx, case: Rollout, wave: int, version: str, chosen: Chosen, at: float) -> Fresh:
    """A deployment to ``version`` and its first attempt for each of the enrolled devices, keys in that order."""
    if not chosen.places:
        return Fresh(case, wave, version, at, chosen, (), ())
    m, d, a = t.members.c, t.deployments.c, t.attempts.c
    same = {
        "rollout": case.id, "component": case.component, "wave": wave, "version": version, "since": at,
        "state": State.WAITING.value, "intent": Intent.RUN.value, "weak": False, "hurt": False, "open": True,
    }  # fmt: skip
    columns = (m.tenant, m.device, m.artifact, m.version, *(sa.literal(v, d[k].type) for k, v in same.items()))
    found = _listed(tx, sa.select(*columns).where(m.rollout == case.id), [*chosen.places])
    made = tx.execute(sa.insert(t.deployments).from_select(["tenant", "device", "artifact", "previous", *same], found))
    mine = sa.and_(d.rollout == case.id, d.wave == wave, d.version == version)
    deployments = _keys(tx, d.id, mine, made.rowcount)
    mine, theirs = _within(d.id, deployments, mine), _within(a.deployment, deployments, mine)
    first = sa.select(d.tenant, d.id, d.device, sa.literal(1), sa.literal(at), sa.literal(0)).where(mine).order_by(d.id)
    names = ["tenant", "deployment", "device", "number", "made_at", "downloads"]
    made = tx.execute(sa.insert(t.attempts).from_select(names, first))
    if moved := [{"key": deployments[place], "now": chosen.rows[place].running} for place in chosen.moved]:
        change = sa.update(t.deployments).where(d.id == sa.bindparam("key"))
        tx.execute(change.values(previous=sa.bindparam("now")), moved)
    return Fresh(case, wave, version, at, chosen, deployments, _keys(tx, a.id, theirs, made.rowcount))


def _listed(tx: Tx, wanted: sa.Select[*tuple[Any, ...]], devices: Sequence[str]) -> sa.Select[*tuple[Any, ...]]:
    """Those of ``wanted`` that are in ``devices``, in their order: by id."""
    device, text = t.members.c.device, json.dumps(devices)
    if tx.connection.dialect.name == "postgresql":  # it may sort text by another order than Python
        listed = sa.func.json_array_elements_text(sa.cast(sa.literal(text), sa.JSON))
        one = listed.table_valued("value", with_ordinality="key", name="listed").render_derived()
        return wanted.select_from(sa.join(one, t.members, device == one.c.value)).order_by(one.c.key)
    return wanted.where(device.in_(sa.select(sa.func.json_each(text).table_valued("value").c.value))).order_by(device)


def _keys(tx: Tx, key: sa.Column[Any], mine: sa.ColumnElement[bool], n: int) -> Sequence[int]:
    """The keys of ``n`` rows just inserted, in order: a range, unless another writer came between."""
    if tx.connection.dialect.name == "sqlite":  # one writer, and keys count up
        last = int(tx.one(sa.select(sa.func.last_insert_rowid())))
        return range(last - n + 1, last + 1)
    ends = tx.all(sa.select(sa.func.min(key).label("low"), sa.func.max(key).label("high")).where(mine))[0]
    if ends["high"] - ends["low"] + 1 == n:
        return range(ends["low"], ends["high"] + 1)
    return [row["key"] for row in tx.all(sa.select(key.label("key")).where(mine).order_by(key))]


def _within(key: sa.Column[Any], keys: Sequence[int], mine: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """``key`` is one of these deployments."""
    if isinstance(keys, range):
        return key.between(keys.start, keys.stop - 1)
    return key.in_(sa.select(t.deployments.c.id).where(mine))


def _deployment(row: Mapping[str, Any]) -> Deployment:
    made: dict[str, Any] = values(row) | {"state": State(row["state"]), "intent": Intent(row["intent"])}
    return Deployment(**made)


def deployment(reader: Reader, number: int) -> Deployment:
    """The deployment with that key."""
    return _deployment(reader.all(sa.select(t.deployments).where(t.deployments.c.id == number))[0])


def deployments(reader: Reader, rollout: int, wave: int | None = None) -> list[Deployment]:
    """Of one rollout, or one wave of it, by key."""
    wanted = sa.select(t.deployments).where(t.deployments.c.rollout == rollout).order_by(t.deployments.c.id)
    return [_deployment(r) for r in reader.all(wanted if wave is None else wanted.where(t.deployments.c.wave == wave))]


def open_deployments(reader: Reader, rollout: int | None = None) -> list[tuple[Deployment, Attempt]]:
    """Each open deployment with its newest attempt, by key."""
    wanted = sa.select(t.deployments).where(t.deployments.c.open.is_(True)).order_by(t.deployments.c.id)
    rows = reader.all(wanted if rollout is None else wanted.where(t.deployments.c.rollout == rollout))
    found = [_deployment(r) for r in rows]
    newest = newest_attempts(reader, rollout)
    return [(d, newest[d.id]) for d in found]


def newest_attempts(reader: Reader, rollout: int | None = None) -> dict[int, Attempt]:
    """The newest attempt of each open deployment, by deployment."""
    mine = t.attempts.join(t.deployments, t.attempts.c.deployment == t.deployments.c.id)
    wanted = sa.select(t.attempts).select_from(mine).where(t.deployments.c.open.is_(True)).order_by(t.attempts.c.id)
    rows = reader.all(wanted if rollout is None else wanted.where(t.deployments.c.rollout == rollout))
    return {r["deployment"]: Attempt(**values(r)) for r in rows}


def last_of(reader: Reader, device: str, component: str) -> tuple[Deployment, Attempt] | None:
    """The device's newest deployment with its newest attempt."""
    mine = (t.deployments.c.device == device, t.deployments.c.component == component)
    row = reader.first(sa.select(t.deployments).where(*mine).order_by(t.deployments.c.id.desc()).limit(1))
    if row is None:
        return None
    found = _deployment(row)
    return found, attempts_of(reader, found.id)[-1]


def busy(reader: Reader, component: str) -> set[str]:
    """Devices with an open deployment."""
    d = t.deployments.c
    return {r["device"] for r in reader.all(sa.select(d.device).where(d.open.is_(True), d.component == component))}


def ended_badly(reader: Reader, rollout: int, states: Iterable[State]) -> list[tuple[Deployment, Attempt]]:
    """Deployments that ended in one of ``states``, each with its newest attempt."""
    d = t.deployments.c
    wanted = sa.select(t.deployments).where(d.rollout == rollout, d.state.in_([s.value for s in states]))
    found = [_deployment(r) for r in reader.all(wanted.order_by(d.id))]
    return [(one, attempts_of(reader, one.id)[-1]) for one in found]


def last_installed(reader: Reader) -> dict[str, int]:
    """The newest attempt of each device whose action ended well."""
    good = [s.value for s in (State.INSTALLED, State.BOOTED, State.CONFIRMED)]
    mine = t.attempts.join(t.deployments, t.attempts.c.deployment == t.deployments.c.id)
    newest = sa.select(t.attempts.c.device, sa.func.max(t.attempts.c.id).label("id")).select_from(mine)
    rows = reader.all(newest.where(t.deployments.c.state.in_(good)).group_by(t.attempts.c.device))
    return {r["device"]: r["id"] for r in rows}


def of_device(reader: Reader, device: str) -> list[Deployment]:
    """All deployments of a device, oldest first."""
    rows = reader.all(sa.select(t.deployments).where(t.deployments.c.device == device).order_by(t.deployments.c.id))
    return [_deployment(r) for r in rows]


def attempts_of(reader: Reader, deployment: int) -> list[Attempt]:
    """Oldest first."""
    rows = reader.all(sa.select(t.attempts).where(t.attempts.c.deployment == deployment).order_by(t.attempts.c.id))
    return [Attempt(**values(r)) for r in rows]


def attempt(reader: Reader, number: int, device: str) -> tuple[Attempt, Deployment] | None:
    """An attempt of this device, with its deployment; None for another's."""
    found = hot.standing(reader, number, device)
    return None if found is None else found[:2]


def change(tx: Tx, deployment: Deployment, **fields: Any) -> Deployment:
    """Set fields; states and intents are stored as their words."""
    plain = {k: v.value if isinstance(v, Intent | State) else v for k, v in fields.items()}
    changed = replace(deployment, **fields)
    hot.change(tx, changed, plain)
    return changed


def change_attempt(tx: Tx, attempt: Attempt, **fields: Any) -> Attempt:
    """Set when an attempt was handed, closed or asked to cancel, or count a download."""
    changed = replace(attempt, **fields)
    hot.stamp(tx, changed, fields)
    return changed


def add_attempt(tx: Tx, deployment: Deployment, number: int, at: float) -> Attempt:
    """Another try."""
    made = Attempt(0, deployment.id, deployment.device, number, at, None, None, None, 0)
    row = {k: v for k, v in vars(made).items() if k != "id"}
    return replace(made, id=tx.insert(sa.insert(t.attempts).values(row)))


def counts(reader: Reader, rollout: int) -> dict[tuple[int, str, bool], int]:
    """Deployments by wave, state and whether the device was hurt."""
    d = t.deployments.c
    wanted = sa.select(d.wave, d.state, d.hurt, sa.func.count().label("n")).where(d.rollout == rollout)
    rows = reader.all(wanted.group_by(d.wave, d.state, d.hurt))
    return {(r["wave"], r["state"], bool(r["hurt"])): r["n"] for r in rows}


def ever_booted(reader: Reader, rollout: int) -> dict[int, int]:
    """Devices that ever booted, by wave."""
    d = t.deployments.c
    wanted = sa.select(d.wave, sa.func.count().label("n")).where(d.rollout == rollout, d.booted_at.is_not(None))
    return {r["wave"]: r["n"] for r in reader.all(wanted.group_by(d.wave))}


def under_way(reader: Reader, after: int) -> set[str]:
    """Devices with an open deployment in a rollout that is newer than ``after``."""
    d = t.deployments.c
    return {r["device"] for r in reader.all(sa.select(d.device).where(d.open.is_(True), d.rollout > after))}


def booted_devices(reader: Reader, rollout: int) -> set[str]:
    """Devices that ever booted in it."""
    d = t.deployments.c
    wanted = sa.select(d.device).where(d.rollout == rollout, d.booted_at.is_not(None))
    return {r["device"] for r in reader.all(wanted)}


def hurt(tx: Tx, rollout: int, devices: Sequence[str]) -> None:
    """Mark the deployments of these devices in this rollout as hurt."""
    d = t.deployments.c
    tx.execute(sa.update(t.deployments).where(d.rollout == rollout, d.device.in_(devices)).values(hurt=True))


def statuses(reader: Reader, most: int = 50) -> list[tuple[int, str, int]]:
    """(id, phase, wave) of the newest rollouts, oldest first."""
    r = t.rollouts.c
    rows = reader.all(sa.select(r.id, r.phase, r.wave).order_by(r.id.desc()).limit(most))
    return [(row["id"], row["phase"], row["wave"]) for row in reversed(rows)]


def last_confirmed(reader: Reader, devices: Iterable[str], component: str, bad: str) -> dict[str, tuple[str, int]]:
    """(version, artifact) each device last was confirmed on, ``bad`` left out."""
    d = t.deployments.c
    wanted = sa.select(d.device, d.version, d.artifact).where(d.component == component, d.version != bad)
    wanted = wanted.where(d.state == State.CONFIRMED.value).order_by(d.id)
    chosen = set(devices)
    return {r["device"]: (r["version"], r["artifact"]) for r in reader.all(wanted) if r["device"] in chosen}


def confirmed_before(reader: Reader, product: str, component: str, rollout: int) -> int:
    """Deployments of older rollouts of the product that ended confirmed."""
    mine = t.deployments.join(t.rollouts, t.rollouts.c.id == t.deployments.c.rollout)
    wanted = (
        sa.select(sa.func.count()).select_from(mine).where(t.rollouts.c.product == product, t.rollouts.c.id != rollout)
    )
    return reader.one(
        wanted.where(t.deployments.c.component == component, t.deployments.c.state == State.CONFIRMED.value)
    )


def last_installs(reader: Reader, product: str, most: int = 1000) -> tuple[int, int]:
    """(failed, all) of the product's newest installs that were handed and are decided."""
    good = [s.value for s in (State.BOOTED, State.CONFIRMED)]
    bad = [s.value for s in (State.FAILED, State.REVERTED, State.TIMED_OUT)]
    mine = t.deployments.join(t.rollouts, t.rollouts.c.id == t.deployments.c.rollout)
    wanted = sa.select(t.deployments.c.state).select_from(mine).where(t.rollouts.c.product == product)
    wanted = wanted.where(t.deployments.c.state.in_(good + bad)).order_by(t.deployments.c.id.desc()).limit(most)
    states = [r["state"] for r in reader.all(wanted)]
    return sum(s in bad for s in states), len(states)


def write(tx: Tx, rollout: int, entry: Entry) -> None:
    """Add to "What happened"."""
    tx.execute(sa.insert(t.journal).values(rollout=rollout, **vars(entry)))


def journal(reader: Reader, rollout: int | None = None, most: int = 200) -> list[tuple[int, Entry]]:
    """(rollout, entry), newest first."""
    wanted = sa.select(t.journal).order_by(t.journal.c.at.desc(), t.journal.c.id.desc()).limit(most)
    rows = reader.all(wanted if rollout is None else wanted.where(t.journal.c.rollout == rollout))
    return [(r["rollout"], Entry(r["at"], r["kind"], r["title"], r["text"])) for r in rows]
