"""The last heartbeat of each device, and what happened to it, in the control database."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.core.facts import Fact
from fleetloop.core.tables import Key, table
from fleetloop.telemetry.model import Crashed, Happening, Rebooted, SelfTestFailed
from fleetloop.wire import Heartbeat

heartbeats = table(
    "telemetry", "heartbeats",
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("hardware_revision", sa.Text, nullable=False),
    sa.Column("boot_id", sa.Text, nullable=False),
    sa.Column("uptime_s", sa.Double, nullable=False),
    sa.Column("reset", sa.Text, nullable=False),
    sa.Column("crashes", sa.BigInteger, nullable=False),
    sa.Column("self_test", sa.Boolean, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "device"),
)  # fmt: skip
happenings = table(
    "telemetry", "happenings",
    sa.Column("number", Key, primary_key=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Index("ix_happenings_device", "tenant", "device", "number"),
)  # fmt: skip


def find_heartbeat(reader: Reader, device: str) -> Heartbeat | None:
    """The last one; its uptime may be as old as the last batch."""
    row = reader.first(sa.select(heartbeats).where(heartbeats.c.device == device))
    return _heartbeat(row) if row else None


def all_heartbeats(reader: Reader) -> Iterable[tuple[str, Heartbeat]]:
    """(device, its last one)."""
    return [(row["device"], _heartbeat(row)) for row in reader.all(sa.select(heartbeats))]


def set_heartbeat(tx: Tx, device: str, heartbeat: Heartbeat, at: float) -> None:
    """Replace the last one."""
    values = _row(heartbeat) | {"at": at}
    changed = tx.execute(sa.update(heartbeats).where(heartbeats.c.device == device).values(values))
    if not changed.rowcount:
        tx.execute(sa.insert(heartbeats).values(values | {"device": device}))


def set_uptimes(tx: Tx, seen: Mapping[str, tuple[float, Heartbeat]]) -> None:
    """One batch of what need not be kept at once. A row that has gone on to another boot is left alone."""
    same = sa.and_(heartbeats.c.device == sa.bindparam("who"), heartbeats.c.boot_id == sa.bindparam("boot"))
    change = sa.update(heartbeats).where(same).values(at=sa.bindparam("seen"), uptime_s=sa.bindparam("up"))
    rows = [{"who": device, "boot": h.boot_id, "seen": at, "up": h.uptime_s} for device, (at, h) in seen.items()]
    tx.execute(change, rows)


def note(tx: Tx, fact: Fact) -> None:
    """Record ``fact``, and its line on the device's timeline."""
    tx.record(fact)
    if isinstance(fact, Crashed | Rebooted | SelfTestFailed):
        what, text = _words(fact)
        row = {"device": fact.device, "at": fact.at, "what": what, "text": text, "version": fact.version}
        tx.execute(sa.insert(happenings).values(row))


def timeline(reader: Reader, device: str, most: int = 1000) -> list[Happening]:
    """What heartbeats showed of one device, oldest first; the last ``most``."""
    h = happenings
    rows = reader.all(sa.select(h).where(h.c.device == device).order_by(h.c.number.desc()).limit(most))
    return [Happening(row["at"], row["what"], row["text"], row["version"]) for row in reversed(rows)]


BAD = ("crash", "self-test")
NEWEST = 5000
"""So many happenings are looked through: their numbers rise with time."""


def unwell(reader: Reader, since: float) -> set[str]:
    """Devices that crashed or failed their self-test at ``since`` or later."""
    h = happenings.c
    newest = sa.select(h.device, h.at, h.what).order_by(h.number.desc()).limit(NEWEST).subquery()
    wanted = sa.select(newest.c.device).where(newest.c.at >= since, newest.c.what.in_(BAD)).distinct()
    return {row["device"] for row in reader.all(wanted)}


def _words(fact: Crashed | Rebooted | SelfTestFailed) -> tuple[str, str]:
    if isinstance(fact, Crashed):
        many = f"{fact.count} crashes" if fact.count > 1 else "crashed"
        return "crash", f"{many}, reset {fact.reset}, last seen up {fact.uptime_s:.0f} s"
    if isinstance(fact, Rebooted):
        return "reboot", f"boot {fact.boot_id}, reset {fact.reset}"
    return "self-test", f"failed in boot {fact.boot_id}"


def _row(heartbeat: Heartbeat) -> dict[str, Any]:
    return {name: getattr(heartbeat, name) for name in Heartbeat.__slots__}


def _heartbeat(row: Mapping[str, Any]) -> Heartbeat:
    return Heartbeat(**{name: row[name] for name in Heartbeat.__slots__})
