"""Releases, artifacts and trusted keys as rows; the bytes lie in a folder, named by their SHA-256."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.core.tables import Key, table, values
from fleetloop.releases.bundle import decode, encode
from fleetloop.releases.model import Kind, Release, Shipped, Signer

keys = table(
    "releases",
    "trusted_keys",
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("product", sa.Text, primary_key=True),
    sa.Column("pem", sa.Text, nullable=False),
    sa.Column("added_by", sa.Text, nullable=False),
    sa.Column("added_at", sa.Double, nullable=False),
)
releases = table(
    "releases",
    "releases",
    sa.Column("id", Key, primary_key=True),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("component", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("statement", sa.Text, nullable=False),
    sa.Column("signer", sa.Text, nullable=False),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("published_at", sa.Double, nullable=False),
    sa.Column("published_by", sa.Text, nullable=False),
    sa.UniqueConstraint("product", "component", "version"),
)
artifacts = table(
    "releases",
    "artifacts",
    sa.Column("id", Key, primary_key=True),
    sa.Column("release", Key, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("component", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("sha1", sa.Text, nullable=False),
    sa.Column("md5", sa.Text, nullable=False),
    sa.Column("published_at", sa.Double, nullable=False),
    sa.UniqueConstraint("release", "revision", "kind", "component"),
)
evidence = table(
    "releases",
    "evidence",
    sa.Column("release", Key, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
)


def trust(tx: Tx, key: Signer) -> None:
    """Add ``key``; the same key for the same product again changes nothing."""
    known = tx.first(sa.select(keys).where(keys.c.key_id == key.key_id, keys.c.product == key.product))
    if known is None:
        tx.execute(sa.insert(keys).values(asdict(key)))


def trusted(reader: Reader, product: str) -> list[Signer]:
    """The keys that may sign for ``product``."""
    rows = reader.all(sa.select(keys).where(keys.c.product == product).order_by(keys.c.added_at))
    return [Signer(**values(row)) for row in rows]


def add(tx: Tx, release: Release, shipped: list[Shipped], files: Mapping[str, tuple[int, str]]) -> Release:
    """Insert a release with its artifacts and its evidence files (path: size and SHA-256)."""
    number = tx.insert(
        sa.insert(releases).values(
            product=release.product,
            component=release.component,
            version=release.version,
            statement=release.statement,
            signer=release.signer,
            manifest=encode(release.manifest).decode(),
            published_at=release.published_at,
            published_by=release.published_by,
        )
    )
    tx.execute(sa.insert(artifacts), [_artifact_row(number, s) for s in shipped])
    if files:
        rows = [{"release": number, "path": p, "size": n, "sha256": d} for p, (n, d) in files.items()]
        tx.execute(sa.insert(evidence), rows)
    return replace(release, id=number)


def _artifact_row(release: int, s: Shipped) -> dict[str, Any]:
    row = asdict(s) | {"release": release, "kind": s.kind.value}
    return {k: v for k, v in row.items() if k != "id"}


def find(reader: Reader, product: str, version: str, component: str = "application") -> Release | None:
    """The release of that version, or None."""
    same = (releases.c.product == product, releases.c.version == version, releases.c.component == component)
    row = reader.first(sa.select(releases).where(*same))
    return None if row is None else _release(row)


def get(reader: Reader, number: int) -> Release | None:
    """The release with that key, or None."""
    row = reader.first(sa.select(releases).where(releases.c.id == number))
    return None if row is None else _release(row)


def all_of(reader: Reader, product: str | None = None) -> list[Release]:
    """Newest first."""
    wanted = sa.select(releases).order_by(releases.c.id.desc())
    return [_release(r) for r in reader.all(wanted if product is None else wanted.where(releases.c.product == product))]


def shipped(reader: Reader, release: int | None = None) -> list[Shipped]:
    """The artifacts of one release, or of all."""
    wanted = sa.select(artifacts).order_by(artifacts.c.id)
    rows = reader.all(wanted if release is None else wanted.where(artifacts.c.release == release))
    return [_shipped(row) for row in rows]


def _shipped(row: Mapping[str, Any]) -> Shipped:
    made: dict[str, Any] = values(row) | {"kind": Kind(row["kind"])}
    return Shipped(**made)


def files(reader: Reader, release: int) -> list[Mapping[str, Any]]:
    """Evidence files: path, size, sha256."""
    rows = reader.all(sa.select(evidence).where(evidence.c.release == release).order_by(evidence.c.path))
    return [{"path": row["path"], "size": row["size"], "sha256": row["sha256"]} for row in rows]


def _release(row: Mapping[str, Any]) -> Release:
    return Release(
        id=row["id"],
        product=row["product"],
        component=row["component"],
        version=row["version"],
        statement=row["statement"],
        signer=row["signer"],
        manifest=decode(row["manifest"].encode()),
        published_at=row["published_at"],
        published_by=row["published_by"],
    )
