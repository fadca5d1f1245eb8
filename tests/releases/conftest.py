from pathlib import Path

import pytest
from tests.releases.parcel import public

from fleetloop.access import Person, Role
from fleetloop.core.clock import SteppedClock
from fleetloop.core.db import Database
from fleetloop.hardware import Hardware
from fleetloop.releases import Releases

ANN = Person("ann", Role.ADMIN)


@pytest.fixture
async def releases(db: Database, clock: SteppedClock, tmp_path: Path) -> Releases:
    """A server's releases with the product `cell`, its board `b` and one trusted key."""
    hardware = Hardware(db, clock)
    await hardware.add_product(ANN, "cell", 3600)
    await hardware.add_revision(ANN, "cell", "b")
    made = Releases(db, clock, tmp_path / "kept")
    await made.load()
    await made.trust(ANN, "cell", public())
    return made
