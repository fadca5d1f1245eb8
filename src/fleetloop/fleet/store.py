"""Devices in the control database. `sight`, `claim`, `eligible` and the readers are for higher rooms' transactions too.

Last contacts have a narrow table of their own: they are written in batches for the whole fleet, devices rarely.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.core.errors import ConflictError, NotFoundError
from fleetloop.core.tables import Key, table
from fleetloop.fleet.model import Device, Moment, NewDevice, RevisionMismatched, Source, VersionCount, VersionSeen
from fleetloop.fleet.rules import same_revision

devices = table(
    "fleet", "devices",
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("grp", sa.Text, nullable=False),
    sa.Column("takes", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False, default=""),
    sa.Column("source", sa.Text, nullable=False, default=""),
    sa.Column("told_revision", sa.Text, nullable=False, default=""),
    sa.Column("wants_attributes", sa.Boolean, nullable=False, default=True),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("retired_at", sa.Double),
    sa.PrimaryKeyConstraint("tenant", "device"),
    sa.Index("ix_devices_kind", "tenant", "product", "revision"),
)  # fmt: skip
attributes = table(
    "fleet", "attributes",
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "device"),
)  # fmt: skip
contacts = table(
    "fleet", "contacts",
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("at", sa.Double),
    sa.PrimaryKeyConstraint("tenant", "device"),
)  # fmt: skip
moments = table(
    "fleet", "device_moments",
    sa.Column("number", Key, primary_key=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index("ix_device_moments_device", "tenant", "device", "number"),
)  # fmt: skip
NAMED = 3
"""So many ids are named in an error about many."""


def create_devices(tx: Tx, new: Sequence[NewDevice], at: float) -> None:
    """Each is to tell its attributes. A retired id may come back; raises `ConflictError` for any other known one."""
    _clear(tx, [device.id for device in new])
    tx.execute(sa.insert(devices), [_row(device) | {"device": device.id, "created_at": at} for device in new])
    tx.execute(sa.insert(contacts), [{"device": d.id, "at": None} for d in new])
    text = [{"device": d.id, "at": at, "what": "added", "text": _kind(d.product, d.revision)} for d in new]
    tx.execute(sa.insert(moments), text)


def _clear(tx: Tx, ids: Sequence[str]) -> None:
    known = tx.all(sa.select(devices.c.device, devices.c.retired_at).where(devices.c.device.in_(ids)))
    if alive := sorted(row["device"] for row in known if row["retired_at"] is None):
        more = f" and {len(alive) - NAMED} more" if len(alive) > NAMED else ""
        raise ConflictError(f"there already: {', '.join(alive[:NAMED])}{more}; nothing was added")
    if gone := [row["device"] for row in known]:
        for each in (devices, attributes, contacts):
            tx.execute(sa.delete(each).where(each.c.device.in_(gone)))


def note(tx: Tx, device: str, at: float, what: str, text: str) -> None:
    """A line of the device's timeline."""
    tx.execute(sa.insert(moments).values(device=device, at=at, what=what, text=text))


def change_device(tx: Tx, device: Device) -> None:
    """Write product, revision, group and takes."""
    tx.execute(sa.update(devices).where(devices.c.device == device.id).values(_row(device)))


def retire_device(tx: Tx, device: str, at: float) -> None:
    """It stays readable."""
    tx.execute(sa.update(devices).where(devices.c.device == device).values(retired_at=at))
    note(tx, device, at, "retired", "")


def sight(tx: Tx, device: str, version: str, at: float, source: Source) -> bool:
    """The device told its version: keep it and record `VersionSeen`, also when it is the one we knew.

    False, and nothing, for a device that is unknown or retired. A heartbeat's word on the source is never undone by an
    attribute's.
    """
    row = _alive(tx, device)
    if row is None:
        return False
    known = Source.HEARTBEAT if row["source"] == Source.HEARTBEAT.value else source
    if row["version"] != version or row["source"] != known.value:
        values = {"version": version, "source": known.value}
        tx.execute(sa.update(devices).where(devices.c.device == device).values(values))
    if row["version"] != version:
        note(tx, device, at, "version", f"{version} ({source.value})")
    tx.record(VersionSeen(at, device, version, row["version"], source.value))
    return True


def claim(tx: Tx, device: str, told: str, at: float) -> None:
    """The device told its hardware revision. Another one than registered is recorded, once until it says otherwise."""
    row = _alive(tx, device)
    if row is None or not told or row["told_revision"] == told:
        return
    tx.execute(sa.update(devices).where(devices.c.device == device).values(told_revision=told))
    if not same_revision(row["revision"], told):
        note(tx, device, at, "revision", f"says {told}, registered as {row['revision']}")
        tx.record(RevisionMismatched(at, device, row["revision"], told))


def eligible(product: str, revisions: Sequence[str]) -> sa.Select[*tuple[Any, ...]]:
    """(device, revision, grp, takes, version, created_at) of the devices in the field, for higher rooms' statements."""
    columns = (devices.c.device, devices.c.revision, devices.c.grp, devices.c.takes, devices.c.version)
    chosen = sa.and_(devices.c.product == product, devices.c.revision.in_(revisions), devices.c.retired_at.is_(None))
    return sa.select(*columns, devices.c.created_at).where(chosen)


def find_attributes(reader: Reader, device: str) -> dict[str, str]:
    """All of one device."""
    row = reader.first(sa.select(attributes.c.data).where(attributes.c.device == device))
    return dict(row["data"]) if row else {}


def set_attributes(tx: Tx, device: str, data: Mapping[str, str]) -> None:
    """Replace all of one device."""
    changed = tx.execute(sa.update(attributes).where(attributes.c.device == device).values(data=dict(data)))
    if not changed.rowcount:
        tx.execute(sa.insert(attributes).values(device=device, data=dict(data)))


