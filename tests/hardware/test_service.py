import pytest

from fleetloop.access import Person, Role
from fleetloop.core.clock import SteppedClock
from fleetloop.core.db import Database
from fleetloop.core.errors import ConflictError, InputError, NotFoundError
from fleetloop.hardware import Hardware, UnknownRevisionError, check_revision

ANN = Person("ann", Role.OPERATOR)


@pytest.fixture
def hardware(db: Database, clock: SteppedClock) -> Hardware:
    return Hardware(db, clock)


async def test_products_and_revisions(hardware: Hardware, db: Database, clock: SteppedClock) -> None:
    made = await hardware.add_product(ANN, "coldcell", 3600)
    assert (made.poll_s, made.created_at) == (3600, clock.now())
    for name in ("b", "a"):
        await hardware.add_revision(ANN, "coldcell", name)
    assert [each.name for each in await hardware.revisions("coldcell")] == ["a", "b"]
    assert await hardware.products() == [made]
    await db.read(lambda reader: check_revision(reader, "coldcell", "b"))


async def test_what_is_there_is_not_added_again(hardware: Hardware) -> None:
    await hardware.add_product(ANN, "coldcell")
    await hardware.add_revision(ANN, "coldcell", "a")
    with pytest.raises(ConflictError):
        await hardware.add_product(ANN, "coldcell")
    with pytest.raises(ConflictError):
        await hardware.add_revision(ANN, "coldcell", "a")


async def test_errors_name_the_command(hardware: Hardware, db: Database) -> None:
    with pytest.raises(NotFoundError, match="`fleetloop product add coldcell` makes one"):
        await hardware.add_revision(ANN, "coldcell", "a")
    await hardware.add_product(ANN, "coldcell")
    await hardware.add_revision(ANN, "coldcell", "a")
    with pytest.raises(
        UnknownRevisionError, match="no hardware revision 'z'; it has a; `fleetloop revision add coldcell z`"
    ):
        await db.read(lambda reader: check_revision(reader, "coldcell", "z"))
    assert UnknownRevisionError.code == "unknown-revision"


@pytest.mark.parametrize("name", ["", "../x", "a b", "-a", "x" * 65, "a/b"])
async def test_names(hardware: Hardware, name: str) -> None:
    with pytest.raises(InputError, match="is no name"):
        await hardware.add_product(ANN, name)


@pytest.mark.parametrize("poll_s", [0, -1, 86_400])
async def test_poll_interval(hardware: Hardware, poll_s: int) -> None:
    with pytest.raises(InputError, match="expected 1 to 86399 seconds"):
        await hardware.add_product(ANN, "coldcell", poll_s)
