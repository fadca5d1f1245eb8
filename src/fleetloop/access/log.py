"""The audit log: one line per privileged act, written in the act's own transaction, sealed in hash-chained batches.

A seal's digest is the SHA-256 of the seal before it and of every line of its batch, so a line that is changed, removed
or slipped in breaks the chain from there on. Whoever keeps the newest digest elsewhere (``GET /audit/chain`` has it,
and the server's log) also sees lines cut off at the end.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from fleetloop.access.model import Chain, Line, Person
from fleetloop.core.clock import real_now
from fleetloop.core.db import Reader, Tx
from fleetloop.core.tables import Key, table

logger = logging.getLogger(__name__)
BATCH = 1000
BEFORE_ALL = -(1 << 62)

lines = table(
    "access", "audit_lines",
    sa.Column("number", Key, primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)  # fmt: skip
seals = table(
    "access", "audit_seals",
    sa.Column("number", Key, primary_key=True),
    sa.Column("last_line", Key, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)  # fmt: skip


def audit(tx: Tx, person: Person, act: str, subject: str, detail: str = "") -> None:
    """Say in the act's own transaction who did what to whom. Never a secret in ``detail``."""
    row = {"at": real_now(), "person": person.name, "act": act, "subject": subject, "detail": detail}
    tx.execute(sa.insert(lines).values(row))


def seal(tx: Tx) -> int:
    """Seal what is not sealed yet, at most `BATCH` lines; how many it was. Cheap when there is nothing."""
    last, digest = _head(tx)
    batch = tx.all(sa.select(lines).where(lines.c.number > last).order_by(lines.c.number).limit(BATCH))
    if batch:
        made = _digest(digest, batch)
        tx.execute(sa.insert(seals).values(last_line=batch[-1]["number"], digest=made))
        tx.after(lambda: logger.info("audit sealed lines=%d head=%s", len(batch), made))
    return len(batch)


def verify(reader: Reader, noted: str = "") -> Chain:
    """Compute the whole chain again from the lines as they stand; ``noted``, an earlier head, must still be in it."""
    at, digest, count, known = BEFORE_ALL, "", 0, reader.all(sa.select(seals).order_by(seals.c.number))
    for each in known:
        inside = sa.and_(lines.c.number > at, lines.c.number <= each["last_line"])
        batch = reader.all(sa.select(lines).where(inside).order_by(lines.c.number))
        digest, at, count = _digest(digest, batch), each["last_line"], count + len(batch)
        if digest != each["digest"]:
            return Chain(False, len(known), count, 0, each["digest"], each["number"])
    open_lines = reader.one(sa.select(sa.func.count()).select_from(lines).where(lines.c.number > at))
    whole = noted in {"", *(each["digest"] for each in known)}
    return Chain(whole, len(known), count + open_lines, open_lines, digest)


def find_lines(reader: Reader, before: int | None = None, most: int = 100) -> list[Line]:
    """Newest first; ``before`` is the number of the last line that was seen."""
    wanted = sa.select(lines).order_by(lines.c.number.desc()).limit(most)
    if before is not None:
        wanted = wanted.where(lines.c.number < before)
    sealed, _ = _head(reader)
    return [Line(**_plain(row), sealed=row["number"] <= sealed) for row in reader.all(wanted)]


def _head(reader: Reader) -> tuple[int, str]:
    row = reader.first(sa.select(seals).order_by(seals.c.number.desc()).limit(1))
    return (row["last_line"], row["digest"]) if row else (BEFORE_ALL, "")


def _digest(before: str, batch: list[Mapping[str, Any]]) -> str:
    text = json.dumps([before, [_plain(row) for row in batch]], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: row[k] for k in ("number", "at", "person", "act", "subject", "detail")}
