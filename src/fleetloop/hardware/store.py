"""Products and revisions in the control database."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from fleetloop.core.db import Reader, Tx
from fleetloop.core.errors import ConflictError, NotFoundError
from fleetloop.core.tables import table
from fleetloop.hardware.model import Product, Revision, State, UnknownRevisionError

products = table(
    "hardware", "products",
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("poll_s", sa.Integer, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "name"),
)  # fmt: skip
revisions = table(
    "hardware", "revisions",
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "product", "name"),
)  # fmt: skip


def create_product(tx: Tx, product: Product) -> None:
    """Raises `ConflictError` for a name that is taken."""
    if _find_product(tx, product.name):
        raise ConflictError(f"there is a product {product.name!r} already")
    tx.execute(sa.insert(products).values(vars(product)))


def get_product(reader: Reader, name: str) -> Product:
    """Raises `NotFoundError` that names the command."""
    if not (found := _find_product(reader, name)):
        raise NotFoundError(f"there is no product {name!r}; `fleetloop product add {name}` makes one")
    return found


def list_products(reader: Reader) -> list[Product]:
    """All, by name."""
    return [_product(row) for row in reader.all(sa.select(products).order_by(products.c.name))]


def create_revision(tx: Tx, revision: Revision) -> None:
    """Raises `NotFoundError` for an unknown product, `ConflictError` for a name that is taken."""
    get_product(tx, revision.product)
    if any(known.name == revision.name for known in list_revisions(tx, revision.product)):
        raise ConflictError(f"{revision.product} has a revision {revision.name!r} already")
    tx.execute(sa.insert(revisions).values(vars(revision) | {"state": revision.state.value}))


def list_revisions(reader: Reader, product: str) -> list[Revision]:
    """Those of ``product``, by name; none for an unknown one."""
    wanted = sa.select(revisions).where(revisions.c.product == product).order_by(revisions.c.name)
    return [Revision(row["product"], row["name"], State(row["state"]), row["created_at"]) for row in reader.all(wanted)]


def check_revision(reader: Reader, product: str, revision: str) -> None:
    """Raises `NotFoundError` for an unknown product, `UnknownRevisionError` naming the known ones and the command."""
    get_product(reader, product)
    known = [each.name for each in list_revisions(reader, product)]
    if revision not in known:
        there = f"it has {', '.join(known)}" if known else "it has none yet"
        command = f"`fleetloop revision add {product} {revision}` makes it known"
        raise UnknownRevisionError(f"{product} has no hardware revision {revision!r}; {there}; {command}")


def _find_product(reader: Reader, name: str) -> Product | None:
    row = reader.first(sa.select(products).where(products.c.name == name))
    return _product(row) if row else None


def _product(row: Mapping[str, Any]) -> Product:
    return Product(row["name"], row["poll_s"], row["created_at"])