def set_wants(tx: Tx, ids: Sequence[str], *, wants: bool) -> None:
    """Whether these devices are to tell their attributes."""
    tx.execute(sa.update(devices).where(devices.c.device.in_(ids)).values(wants_attributes=wants))


def set_contacts(tx: Tx, seen: Mapping[str, float]) -> None:
    """One batch of last contacts; a device that is gone is passed over."""
    change = sa.update(contacts).where(contacts.c.device == sa.bindparam("who")).values(at=sa.bindparam("seen"))
    tx.execute(change, [{"who": device, "seen": at} for device, at in seen.items()])


def get_device(reader: Reader, device: str) -> Device:
    """Raises `NotFoundError`; a retired one is found."""
    if not (row := reader.first(_whole().where(devices.c.device == device))):
        raise NotFoundError(f"there is no device {device!r}; `fleetloop device list` shows all")
    return _device(row)


def find_devices(reader: Reader, filters: Mapping[str, str], after: str = "", most: int = 100) -> list[Device]:
    """In the field, by id, after ``after``. ``filters``: product, revision, version, group."""
    wanted = _whole().where(devices.c.retired_at.is_(None), devices.c.device > after)
    columns = {"product": devices.c.product, "revision": devices.c.revision, "version": devices.c.version}
    for name, value in filters.items():
        wanted = wanted.where((columns | {"group": devices.c.grp})[name] == value)
    return [_device(row) for row in reader.all(wanted.order_by(devices.c.device).limit(most))]


def search(reader: Reader, text: str, version: str | None, after: str = "", most: int = 50) -> list[Device]:
    """In the field, by id, after ``after``: ``text`` is part of the id, or the hardware revision."""
    wanted = _matching(_whole(), text, version).where(devices.c.device > after)
    return [_device(row) for row in reader.all(wanted.order_by(devices.c.device).limit(most))]


def count_matching(reader: Reader, text: str, version: str | None) -> int:
    """How many `search` would find."""
    return reader.one(_matching(sa.select(sa.func.count()).select_from(devices), text, version))


def _matching(wanted: sa.Select[Any], text: str, version: str | None) -> sa.Select[Any]:
    wanted = wanted.where(devices.c.retired_at.is_(None))
    if version is not None:
        wanted = wanted.where(devices.c.version == version)
    if text:
        wanted = wanted.where(sa.or_(devices.c.device.contains(text, autoescape=True), devices.c.revision == text))
    return wanted


def count_versions(reader: Reader, product: str) -> list[VersionCount]:
    """How many devices of ``product`` run which version, by revision and version."""
    kind = (devices.c.revision, devices.c.version)
    wanted = sa.select(*kind, sa.func.count().label("devices")).group_by(*kind).order_by(*kind)
    inside = wanted.where(devices.c.product == product, devices.c.retired_at.is_(None))
    return [VersionCount(row["revision"], row["version"], row["devices"]) for row in reader.all(inside)]


def count_seen(reader: Reader, product: str, since: float) -> dict[str, int]:
    """Devices of ``product`` by revision that were in contact at ``since`` or later, as far as that is written down."""
    joined = sa.join(devices, contacts, devices.c.device == contacts.c.device)
    wanted = sa.select(devices.c.revision, sa.func.count().label("n")).select_from(joined).group_by(devices.c.revision)
    inside = wanted.where(devices.c.product == product, devices.c.retired_at.is_(None), contacts.c.at >= since)
    return {row["revision"]: row["n"] for row in reader.all(inside)}


def timeline(reader: Reader, device: str, most: int = 1000) -> list[Moment]:
    """What the fleet knows of one device, oldest first; the last ``most``."""
    wanted = sa.select(moments).where(moments.c.device == device).order_by(moments.c.number.desc()).limit(most)
    return [Moment(row["at"], row["what"], row["text"]) for row in reversed(reader.all(wanted))]


def all_in_memory(reader: Reader) -> list[Mapping[str, Any]]:
    """(device, product, wants_attributes, at) of every device in the field."""
    joined = sa.join(devices, contacts, devices.c.device == contacts.c.device)
    columns = (devices.c.device, devices.c.product, devices.c.wants_attributes, contacts.c.at)
    wanted = sa.select(*columns).select_from(joined)
    return reader.all(wanted.where(devices.c.retired_at.is_(None)))


def _alive(reader: Reader, device: str) -> Mapping[str, Any] | None:
    return reader.first(sa.select(devices).where(devices.c.device == device, devices.c.retired_at.is_(None)))


def _whole() -> sa.Select[*tuple[Any, ...]]:
    # scalar queries, not outer joins: the tenant's condition on an outer table would drop devices without a row there
    seen = sa.select(contacts.c.at).where(contacts.c.device == devices.c.device).scalar_subquery()
    data = sa.select(attributes.c.data).where(attributes.c.device == devices.c.device).scalar_subquery()
    return sa.select(devices, seen.label("last_contact"), data.label("data"))


def _device(row: Mapping[str, Any]) -> Device:
    same = ("product", "revision", "takes", "version", "told_revision", "created_at", "last_contact", "retired_at")
    source = Source(row["source"])
    return Device(
        id=row["device"], group=row["grp"], source=source, weak=source is not Source.HEARTBEAT,
        attributes=row["data"] or {}, **{name: row[name] for name in same},
    )  # fmt: skip


def _row(device: Device | NewDevice) -> dict[str, str]:
    return {"product": device.product, "revision": device.revision, "grp": device.group, "takes": device.takes}


def _kind(product: str, revision: str) -> str:
    return f"{product}/{revision}" if product else "product unknown"
