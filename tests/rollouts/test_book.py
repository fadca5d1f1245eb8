from tests.rollouts.house import ANN, House, names
from tests.rollouts.test_service import second_release

from fleetloop import health
from fleetloop.core.clock import HOUR
from fleetloop.core.db import Database, Reader, Tx
from fleetloop.rollouts import book, experiment_of, store

SEED = "secret"


def kept(db: Database, *lines: tuple[health.Line, str]) -> None:
    for line, ident in lines:
        db.write_now(lambda tx, line=line, ident=ident: book.note(tx, 1, SEED, line, ident))


def booked(db: Database, before: float) -> list[tuple[float, str]]:
    lines = db.write_now(lambda tx: book.book(tx, 1, before))
    return [(line.at, type(line).__name__) for line in lines]


def test_a_repeated_line_is_kept_once(db: Database) -> None:
    line = health.Event(5.0, "d", "crash", "b1")
    kept(db, (line, "crash-b1"), (line, "crash-b1"), (line, "crash-b2"))
    assert len(booked(db, 6.0)) == 2
    kept(db, (line, "crash-b1"))
    assert not booked(db, 6.0)


def test_the_order_of_arrival_decides_nothing(db: Database) -> None:
    lines = [(health.Poll(5.0, d), "poll-1-1") for d in ("x", "y", "z")]
    lines += [(health.Event(5.0, "y", "crash", "1"), "crash-1"), (health.Poll(4.0, "w"), "poll-1-1")]
    kept(db, *reversed(lines))
    one = db.write_now(lambda tx: book.book(tx, 1, 6.0))
    db.write_now(lambda tx: [book.note(tx, 2, SEED, line, ident) for line, ident in lines])
    assert db.write_now(lambda tx: book.book(tx, 2, 6.0)) == one
    assert one[0] == health.Poll(4.0, "w")
    of_y = [type(line).__name__ for line in one if getattr(line, "device", "") == "y"]
    assert of_y == ["Event", "Poll"]


def test_lines_of_this_instant_wait_for_the_next_tick(db: Database) -> None:
    kept(db, (health.Poll(5.0, "d"), "poll-1-1"))
    assert booked(db, 5.0) == []
    assert db.read_now(lambda reader: book.waiting(reader, 1))
    assert booked(db, 5.1) == [(5.0, "Poll")]
    assert not db.read_now(lambda reader: book.waiting(reader, 1))


def test_time_never_goes_back_in_a_record(db: Database) -> None:
    kept(db, (health.Poll(9.0, "d"), "poll-1-1"))
    booked(db, 10.0)
    kept(db, (health.Poll(8.0, "e"), "poll-1-1"))
    assert booked(db, 10.0) == [(9.0, "Poll")]
    db.write_now(lambda tx: book.place(tx, 1, health.Wave(11.0, 2)))
    kept(db, (health.Poll(10.5, "f"), "poll-1-1"))
    assert booked(db, 20.0) == [(11.0, "Poll")]


def test_only_contacts_are_taken_for_contacts(db: Database) -> None:
    """A device chooses its id and its boot ids; neither must read like a contact, or the server would not start."""
    evil = "x.4.y.poll-z"
    kept(
        db,
        (health.Poll(1.0, "a.b"), "poll-1-1"),
        (health.Event(1.0, "d", "crash", f"{evil}.5"), f"crash-{evil}.5"),
        (health.Event(1.0, evil, "crash", "b.1"), "crash-b.1"),
        (health.Poll(1.0, evil), "poll-2-1"),
    )
    found = db.read_now(lambda reader: sorted(book.contacts(reader, 1)))
    assert found == [("a.b", "poll-1-1", 1.0), (evil, "poll-2-1", 1.0)]


async def folded(house: House, rollout: int) -> health.Experiment:
    def job(reader: Reader) -> health.Experiment:
        return experiment_of(reader, rollout)

    return await house.rooms.db.read(job)


async def test_the_record_folds_to_what_memory_has_at_any_time(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=6 * HOUR)
    for unit in list(house.units.values())[:6]:
        await house.live(3 * HOUR)
        await unit.crash()
        now, again = house.watch(number).experiment, await folded(house, number)
        assert (again.e_value, again.rows(), again.device_days) == (now.e_value, now.rows(), now.device_days)
    assert now.events


async def test_a_device_that_left_stays_in_the_record(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR)
    await house.live(3 * HOUR)
    states = await house.states(number)
    drawn, held = next(iter(states)), next(name for name in names(24) if name not in states)
    for name in (drawn, held):
        await house.rooms.fleet.retire(ANN, name)
        del house.units[name]
    await house.live(3 * HOUR)
    assert (await folded(house, number)).rows()[0].new + (await folded(house, number)).rows()[0].held_back == 22
    house = await house.again()
    await house.live(3 * HOUR)
    assert house.watch(number).experiment.now > 0
    house.rooms.db.close()


async def test_a_device_that_comes_back_is_enrolled_again(house: House) -> None:
    number = await second_release(house, devices=24, soak_s=HOUR)
    await house.live(2 * HOUR)
    states = await house.states(number)
    held = next(name for name in names(24) if name not in states)
    await house.rooms.fleet.retire(ANN, held)
    await house.live(HOUR)
    del house.units[held]
    await house.add(held, version="1.0.0")
    house = await house.again()
    await house.live(9 * HOUR)
    assert (await house.get(number)).wave >= 2

    def job(tx: Tx) -> list[str]:
        return [m.device for m in store.members(tx, number)]

    assert held in await house.rooms.db.write(job)
    assert (await folded(house, number)).now == house.watch(number).experiment.now
    house.rooms.db.close()
