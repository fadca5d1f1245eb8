import asyncio
import threading
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from fleetloop.core import serving
from fleetloop.core.db import Database, Reader, Tx, facts_after, last_fact
from fleetloop.core.errors import ConflictError, UnavailableError
from fleetloop.core.facts import Fact


@dataclass(frozen=True)
class Counted(Fact):
    number: int


def outage(began: float) -> sa.Insert:
    return sa.insert(serving.outages).values(began=began, ended=began + 1)


def count(reader: Reader) -> int:
    return reader.one(sa.select(sa.func.count()).select_from(serving.outages))


class Gate:
    """Holds the writer, so that all that waits meanwhile shares a commit."""

    def __init__(self, db: Database) -> None:
        self._in, self._out = threading.Event(), threading.Event()
        self._task = asyncio.ensure_future(db.write(self._hold))

    def _hold(self, _: Tx) -> None:
        self._in.set()
        self._out.wait(5)

    async def shut(self) -> None:
        await asyncio.to_thread(self._in.wait, 5)

    async def open(self) -> None:
        self._out.set()
        await self._task


async def grouped(db: Database, *jobs: object) -> list[object]:
    gate = Gate(db)
    await gate.shut()
    work = [asyncio.ensure_future(db.write(job)) for job in jobs]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await gate.open()
    return list(await asyncio.gather(*work, return_exceptions=True))


async def test_what_was_written_is_there(db: Database) -> None:
    number = await db.write(lambda tx: tx.insert(outage(1.0)))
    assert await db.read(count) == 1
    row = await db.read(lambda reader: reader.first(sa.select(serving.outages)))
    assert row
    assert (row["id"], row["tenant"], row["began"]) == (number, "DEFAULT", 1.0)


async def test_all_that_wait_share_one_commit(db: Database) -> None:
    commits: list[object] = []
    sa.event.listen(db.engine, "commit", commits.append)
    await grouped(db, *[lambda tx, n=n: tx.insert(outage(n)) for n in range(20)])
    assert (len(commits), await db.read(count)) == (1, 20)


async def test_a_job_that_raises_is_undone_alone(db: Database) -> None:
    told: list[int] = []

    def good(tx: Tx) -> int:
        tx.after(lambda: told.append(1))
        return tx.insert(outage(1.0))

    def bad(tx: Tx) -> None:
        tx.insert(outage(2.0))
        tx.after(lambda: told.append(2))
        tx.record(Counted(1.0, 2))
        raise ConflictError("no")

    def refused(tx: Tx) -> None:
        tx.record(Counted(1.0, 3))
        raise ConflictError("refused before it wrote")

    first, second, third, fourth = await grouped(db, good, bad, refused, good)
    assert isinstance(first, int)
    assert isinstance(fourth, int)
    assert [str(e) for e in (second, third)] == ["no", "refused before it wrote"]
    assert (await db.read(count), told) == (2, [1, 1])
    assert await db.read(last_fact) == 0


async def test_a_broken_statement_leaves_the_others_alone(db: Database) -> None:
    """On PostgreSQL a statement that fails ends the transaction, a query as well as a change."""

    def broken(tx: Tx) -> None:
        tx.connection.execute(sa.text("select * from nowhere"))

    told = await grouped(db, lambda tx: tx.insert(outage(1.0)), broken, lambda tx: tx.insert(outage(2.0)))
    assert [isinstance(t, int) for t in told] == [True, False, True]
    assert await db.read(count) == 2


async def test_memory_learns_before_the_caller_goes_on(db: Database) -> None:
    order: list[str] = []

    def job(tx: Tx) -> None:
        tx.insert(outage(1.0))
        tx.after(lambda: order.append("memory"))

    await db.write(job)
    order.append("caller")
    assert order == ["memory", "caller"]


async def test_what_memory_cannot_learn_keeps_nobody_waiting(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    told: list[int] = []

    def job(tx: Tx) -> int:
        tx.after(lambda: 1 // 0)
        tx.after(lambda: told.append(1))
        return tx.insert(outage(1.0))

    assert isinstance(await asyncio.wait_for(db.write(job), 5), int)
    assert told == [1]
    assert "ZeroDivisionError" in caplog.text


async def test_facts_are_numbered_in_the_order_of_commits(db: Database) -> None:
    rung: list[int] = []
    db.on_facts = lambda: rung.append(1)

    def job(tx: Tx, number: int) -> None:
        tx.record(Counted(float(number), number))
        tx.insert(outage(number))

    await grouped(db, *[lambda tx, n=n: job(tx, n) for n in range(5)])
    found = await db.read(lambda reader: facts_after(reader, 0, ["Counted"]))
    assert [r.fact for r in found] == [Counted(float(n), n) for n in range(5)]
    assert [r.number for r in found] == sorted(r.number for r in found)
    assert await db.read(last_fact) == found[-1].number
    assert await db.read(lambda reader: facts_after(reader, found[1].number, ["Counted"], 2)) == found[2:4]
    assert len(rung) == 1


async def test_a_fact_without_a_change_is_kept(db: Database) -> None:
    await db.write(lambda tx: tx.record(Counted(1.0, 1)))
    assert await db.read(last_fact) > 0


async def test_a_reader_sees_one_tenant(database_url: str, db: Database) -> None:
    await db.write(lambda tx: tx.insert(outage(1.0)))
    other = Database(database_url, tenant="OTHER")
    assert await other.read(count) == 0
    await other.write(lambda tx: tx.execute(sa.delete(serving.outages)))
    other.close()
    assert await db.read(count) == 1


async def test_a_closed_database_says_so(db: Database) -> None:
    await db.write(lambda tx: tx.insert(outage(1.0)))
    await asyncio.to_thread(db.close)
    with pytest.raises(UnavailableError, match="the server is going down"):
        await db.write(lambda tx: tx.insert(outage(1.0)))


def test_a_thread_without_a_loop_writes_too(db: Database) -> None:
    told: list[int] = []

    def job(tx: Tx) -> int:
        tx.after(lambda: told.append(1))
        return tx.insert(outage(1.0))

    assert db.write_now(job) == 1
    assert (db.read_now(count), told) == (1, [1])


def test_sqlite_is_durable_and_does_not_block_readers(db: Database) -> None:
    if not db.url.startswith("sqlite"):
        pytest.skip("PostgreSQL is so by itself")

    def pragmas(reader: Reader) -> list[object]:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [reader.connection.execute(sa.text(f"pragma {name}")).scalar() for name in asked]

    assert db.read_now(pragmas) == ["wal", 2, 1, 30000]
