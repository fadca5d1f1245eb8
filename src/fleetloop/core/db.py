"""The control database: one writer with group commit, many readers; SQLite and PostgreSQL by the same code.

    await db.write(lambda tx: store.insert(tx, device))     # resolves after the commit
    await db.read(lambda reader: store.find(reader, name))

Jobs are plain functions. All that wait when the writer is free share one transaction. A job that raises is undone
alone; a job may be run again, so it only reads, writes, records facts and says what to do after the commit.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.pool import QueuePool

from fleetloop.core.direct import Direct, Row
from fleetloop.core.errors import FleetloopError, UnavailableError
from fleetloop.core.facts import Fact, Recorded, decode
from fleetloop.core.tables import TENANT, Key, scoped, table

T = TypeVar("T")
Known = dict[tuple[sa.Table, ...], dict[Any, Any]]
log = logging.getLogger(__name__)
GROUP = 500
"""Most jobs in one commit."""

facts = table(
    "core", "facts",
    sa.Column("number", Key, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_facts_kind", "kind", "number"),
)  # fmt: skip
cursors = table(
    "core", "cursors", sa.Column("listener", sa.Text, primary_key=True), sa.Column("number", Key, nullable=False)
)
watchers: list[Callable[[Any], None]] = []
"""Tests listen here to every statement."""


class Reader:
    """Reads, narrowed to one tenant."""

    def __init__(self, connection: sa.Connection, tenant: str = TENANT) -> None:
        self.connection = connection
        self.tenant = tenant

    def execute(
        self, statement: sa.Executable, rows: Sequence[Mapping[str, Any]] | None = None
    ) -> sa.CursorResult[Any]:
        """Run ``statement``; with ``rows`` once for each of them."""
        for watch in watchers:
            watch(statement)
        prepared = scoped(statement, self.tenant)
        return self.connection.execute(prepared, rows) if rows is not None else self.connection.execute(prepared)

    def row(self, direct: Direct, values: Mapping[str, Any]) -> Row | None:
        """The first row of a statement that the driver runs, or None."""
        for watch in watchers:
            watch(direct.statement)
        return direct.run(self.connection, self.tenant, values).fetchone()

    def all(self, statement: sa.Executable) -> list[Mapping[str, Any]]:
        """Every row."""
        return cast("list[Mapping[str, Any]]", self.execute(statement).mappings().all())

    def first(self, statement: sa.Executable) -> Mapping[str, Any] | None:
        """The first row, or None."""
        return cast("Mapping[str, Any] | None", self.execute(statement).mappings().first())

    def one(self, statement: sa.Executable) -> Any:
        """The first column of the only row."""
        return self.execute(statement).scalar_one()


class Tx(Reader):
    """One transaction of the writer, shared by the jobs of a group."""

    def __init__(self, connection: sa.Connection, tenant: str = TENANT, known: Known | None = None) -> None:
        super().__init__(connection, tenant)
        self._known: Known = {} if known is None else known
        self._later: dict[sa.Table, tuple[Direct, list[Mapping[str, Any]]]] = {}
        self.recorded: list[Fact] = []
        self.afterwards: list[Callable[[], None]] = []
        self.writes = 0

    def execute(
        self, statement: sa.Executable, rows: Sequence[Mapping[str, Any]] | None = None
    ) -> sa.CursorResult[Any]:
        """As `Reader.execute`; whatever may change something is counted."""
        self.settle()
        before = self.writes
        self.writes += not isinstance(statement, sa.Select)
        if self.writes > before:
            self._forget_rows(getattr(statement, "table", None))
        return super().execute(statement, rows)

    def row(self, direct: Direct, values: Mapping[str, Any], *, settled: bool = True) -> Row | None:
        """As `Reader.row`. Not ``settled``: nothing that `do` was given in this transaction concerns that row."""
        if settled:
            self.settle()
        return super().row(direct, values)

    def do(self, direct: Direct, values: Mapping[str, Any]) -> None:
        """A statement that changes something: run by the driver with others of its kind, before whatever reads next.

        What is wrong with it is raised then, and at the latest by the end of the group.
        """
        for watch in watchers:
            watch(direct.statement)
        self.writes += 1
        waiting = self._later.get(direct.table)
        if waiting is None or waiting[0] is not direct:  # two statements on one table keep their order
            if waiting is not None:
                self.settle()
            waiting = self._later[direct.table] = (direct, [])
        waiting[1].append(values)

    def settle(self) -> None:
        """Run what waits."""
        if self._later:
            later, self._later = self._later, {}
            for direct, rows in later.values():
                direct.run_all(self.connection, self.tenant, rows)

    def known(self, *tables: sa.Table) -> dict[Any, Any]:
        """What a room remembers of rows of ``tables`` from one transaction to the next, as they are in the database.

        Empty again after a failure and after any statement on one of them; what `do` changes the room itself enters.
        """
        return self._known.setdefault(tables, {})

    def _forget_rows(self, table: sa.Table | None) -> None:
        for tables in [tables for tables in self._known if table is None or table in tables]:
            del self._known[tables]

    def insert(self, statement: sa.Insert) -> int:
        """Insert one row and return its key."""
        return int(cast("tuple[Any, ...]", self.execute(statement).inserted_primary_key)[0])

    def record(self, fact: Fact) -> None:
        """Record ``fact`` with this change."""
        self.recorded.append(fact)

    def after(self, action: Callable[[], None]) -> None:
        """Do ``action`` in the event loop once this is committed: what memory must know."""
        self.afterwards.append(action)

    def mark(self) -> tuple[int, int, int]:
        """Where a job began."""
        return len(self.recorded), len(self.afterwards), self.writes

    def forget(self, mark: tuple[int, int, int]) -> bool:
        """Drop what a failed job left here; False if it also wrote to the database."""
        del self.recorded[mark[0] :], self.afterwards[mark[1] :]
        return self.writes == mark[2]


class _Alone(Exception):  # noqa: N818  a signal, not an error
    """A job failed after it wrote; the group must be taken apart."""


class _Job:
    """What to run, and the future that tells how it ended."""

    def __init__(self, run: Callable[[Tx], Any], future: "asyncio.Future[Any] | Future[Any]") -> None:
        self.run = run
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None

    def attempt(self, tx: Tx) -> None:
        """Run inside the group's transaction. Raises `_Alone` if it failed after it wrote."""
        mark, broken = tx.mark(), False
        try:
            self.result, self.error = self.run(tx), None
        except FleetloopError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001  whoever waits must learn of it
            self.error, broken = _wrap(error), isinstance(error, exc.DBAPIError)  # PostgreSQL goes on with nothing then
        if self.error and (broken or not tx.forget(mark)):
            raise _Alone

    def settle(self) -> None:
        """Tell whoever waits, if somebody still does."""
        if self.future.done():
            return
        if self.error:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Database:
    """Opens ``url`` (`sqlite:///FILE` or `postgresql+psycopg://…`); `close` it."""

    def __init__(self, url: str, tenant: str = TENANT) -> None:
        self.url = url
        self.tenant = tenant
        self.engine = open_engine(url)
        self.on_facts: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(4, "reader")
        self._known: Known = {}
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def write(self, job: Callable[[Tx], T]) -> T:
        """What ``job`` returned, once it is on disk and memory has been told (`Tx.after`)."""
        self._loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = self._loop.create_future()
        self._put(_Job(job, future))
        return await future

    def write_now(self, job: Callable[[Tx], T]) -> T:
        """As `write`, for a thread without an event loop."""
        future: Future[T] = Future()
        self._put(_Job(job, future))
        return future.result()

    async def read(self, job: Callable[[Reader], T]) -> T:
        """What ``job`` returned, from one consistent view."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, job)

    def read_now(self, job: Callable[[Reader], T]) -> T:
        """As `read`, in this thread."""
        with self.engine.connect() as connection:
            return job(Reader(connection, self.tenant))

    def close(self) -> None:
        """End the writer after what waits, and close all connections."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()
            self._readers.shutdown()
            self.engine.dispose()

    def _put(self, job: _Job) -> None:
        if self._closed:
            raise UnavailableError("the database is closed; the server is going down")
        self._jobs.put(job)

    def _work(self) -> None:
        while group := self._group():
            try:
                self._commit(group)
            except _Alone:
                for job in group:
                    self._commit_alone(job)

    def _group(self) -> list[_Job]:
        group: list[_Job] = []
        while len(group) < GROUP and not (group and self._jobs.empty()):
            if (job := self._jobs.get()) is None:
                self._jobs.put(None)
                break
            group.append(job)
        return group

    def _commit_alone(self, job: _Job) -> None:
        try:
            self._commit([job])
        except _Alone:
            self._tell([job], None)

    def _commit(self, group: list[_Job]) -> None:
        try:
            with self.engine.connect() as connection:
                tx = Tx(connection, self.tenant, self._known)
                for job in group:
                    job.attempt(tx)
                _settle(tx, alone=len(group) == 1)
                if tx.recorded:
                    _number(tx)
                if tx.writes:
                    connection.commit()
        except _Alone:
            self._known.clear()
            raise
        except Exception as error:  # noqa: BLE001
            self._known.clear()
            for job in group:
                job.error = _wrap(error)
            tx = None
        self._tell(group, tx)

    def _tell(self, group: list[_Job], tx: Tx | None) -> None:
        def settle() -> None:
            for action in tx.afterwards if tx else ():
                try:
                    action()
                except Exception:  # it is committed all the same, and somebody waits for it
                    log.exception("memory did not learn of a commit")
            for job in group:
                job.settle()
            if tx and tx.recorded:
                self.on_facts()

        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle)
        else:
            settle()


