import pytest
import sqlalchemy as sa

from fleetloop.access import Gateway, Person, Role, Tokens
from fleetloop.access.log import find_lines
from fleetloop.core.clock import SteppedClock
from fleetloop.core.db import Database, facts_after
from fleetloop.core.errors import ConflictError, GoneError, InputError, LimitError, NotFoundError
from fleetloop.core.facts import Fact
from fleetloop.fleet import (
    AttributesChanged,
    DeviceAdded,
    DeviceChanged,
    DeviceRetired,
    Fleet,
    NewDevice,
    RevisionMismatched,
    Source,
    VersionCount,
    VersionSeen,
    claim,
    count_versions,
    eligible,
    sight,
    timeline,
)
from fleetloop.hardware import UnknownRevisionError

ANN = Person("ann", Role.OPERATOR)


def new(*ids: str, revision: str = "b") -> list[NewDevice]:
    return [NewDevice(device, "coldcell", revision) for device in ids]


async def facts(db: Database, *kinds: type[Fact]) -> list[Fact]:
    wanted = [kind.__name__ for kind in kinds] or list(Fact.kinds)
    return [each.fact for each in await db.read(lambda reader: facts_after(reader, 0, wanted))]


async def again(db: Database, clock: SteppedClock) -> Fleet:
    """The fleet as it is after a restart."""
    tokens = Tokens()
    await tokens.load(db)
    fleet = Fleet(db, clock, tokens)
    await fleet.load()
    return fleet


async def test_add(fleet: Fleet, db: Database, clock: SteppedClock) -> None:
    one, two = await fleet.add(ANN, new("d1", "d2"))
    assert one != two
    assert fleet.knows("d1")
    assert fleet.wants_attributes("d2")
    found = await fleet.get("d1")
    assert (found.product, found.revision, found.takes, found.version, found.weak) == (
        "coldcell",
        "b",
        "image",
        "",
        True,
    )
    assert (found.created_at, found.last_contact) == (clock.now(), None)
    assert await facts(db, DeviceAdded) == [
        DeviceAdded(clock.now(), d, "coldcell", "b", "", "image") for d in ("d1", "d2")
    ]
    assert (await db.read(find_lines))[0].subject == "2 devices, d1 to d2"


async def test_all_or_none_are_added(fleet: Fleet, tokens: Tokens, db: Database) -> None:
    await fleet.add(ANN, new("d1"))
    with pytest.raises(ConflictError, match="there already: d1; nothing was added"):
        await fleet.add(ANN, new("d0", "d1"))
    assert not fleet.knows("d0")
    assert len(tokens.devices) == 1
    with pytest.raises(UnknownRevisionError):
        await fleet.add(ANN, new("d3", revision="z"))
    with pytest.raises(NotFoundError, match="product add"):
        await fleet.add(ANN, [NewDevice("d3", "other", "b")])
    for bad in ([], new("d3", "d3"), new("a/b"), [NewDevice("d3", "coldcell", "b", takes="../x")]):
        with pytest.raises(InputError):
            await fleet.add(ANN, bad)
    assert len(await facts(db, DeviceAdded)) == 1


async def test_ten_thousand_at_once(fleet: Fleet, tokens: Tokens) -> None:
    await fleet.add(ANN, new(*(f"d{n:05}" for n in range(10_000))))
    assert len(tokens.devices) == 10_000
    page = await fleet.find({}, "d05000", 10)
    assert [device.id for device in page] == [f"d{n:05}" for n in range(5001, 5011)]
    with pytest.raises(InputError, match="expected 1 to 10000"):
        await fleet.add(ANN, new(*(f"e{n:05}" for n in range(10_001))))


async def test_filters(fleet: Fleet, db: Database) -> None:
    await fleet.add(ANN, [*new("d1", "d2"), *new("d3", revision="a")])
    await db.write(lambda tx: sight(tx, "d1", "1.0.0", 1.0, Source.HEARTBEAT))
    assert [d.id for d in await fleet.find({"revision": "b"})] == ["d1", "d2"]
    assert [d.id for d in await fleet.find({"revision": "b", "version": "1.0.0"})] == ["d1"]
    assert [d.id for d in await fleet.find({"product": "other"})] == []
    counts = await db.read(lambda reader: count_versions(reader, "coldcell"))
    assert counts == [VersionCount("a", "", 1), VersionCount("b", "", 1), VersionCount("b", "1.0.0", 1)]


async def test_memory_is_the_same_after_a_restart(fleet: Fleet, db: Database, clock: SteppedClock) -> None:
    await fleet.add(ANN, new("d1", "d2", "d3"))
    await fleet.attributes("d1", "merge", {"k": "v"})
    fleet.touch("d1")
    clock.move(clock.now() + 300)
    fleet.touch("d2")
    await db.write(fleet.flush)
    await fleet.retire(ANN, "d3")
    other = await again(db, clock)
    for device in ("d1", "d2", "d3", "nobody"):
        assert other.knows(device) == fleet.knows(device)
        assert other.last_contact(device) == fleet.last_contact(device)
        assert other.wants_attributes(device) == fleet.wants_attributes(device)
    assert other.last_contact("d2") == clock.now()
    assert (await other.get("d1")).last_contact == clock.now() - 300


