"""What the driver runs itself is the same statement: values, tenant and errors as through SQLAlchemy."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from fleetloop.core import serving
from fleetloop.core.db import Database, Reader, Tx
from fleetloop.core.direct import Direct

ADD = Direct(sa.insert(serving.outages).inline(), ("tenant", "began", "ended"))
ADD_WITH_KEY = Direct(sa.insert(serving.outages).inline(), ("tenant", "id", "began", "ended"))
MOVE = Direct(sa.update(serving.outages).where(serving.outages.c.began == sa.bindparam("from")), ("began",))
FIND = Direct(
    sa.select(serving.outages.c.id, serving.outages.c.ended).where(serving.outages.c.began == sa.bindparam("at"))
)


def began(reader: Reader) -> list[float]:
    return [row["began"] for row in reader.all(sa.select(serving.outages).order_by(serving.outages.c.began))]


async def test_rows_are_added_found_and_changed(db: Database) -> None:
    await db.write(lambda tx: [tx.do(ADD, {"began": at, "ended": at + 1}) for at in (1.0, 2.0)])
    assert await db.read(lambda reader: reader.row(FIND, {"at": 2.0})) == (2, 3.0)
    await db.write(lambda tx: tx.do(MOVE, {"began": 9.0, "from": 2.0}))
    assert await db.read(began) == [1.0, 9.0]
    assert await db.read(lambda reader: reader.row(FIND, {"at": 2.0})) is None


async def test_another_tenant_is_neither_read_nor_changed(db: Database) -> None:
    with db.engine.begin() as connection:
        connection.execute(sa.insert(serving.outages).values(tenant="OTHER", began=5.0, ended=6.0))
    assert await db.read(lambda reader: reader.row(FIND, {"at": 5.0})) is None
    await db.write(lambda tx: tx.do(MOVE, {"began": 7.0, "from": 5.0}))
    with db.engine.connect() as connection:
        assert connection.execute(sa.select(serving.outages.c.began)).scalar_one() == 5.0
    await db.write(lambda tx: tx.do(ADD, {"began": 1.0, "ended": 2.0}))
    assert await db.read(began) == [1.0]


async def test_what_a_failed_job_wrote_is_undone_and_the_error_is_sqlalchemys(db: Database) -> None:
    await db.write(lambda tx: tx.do(ADD_WITH_KEY, {"id": 1, "began": 1.0, "ended": 2.0}))

    def twice(tx: Tx) -> None:
        tx.do(ADD, {"began": 3.0, "ended": 4.0})
        tx.do(ADD_WITH_KEY, {"id": 1, "began": 5.0, "ended": 6.0})

    with pytest.raises(IntegrityError):
        await db.write(twice)
    assert await db.read(began) == [1.0]


async def test_one_of_a_group_that_fails_late_is_undone_alone(db: Database) -> None:
    jobs = [lambda tx, n=n: tx.do(ADD_WITH_KEY, {"id": n, "began": float(n), "ended": 9.0}) for n in (1, 2, 2, 3)]
    ended = await asyncio.gather(*(db.write(job) for job in jobs), return_exceptions=True)
    assert [type(one) for one in ended] == [type(None), type(None), IntegrityError, type(None)]
    assert await db.read(began) == [1.0, 2.0, 3.0]


async def test_what_waits_is_read_and_statements_on_one_table_keep_their_order(db: Database) -> None:
    def job(tx: Tx) -> list[float]:
        tx.do(ADD, {"began": 1.0, "ended": 2.0})
        tx.do(MOVE, {"began": 5.0, "from": 1.0})
        tx.do(ADD, {"began": 1.0, "ended": 2.0})
        return began(tx)

    assert await db.write(job) == [1.0, 5.0]


async def test_what_a_room_remembers_ends_with_a_failure_or_another_statement(db: Database) -> None:
    def remember(tx: Tx) -> None:
        tx.known(serving.outages)["a"] = 1

    await db.write(remember)
    assert await db.write(lambda tx: dict(tx.known(serving.outages))) == {"a": 1}
    await db.write(lambda tx: tx.execute(sa.update(serving.outages).values(ended=3.0)) and None)
    assert await db.write(lambda tx: dict(tx.known(serving.outages))) == {}
    await db.write(remember)
    await db.write(lambda tx: tx.do(ADD_WITH_KEY, {"id": 1, "began": 1.0, "ended": 9.0}))
    with pytest.raises(IntegrityError):
        await db.write(lambda tx: tx.do(ADD_WITH_KEY, {"id": 1, "began": 1.0, "ended": 9.0}))
    assert await db.write(lambda tx: dict(tx.known(serving.outages))) == {}
