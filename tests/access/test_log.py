import pytest
import sqlalchemy as sa

from fleetloop.access import Person, Role, audit, verify
from fleetloop.access.log import find_lines, lines, seal, seals
from fleetloop.core.db import Database, Tx
from fleetloop.core.errors import ConflictError

ANN = Person("ann", Role.ADMIN)


async def written(db: Database, batches: int = 4, each: int = 5) -> None:
    for batch in range(batches):
        await db.write(lambda tx, b=batch: [audit(tx, ANN, "trust add", f"key-{b}.{n}", "detail") for n in range(each)])
        assert await db.write(seal) == each


async def test_lines_are_sealed_and_the_chain_holds(db: Database) -> None:
    await written(db)
    await db.write(lambda tx: audit(tx, ANN, "device add", "late"))
    chain = await db.read(verify)
    assert (chain.intact, chain.seals, chain.lines, chain.unsealed) == (True, 4, 21, 1)
    found = await db.read(find_lines)
    assert [line.sealed for line in found] == [False, *[True] * 20]
    assert await db.write(seal) == 1
    assert await db.write(seal) == 0


async def test_a_line_goes_with_its_act_or_not_at_all(db: Database) -> None:
    def fails(tx: Tx) -> None:
        audit(tx, ANN, "device add", "never")
        raise ConflictError

    with pytest.raises(ConflictError):
        await db.write(fails)
    assert await db.read(find_lines) == []


EDITS = [
    *[
        sa.update(lines).where(lines.c.number == n).values({c: "x"})
        for n in (1, 7, 20)
        for c in ("person", "act", "subject", "detail")
    ],
    *[sa.update(lines).where(lines.c.number == n).values(at=lines.c.at + 0.001) for n in (1, 7, 20)],
    *[sa.delete(lines).where(lines.c.number == n) for n in range(1, 21)],
    sa.update(lines).where(lines.c.number == 20).values(number=21),
    sa.insert(lines).values(number=0, at=1.0, person="eve", act="a", subject="b", detail=""),
    sa.update(seals).where(seals.c.number == 2).values(digest="0" * 64),
    sa.update(seals).where(seals.c.number == 2).values(last_line=9),
    sa.delete(seals).where(seals.c.number == 2),
]


async def test_every_edit_is_seen(db: Database) -> None:
    await written(db)
    for edit in EDITS:

        def changed(tx: Tx, edit: sa.Executable = edit) -> bool:
            tx.execute(edit)
            intact = verify(tx).intact
            raise ConflictError(str(intact))  # undo

        with pytest.raises(ConflictError) as seen:
            await db.write(changed)
        assert str(seen.value) == "False", edit
    assert (await db.read(verify)).intact


async def test_a_cut_tail_shows_in_the_head(db: Database) -> None:
    await written(db)
    head = (await db.read(verify)).head
    await db.write(
        lambda tx: (
            tx.execute(sa.delete(seals).where(seals.c.number == 4)),
            tx.execute(sa.delete(lines).where(lines.c.number > 15)),
        )
    )
    after = await db.read(verify)
    assert after.intact
    assert after.head != head
    assert not (await db.read(lambda reader: verify(reader, head))).intact
    assert (await db.read(lambda reader: verify(reader, after.head))).intact