async def test_flush_writes_only_what_is_new(fleet: Fleet, db: Database, clock: SteppedClock) -> None:
    await fleet.add(ANN, new("d1"))
    fleet.touch("d1")
    await db.write(fleet.flush)
    assert fleet._fresh == {}
    marks: list[int] = []
    await db.write(lambda tx: (fleet.flush(tx), marks.append(tx.writes)))
    assert marks == [0]


async def test_a_contact_during_a_flush_is_not_lost(fleet: Fleet, db: Database, clock: SteppedClock) -> None:
    await fleet.add(ANN, new("d1"))
    fleet.touch("d1")

    def flush_while_it_polls(tx: object) -> None:
        fleet.flush(tx)  # pyright: ignore[reportArgumentType]
        clock.move(clock.now() + 5)
        fleet.touch("d1")

    await db.write(flush_while_it_polls)
    assert fleet._fresh == {"d1": clock.now()}


async def test_attributes(fleet: Fleet, db: Database, clock: SteppedClock) -> None:
    await fleet.add(ANN, new("d1"))
    await fleet.attributes("d1", "remove", {"x": None})
    assert fleet.wants_attributes("d1")
    await fleet.attributes("d1", "merge", {"b": "2", "a": "1"})
    assert not fleet.wants_attributes("d1")
    await fleet.attributes("d1", "merge", {"b": "2"})
    assert await facts(db, AttributesChanged) == [AttributesChanged(clock.now(), "d1", ("a", "b"))]
    assert (await fleet.get("d1")).attributes == {"a": "1", "b": "2"}
    await db.write(lambda tx: fleet.ask(tx, ["d1", "nobody"]))
    assert fleet.wants_attributes("d1")
    assert not fleet.wants_attributes("nobody")
    assert (await again(db, clock)).wants_attributes("d1")
    await fleet.attributes("d1", "merge", {"b": "2"})
    assert not (await again(db, clock)).wants_attributes("d1")
    with pytest.raises(LimitError):
        await fleet.attributes("d1", "merge", {f"k{n}": "v" for n in range(99)})
    assert len((await fleet.get("d1")).attributes) == 2


async def test_a_version_attribute_is_a_sighting_also_the_same_again(
    fleet: Fleet, db: Database, clock: SteppedClock
) -> None:
    await fleet.add(ANN, new("d1"))
    for version in ("1.0.0", "1.1.0", "1.1.0"):
        await fleet.attributes("d1", "merge", {"version": version})
    await fleet.attributes("d1", "merge", {"other": "thing"})
    await fleet.attributes("d1", "remove", {"version": "9"})
    at = clock.now()
    assert await facts(db, VersionSeen) == [
        VersionSeen(at, "d1", "1.0.0", "", "attribute"),
        VersionSeen(at, "d1", "1.1.0", "1.0.0", "attribute"),
        VersionSeen(at, "d1", "1.1.0", "1.1.0", "attribute"),
    ]
    found = await fleet.get("d1")
    assert (found.version, found.source, found.weak) == ("1.1.0", Source.ATTRIBUTE, True)


async def test_a_heartbeat_makes_evidence_strong_for_good(fleet: Fleet, db: Database) -> None:
    await fleet.add(ANN, new("d1"))
    await db.write(lambda tx: sight(tx, "d1", "1.0.0", 1.0, Source.HEARTBEAT))
    await fleet.attributes("d1", "merge", {"version": "1.0.0"})
    found = await fleet.get("d1")
    assert (found.source, found.weak) == (Source.HEARTBEAT, False)
    assert not await db.write(lambda tx: sight(tx, "nobody", "1.0.0", 1.0, Source.HEARTBEAT))


async def test_another_hardware_revision_is_shown_once(fleet: Fleet, db: Database, clock: SteppedClock) -> None:
    await fleet.add(ANN, new("d1"))
    await fleet.attributes("d1", "merge", {"hwRevision": "B"})
    assert await facts(db, RevisionMismatched) == []
    await db.write(lambda tx: claim(tx, "d1", "", 5.0))
    await db.write(lambda tx: claim(tx, "d1", "c", 5.0))
    await db.write(lambda tx: claim(tx, "d1", "c", 6.0))
    assert await facts(db, RevisionMismatched) == [RevisionMismatched(5.0, "d1", "b", "c")]
    assert (await fleet.get("d1")).told_revision == "c"


