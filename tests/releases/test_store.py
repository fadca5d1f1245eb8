from dataclasses import replace
from pathlib import Path

from tests.releases.parcel import manifest

from fleetloop.core.db import Database
from fleetloop.releases import Kind, Release, Shipped, Signer, store


def release(folder: Path, version: str = "1.0.0", component: str = "application") -> Release:
    made = manifest(folder, version=version, component=component)
    return Release(0, "cell", component, version, "s" * 64, "k" * 64, made, 5.0, "ann")


def shipped(revision: str = "b", kind: Kind = Kind.IMAGE) -> Shipped:
    return Shipped(0, 0, revision, kind, "application", f"cell-{revision}.img", 3, "a" * 64, "b" * 40, "c" * 32, 5.0)


def test_a_release_comes_back_whole(db: Database, tmp_path: Path) -> None:
    one = release(tmp_path)
    files = {"README.md": (3, "d" * 64), "evidence/bom-b.cdx.json": (2, "e" * 64)}
    kept = db.write_now(lambda tx: store.add(tx, one, [shipped(), shipped("a", Kind.FILE)], files))
    assert kept == replace(one, id=kept.id)
    assert db.read_now(lambda reader: store.find(reader, "cell", "1.0.0")) == kept
    assert db.read_now(lambda reader: store.get(reader, kept.id)) == kept
    told = db.read_now(lambda reader: store.shipped(reader, kept.id))
    assert [(s.release, s.revision, s.kind, s.size) for s in told] == [
        (kept.id, "b", Kind.IMAGE, 3),
        (kept.id, "a", Kind.FILE, 3),
    ]
    rows = db.read_now(lambda reader: store.files(reader, kept.id))
    assert [(r["path"], r["size"]) for r in rows] == [("README.md", 3), ("evidence/bom-b.cdx.json", 2)]


def test_what_is_not_there_is_not_found(db: Database, tmp_path: Path) -> None:
    kept = db.write_now(lambda tx: store.add(tx, release(tmp_path), [shipped()], {}))
    for product, version, component in (
        ("cell", "1.0.1", "application"),
        ("other", "1.0.0", "application"),
        ("cell", "1.0.0", "modem"),
    ):
        assert db.read_now(lambda reader, p=product, v=version, c=component: store.find(reader, p, v, c)) is None
    assert db.read_now(lambda reader: store.get(reader, kept.id + 1)) is None


def test_newest_first(db: Database, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        db.write_now(lambda tx, v=version: store.add(tx, release(tmp_path, v), [shipped()], {}))
    assert [r.version for r in db.read_now(store.all_of)] == ["1.1.0", "1.0.0"]
    assert db.read_now(lambda reader: store.all_of(reader, "other")) == []
    assert len(db.read_now(store.shipped)) == 2


def test_a_key_is_trusted_for_its_product_and_once(db: Database) -> None:
    key = Signer("k1", "cell", "PEM", "ann", 5.0)
    for one in (
        key,
        replace(key, added_by="bob"),
        replace(key, product="other"),
        replace(key, key_id="k2", added_at=1.0),
    ):
        db.write_now(lambda tx, one=one: store.trust(tx, one))
    assert [s.key_id for s in db.read_now(lambda reader: store.trusted(reader, "cell"))] == ["k2", "k1"]
    assert db.read_now(lambda reader: store.trusted(reader, "cell"))[1] == key
    assert db.read_now(lambda reader: store.trusted(reader, "nothing")) == []
