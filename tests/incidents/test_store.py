from dataclasses import replace

from fleetloop.core.db import Database
from fleetloop.incidents import Incident, store

ONE = Incident(
    id=0, rollout=3, product="cell", version="1.1.0", revision="b", commit="c" * 40, subject="Count", sentence="Stopped.",
    evidence=21.5, first_event_at=4.0, opened_at=5.0, restored_at=None, fixed_by="", fixed_at=None, devices=("d1", "d2"),
)  # fmt: skip


def test_an_incident_comes_back_whole(db: Database) -> None:
    kept = db.write_now(lambda tx: store.add(tx, ONE))
    assert kept == replace(ONE, id=kept.id)
    assert db.read_now(lambda reader: store.get(reader, kept.id)) == kept
    assert db.read_now(lambda reader: store.of_rollout(reader, 3)) == kept
    assert db.read_now(lambda reader: store.of_rollout(reader, 4)) is None
    assert db.read_now(lambda reader: store.get(reader, kept.id + 1)) is None


def test_the_same_stop_told_twice_is_one_incident(db: Database) -> None:
    first = db.write_now(lambda tx: store.add(tx, ONE))
    assert db.write_now(lambda tx: store.add(tx, replace(ONE, sentence="again"))) == first


def test_newest_first_and_by_product(db: Database) -> None:
    for rollout, product in ((3, "cell"), (4, "cell"), (5, "other")):
        db.write_now(lambda tx, r=rollout, p=product: store.add(tx, replace(ONE, rollout=r, product=p)))
    assert [i.rollout for i in db.read_now(store.all_of)] == [5, 4, 3]
    assert [i.rollout for i in db.read_now(lambda reader: store.all_of(reader, "cell"))] == [4, 3]


def test_restored_and_fixed(db: Database) -> None:
    number = db.write_now(lambda tx: store.add(tx, ONE)).id
    assert db.read_now(store.unrestored) == 1
    db.write_now(lambda tx: store.change(tx, number, restored_at=9.0, fixed_by="1.1.1", fixed_at=10.0))
    found = db.read_now(lambda reader: store.get(reader, number))
    assert found
    assert (found.restored_at, found.fixed_by, found.fixed_at) == (9.0, "1.1.1", 10.0)
    assert db.read_now(store.unrestored) == 0
