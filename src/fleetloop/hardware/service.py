"""The verbs of hardware."""

import re

from fleetloop.access import Person, audit
from fleetloop.core.clock import Clock
from fleetloop.core.db import Database, Reader, Tx
from fleetloop.core.errors import InputError
from fleetloop.hardware import store
from fleetloop.hardware.model import Product, Revision, State

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
POLL_S = 300
"""Default poll interval, seconds."""
SHORTEST_POLL_S = 1
LONGEST_POLL_S = 86_399
"""The longest that a device can be told: 23:59:59."""


class Hardware:
    """Products and revisions of one server."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._poll_s: dict[str, int] = {}

    async def load(self) -> None:
        """Fill memory at start."""
        self._poll_s.update((product.name, product.poll_s) for product in await self.products())

    def poll_s(self, product: str) -> int | None:
        """How often devices of ``product`` are to ask, from memory; None for a product that is not there."""
        return self._poll_s.get(product)

    async def add_product(self, by: Person, name: str, poll_s: int = POLL_S) -> Product:
        """Raises `InputError`, `ConflictError` for a name that is taken."""
        if not SHORTEST_POLL_S <= poll_s <= LONGEST_POLL_S:
            raise InputError(f"poll_s is {poll_s}; expected {SHORTEST_POLL_S} to {LONGEST_POLL_S} seconds")
        product = Product(_checked(name), poll_s, self._clock.now())

        def job(tx: Tx) -> Product:
            store.create_product(tx, product)
            audit(tx, by, "product add", name)
            tx.after(lambda: self._poll_s.__setitem__(name, poll_s))
            return product

        return await self._db.write(job)

    async def add_revision(self, by: Person, product: str, name: str) -> Revision:
        """Raises `InputError`, `NotFoundError` for an unknown product, `ConflictError` for a name that is taken."""
        revision = Revision(product, _checked(name), State.APPROVED, self._clock.now())

        def job(tx: Tx) -> Revision:
            store.create_revision(tx, revision)
            audit(tx, by, "revision add", f"{product}/{name}")
            return revision

        return await self._db.write(job)

    async def products(self) -> list[Product]:
        """All, by name."""
        return await self._db.read(store.list_products)

    async def revisions(self, product: str) -> list[Revision]:
        """Those of ``product``, by name. Raises `NotFoundError` for an unknown one."""

        def job(reader: Reader) -> list[Revision]:
            store.get_product(reader, product)
            return store.list_revisions(reader, product)

        return await self._db.read(job)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise InputError(f"{name[:80]!r} is no name; expected up to 64 letters, digits, '.', '_' or '-'")
    return name