def _settle(tx: Tx, *, alone: bool) -> None:
    try:
        tx.settle()
    except exc.DBAPIError:
        if alone:
            raise
        raise _Alone from None  # one of the group is to blame


def _number(tx: Tx) -> None:
    """Numbers follow the order of commits: SQLite has one writer; PostgreSQL takes a lock that ends with the commit."""
    if tx.connection.dialect.name == "postgresql":
        tx.connection.execute(sa.text("select pg_advisory_xact_lock(70179)"))
    tx.execute(sa.insert(facts), [{"kind": type(f).__name__, "at": f.at, "body": f.body()} for f in tx.recorded])


def _wrap(error: Exception) -> Exception:
    """The database being away or full is passing; a broken statement is ours and stays what it is."""
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        return UnavailableError(f"the control database does not take this now: {error.orig}")
    return error


def facts_after(reader: Reader, number: int, kinds: Iterable[str], most: int = 1000) -> list[Recorded]:
    """The next facts of ``kinds`` after ``number``, in order."""
    wanted = sa.select(facts).where(facts.c.number > number, facts.c.kind.in_(list(kinds)))
    rows = reader.all(wanted.order_by(facts.c.number).limit(most))
    return [Recorded(row["number"], decode(row["kind"], row["body"])) for row in rows]


def last_fact(reader: Reader) -> int:
    """The highest number so far; 0 if there is none."""
    return reader.one(sa.select(sa.func.coalesce(sa.func.max(facts.c.number), 0)))


def cursor(reader: Reader, listener: str) -> int:
    """The last number ``listener`` has handled."""
    row = reader.first(sa.select(cursors.c.number).where(cursors.c.listener == listener))
    return 0 if row is None else row["number"]


def move_cursor(tx: Tx, listener: str, number: int) -> None:
    """Remember that ``listener`` handled everything up to ``number``."""
    moved = tx.execute(sa.update(cursors).where(cursors.c.listener == listener).values(number=number))
    if not moved.rowcount:
        tx.execute(sa.insert(cursors).values(listener=listener, number=number))


def open_engine(url: str) -> sa.Engine:
    """An engine with the house's settings: SQLite in WAL with ``synchronous=FULL``, foreign keys on."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_size=6, pool_pre_ping=True)
    Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        url, poolclass=QueuePool, pool_size=6, connect_args={"check_same_thread": False, "timeout": 30}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:  # pyright: ignore[reportUnusedFunction]
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"pragma {pragma}")

    return engine
