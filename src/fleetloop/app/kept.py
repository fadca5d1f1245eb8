"""What was answered under an Idempotency-Key: begun before the request runs, completed with its answer."""

from dataclasses import dataclass

import sqlalchemy as sa

from fleetloop.core.db import Tx
from fleetloop.core.errors import LimitError
from fleetloop.core.tables import table

KEEP_S = 24 * 3600.0
MOST = 10_000
RUNNING = 0
"""The status of a row whose request has not been answered."""

answers = table(
    "app", "answers",
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("asked", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("media", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "place"),
    sa.Index("ix_answers_at", "tenant", "at"),
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """``asked``: the fingerprint of the request; ``status`` is `RUNNING` until it is answered."""

    asked: str
    status: int = RUNNING
    media: str = ""
    body: bytes = b""


def begin(tx: Tx, place: str, asked: str, at: float) -> Answer | None:
    """Take ``place`` for a request that is about to run, or what is there. Raises `LimitError` if there is no room."""
    tx.execute(sa.delete(answers).where(answers.c.at < at - KEEP_S))
    here = sa.select(answers.c.asked, answers.c.status, answers.c.media, answers.c.body)
    if row := tx.first(here.where(answers.c.place == place)):
        return Answer(**row)
    if tx.one(sa.select(sa.func.count()).select_from(answers)) >= MOST:
        raise LimitError(
            f"{MOST:,} answers are kept for their Idempotency-Key, no more: each leaves after {KEEP_S / 3600:.0f} h; "
            "without the header nothing is kept"
        )
    tx.execute(sa.insert(answers).values(place=place, at=at, **vars(Answer(asked))))
    return None


def complete(tx: Tx, place: str, answer: Answer) -> None:
    """What was answered."""
    tx.execute(sa.update(answers).where(answers.c.place == place).values(**vars(answer)))


def forget(tx: Tx, place: str) -> None:
    """The same key may try again."""
    tx.execute(sa.delete(answers).where(answers.c.place == place))
