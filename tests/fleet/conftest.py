import pytest

from fleetloop.access import Person, Role, Tokens
from fleetloop.core.clock import SteppedClock
from fleetloop.core.db import Database
from fleetloop.fleet import Fleet
from fleetloop.hardware import Hardware

ANN = Person("ann", Role.OPERATOR)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
async def fleet(db: Database, clock: SteppedClock, tokens: Tokens) -> Fleet:
    hardware = Hardware(db, clock)
    await hardware.add_product(ANN, "coldcell", 3600)
    for name in ("a", "b"):
        await hardware.add_revision(ANN, "coldcell", name)
    return Fleet(db, clock, tokens)
