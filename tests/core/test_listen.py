import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from fleetloop.core import listen
from fleetloop.core.db import Database, Tx
from fleetloop.core.facts import Fact, Recorded
from fleetloop.core.listen import Listener, Pump


@dataclass(frozen=True)
class Rang(Fact):
    number: int


@dataclass(frozen=True)
class Echoed(Fact):
    number: int


class Ear:
    """Remembers what it heard; ``deaf``: raises."""

    def __init__(self, name: str, *kinds: type[Fact]) -> None:
        self.heard: list[Fact] = []
        self.deaf = False
        self.listener = Listener(name, kinds, self.hear)

    def hear(self, tx: Tx, facts: Sequence[Recorded]) -> None:
        if self.deaf:
            raise RuntimeError("cannot hear")
        tx.after(lambda: self.heard.extend(r.fact for r in facts))


async def ring(db: Database, *numbers: int) -> None:
    def job(tx: Tx) -> None:
        for number in numbers:
            tx.record(Rang(0.0, number))

    await db.write(job)


async def test_each_listener_hears_its_kinds_in_order_and_once(db: Database) -> None:
    one, other = Ear("one", Rang), Ear("other", Echoed)
    pump = Pump(db, [one.listener, other.listener])
    await ring(db, 1, 2)
    await pump.drain()
    await ring(db, 3)
    await pump.drain()
    await pump.drain()
    assert one.heard == [Rang(0.0, n) for n in (1, 2, 3)]
    assert other.heard == []


async def test_the_place_is_kept_over_a_restart(db: Database) -> None:
    one = Ear("one", Rang)
    await ring(db, 1)
    await Pump(db, [one.listener]).drain()
    await ring(db, 2)
    again = Ear("one", Rang)
    await Pump(db, [again.listener]).drain()
    assert again.heard == [Rang(0.0, 2)]


async def test_a_drain_also_hears_what_listeners_record(db: Database) -> None:
    def hear(tx: Tx, facts: Sequence[Recorded]) -> None:
        for r in facts:
            if isinstance(r.fact, Rang):
                tx.record(Echoed(0.0, r.fact.number))

    higher = Ear("higher", Echoed)
    pump = Pump(db, [higher.listener, Listener("echo", (Rang,), hear)])
    await ring(db, 7)
    await pump.drain()
    assert higher.heard == [Echoed(0.0, 7)]


async def test_more_facts_than_one_step_takes(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "MOST", 10)
    one = Ear("one", Rang)
    pump = Pump(db, [one.listener])
    await ring(db, *range(35))
    await pump.drain()
    assert one.heard == [Rang(0.0, n) for n in range(35)]


async def test_a_listener_that_fails_hears_it_again_and_is_named(db: Database) -> None:
    one, other = Ear("one", Rang), Ear("other", Rang)
    pump = Pump(db, [one.listener, other.listener])
    other.deaf = True
    await ring(db, 1)
    with pytest.raises(RuntimeError):
        await pump.drain()
    assert pump.failing == {"other": "cannot hear"}
    other.deaf = False
    await pump.drain()
    assert (one.heard, other.heard, pump.failing) == ([Rang(0.0, 1)], [Rang(0.0, 1)], {})


async def test_the_listeners_beside_one_that_fails_go_on(db: Database) -> None:
    one, other = Ear("one", Rang), Ear("other", Rang)
    one.deaf = True
    pump = Pump(db, [one.listener, other.listener])
    await ring(db, 1)
    with pytest.raises(RuntimeError):
        await pump.drain()
    assert other.heard == [Rang(0.0, 1)]


async def test_running_it_hears_by_itself_and_tries_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "RETRY_S", 0.01)
    one = Ear("one", Rang)
    one.deaf = True
    pump = Pump(db, [one.listener])
    running = asyncio.create_task(pump.run())
    await ring(db, 1)
    while not pump.failing:
        await asyncio.sleep(0.001)
    one.deaf = False
    async with asyncio.timeout(5):
        while not one.heard:
            await asyncio.sleep(0.001)
    running.cancel()
    assert one.heard == [Rang(0.0, 1)]
