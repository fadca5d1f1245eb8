"""When the server served: the serving clock's last committed instant, and the outages between.

Soak, deadlines and silence count only served time; after an outage no deadline ends before ``grace``.
"""

import bisect

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.core.tables import Key, table

served = table(
    "core", "served", sa.Column("id", sa.Integer, primary_key=True), sa.Column("at", sa.Double, nullable=False)
)
outages = table(
    "core",
    "outages",
    sa.Column("id", Key, primary_key=True),
    sa.Column("began", sa.Double, nullable=False),
    sa.Column("ended", sa.Double, nullable=False),
)


class Served:
    """Served time in memory; `load` it once, then `note` each outage."""

    def __init__(self) -> None:
        self._ends: list[float] = []
        self._began: list[float] = []

    def load(self, reader: Reader) -> None:
        """Read all outages."""
        rows = reader.all(sa.select(outages).order_by(outages.c.ended))
        self._began, self._ends = [r["began"] for r in rows], [r["ended"] for r in rows]

    def note(self, tx: Tx, began: float, ended: float) -> None:
        """The server was away from ``began`` to ``ended``."""
        tx.execute(sa.insert(outages).values(began=began, ended=ended))
        self._began.append(began)
        self._ends.append(ended)

    def between(self, start: float, end: float) -> float:
        """Seconds served from ``start`` to ``end``."""
        lost = 0.0
        for i in range(bisect.bisect_right(self._ends, start), len(self._ends)):
            lost += max(0.0, min(end, self._ends[i]) - max(start, self._began[i]))
        return max(0.0, end - start - lost)

    def due(self, start: float, seconds: float) -> float:
        """The instant at which ``seconds`` of served time after ``start`` are over, as far as outages are known."""
        end = start + seconds
        while (left := seconds - self.between(start, end)) > 1e-6:
            end += left
        return end

    def last_return(self) -> float:
        """When the last outage ended; minus infinity if there was none."""
        return self._ends[-1] if self._ends else float("-inf")


def last(reader: Reader) -> float | None:
    """The last committed instant, or None in a new database."""
    row = reader.first(sa.select(served.c.at).where(served.c.id == 1))
    return None if row is None else row["at"]


def keep(tx: Tx, at: float) -> None:
    """Commit the clock with this transaction."""
    if not tx.execute(sa.update(served).where(served.c.id == 1).values(at=at)).rowcount:
        tx.execute(sa.insert(served).values(id=1, at=at))