async def test_retired(fleet: Fleet, db: Database, tokens: Tokens, clock: SteppedClock) -> None:
    await fleet.add(ANN, new("d1", "d2"))
    await fleet.attributes("d1", "merge", {"k": "v"})
    fleet.touch("d1")
    await fleet.retire(ANN, "d1")
    assert not fleet.knows("d1")
    assert list(tokens.devices.values()) == ["d2"]
    assert (await fleet.get("d1")).retired_at == clock.now()
    assert [d.id for d in await fleet.find({})] == ["d2"]
    assert await facts(db, DeviceRetired) == [DeviceRetired(clock.now(), "d1")]
    with pytest.raises(GoneError):
        await fleet.retire(ANN, "d1")
    with pytest.raises(NotFoundError):
        await fleet.retire(ANN, "nobody")
    await fleet.add(ANN, new("d1", revision="a"))
    back = await fleet.get("d1")
    assert (back.revision, back.attributes, back.retired_at, back.version) == ("a", {}, None, "")


async def test_change(fleet: Fleet, db: Database, clock: SteppedClock) -> None:
    await fleet.add(ANN, new("d1"))
    changed = await fleet.change(ANN, "d1", {"revision": "a", "group": "lab"})
    assert (changed.revision, changed.group) == ("a", "lab")
    assert await fleet.get("d1") == changed
    assert await facts(db, DeviceChanged) == [DeviceChanged(clock.now(), "d1", "coldcell", "a", "lab", "image")]
    with pytest.raises(UnknownRevisionError):
        await fleet.change(ANN, "d1", {"revision": "z"})


async def test_a_gateway_brings_a_device(fleet: Fleet, db: Database) -> None:
    await fleet.register("d1", Gateway("dock", "coldcell", "b"))
    await fleet.register("d1", Gateway("dock", "coldcell", "b"))
    await fleet.register("d2", Gateway("dock"))
    assert fleet.knows("d1")
    assert fleet.wants_attributes("d1")
    assert (await fleet.get("d2")).product == ""
    assert len(await facts(db, DeviceAdded)) == 2
    with pytest.raises(InputError):
        await fleet.register("a b", Gateway("dock"))


async def test_timeline(fleet: Fleet, db: Database, clock: SteppedClock) -> None:
    await fleet.add(ANN, new("d1", "d2"))
    await fleet.attributes("d1", "merge", {"version": "1.0.0", "hwRevision": "c"})
    await fleet.attributes("d1", "merge", {"version": "1.0.0"})
    await fleet.change(ANN, "d1", {"group": "lab"})
    await fleet.retire(ANN, "d1")
    found = await db.read(lambda reader: timeline(reader, "d1"))
    assert [(moment.what, moment.text) for moment in found] == [
        ("added", "coldcell/b"),
        ("attributes", "hwRevision, version"),
        ("version", "1.0.0 (attribute)"),
        ("revision", "says c, registered as b"),
        ("changed", "group lab"),
        ("retired", ""),
    ]
    assert {moment.at for moment in found} == {clock.now()}


async def test_eligible_enters_a_statement_of_a_higher_room(fleet: Fleet, db: Database) -> None:
    await fleet.add(ANN, [*new("d1", "d2", "d3"), *new("d4", revision="a")])
    await fleet.retire(ANN, "d3")
    chosen = eligible("coldcell", ["b"]).subquery()
    rows = await db.read(lambda reader: reader.all(sa.select(chosen).order_by(chosen.c.device)))
    assert [row["device"] for row in rows] == ["d1", "d2"]
    assert set(rows[0]) == {"device", "revision", "grp", "takes", "version", "created_at"}


async def seldom(fleet: Fleet, db: Database, clock: SteppedClock) -> Fleet:
    """A fleet of d1 that writes its contacts once a minute."""
    await fleet.add(ANN, new("d1"))
    made = Fleet(db, clock, Tokens(), lag_s=60.0)
    await made.load()
    return made


async def test_a_device_that_polls_all_the_time_is_written_once_a_lag(
    fleet: Fleet, db: Database, clock: SteppedClock
) -> None:
    fleet = await seldom(fleet, db, clock)
    begun = clock.now()
    for _ in range(10):
        fleet.touch("d1")
        await db.write(fleet.flush)
        clock.move(clock.now() + 10)
    assert fleet.last_contact("d1") == begun + 90
    assert (await again(db, clock)).last_contact("d1") == begun + 60
    await db.write(fleet.flush_all)
    assert (await again(db, clock)).last_contact("d1") == begun + 90


async def test_a_device_that_was_quiet_is_written_at_once(fleet: Fleet, db: Database, clock: SteppedClock) -> None:
    fleet = await seldom(fleet, db, clock)
    fleet.touch("d1")
    await db.write(fleet.flush)
    clock.move(clock.now() + 3600)
    other = await again(db, clock)
    assert other.last_contact("d1") == clock.now() - 3600
    fleet.touch("d1")
    await db.write(fleet.flush)
    assert (await again(db, clock)).last_contact("d1") == clock.now()
