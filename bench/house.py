"""A whole house for benches: the server's own rooms on SQLite, with a product, a published release and many devices.

Devices, their last contacts and the release are put in by the rooms' own stores; nothing of a rollout is.
"""

import hashlib
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fleetloop.access import Person, Role
from fleetloop.access import store as access
from fleetloop.access.tokens import digest_of
from fleetloop.app.schema import METADATA
from fleetloop.app.settings import ServerSettings
from fleetloop.app.wiring import Rooms, build, load
from fleetloop.core.db import Tx
from fleetloop.fleet.model import NewDevice
from fleetloop.fleet.store import create_devices, set_contacts
from fleetloop.fleet.store import devices as table
from fleetloop.hardware import store as hardware
from fleetloop.hardware.model import Product, Revision, State
from fleetloop.releases import Artifact, Kind, Manifest, Policy, Release
from fleetloop.releases.model import Shipped
from fleetloop.releases.store import add

PRODUCT, VERSION, OLD = "cell", "1.1.0", "1.0.0"
REVISIONS = ("a", "b", "c")
START = float(int(time.time()))  # a server in real time takes devices last heard long ago for silent
ADMIN = Person("bench", Role.ADMIN)
CONTENT = b"x" * 1000
CHUNK = 5_000
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000")


def device(number: int) -> str:
    return f"dev-{number:06}"


def token(number: int) -> str:
    return f"{number:032x}"


async def house(folder: Path, devices: int, **settings: Any) -> Rooms:
    """Rooms with ``devices`` in thirds of the three revisions, all on the old version; loaded, not ticking."""
    rooms = build(ServerSettings(dir=str(folder), **settings))
    METADATA.create_all(rooms.db.engine)
    await rooms.db.write(lambda tx: fill(tx, devices))
    artifact = folder / "artifacts" / hashlib.sha256(CONTENT).hexdigest()
    artifact.parent.mkdir(parents=True, exist_ok=True)
    artifact.write_bytes(CONTENT)
    await load(rooms)
    return rooms


def fill(tx: Tx, devices: int) -> None:
    """Product, release, devices and their tokens."""
    hardware.create_product(tx, Product(PRODUCT, 3600, START))
    for name in REVISIONS:
        hardware.create_revision(tx, Revision(PRODUCT, name, State.APPROVED, START))
    digest = hashlib.sha256(CONTENT).hexdigest()
    manifest = Manifest(
        product=PRODUCT, version=VERSION, commit="c" * 40, committed_at=START, subject="bench", branch="main",
        artifacts=tuple(Artifact(r, Kind.IMAGE, f"artifacts/{r}/cell.img", len(CONTENT), digest) for r in REVISIONS),
        tests=(), policy=Policy(0.03),
    )  # fmt: skip
    release = Release(0, PRODUCT, "application", VERSION, "", "", manifest, START, ADMIN.name)
    shipped = [
        Shipped(0, 0, r, Kind.IMAGE, "application", "cell.img", len(CONTENT), digest, "0" * 40, "0" * 32, START)
        for r in REVISIONS
    ]
    add(tx, release, shipped, {})
    for first in range(0, devices, CHUNK):
        some = range(first, min(first + CHUNK, devices))
        create_devices(tx, [NewDevice(device(n), PRODUCT, REVISIONS[n % 3]) for n in some], START)
        access.replace_device_tokens(tx, {device(n): digest_of(token(n)).hex() for n in some})
    tx.execute(sa.update(table).values(version=OLD, source="heartbeat", wants_attributes=False))
    set_contacts(tx, {device(n): START - n % 3600 for n in range(devices)})


async def again(folder: Path, **settings: Any) -> Rooms:
    """The rooms of a folder that has a house already."""
    rooms = build(ServerSettings(dir=str(folder), **settings))
    await load(rooms)
    return rooms
