import hashlib
import io
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.releases.parcel import KEY, STRANGER, artifact, make, public

from fleetloop import releases as room
from fleetloop.access import Person, Role
from fleetloop.core.clock import SteppedClock
from fleetloop.core.db import Database, Reader, facts_after
from fleetloop.core.errors import FleetloopError, NotFoundError
from fleetloop.releases import Kind, ReleasePublished, Releases, artifacts_for, get_release, pack, read
from fleetloop.releases.service import VersionExistsError

ANN = Person("ann", Role.ADMIN)


def tar(folder: Path) -> BinaryIO:
    spool = io.BytesIO()
    pack(read(folder), spool)
    spool.seek(0)
    return spool


def bundle(folder: Path, **changes: object) -> BinaryIO:
    return tar(make(folder, **changes))


def kept(releases: Releases) -> set[str]:
    return {p.name for p in releases._folder.glob("??/*")}


async def refused(releases: Releases, stream: BinaryIO) -> tuple[str, str]:
    before = kept(releases)
    with pytest.raises(FleetloopError) as caught:
        await releases.publish(ANN, stream)
    assert kept(releases) == before
    assert await releases.all() == []
    assert list((releases._folder / "incoming").iterdir()) == []
    return caught.value.code, str(caught.value)


async def test_a_good_bundle_passes_the_door(
    releases: Releases, db: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    release = await releases.publish(ANN, bundle(tmp_path / "b"))
    assert (release.product, release.version, release.published_by, release.published_at) == (
        "cell",
        "1.0.0",
        "ann",
        clock.now(),
    )
    assert release.statement == hashlib.sha256((tmp_path / "b/statement.json").read_bytes()).hexdigest()

    def facts(reader: Reader) -> list[object]:
        return [r.fact for r in facts_after(reader, 0, ["ReleasePublished"])]

    assert await db.read(facts) == [ReleasePublished(clock.now(), "cell", "1.0.0", release.id)]
    found = await releases.evidence("cell", "1.0.0")
    [one] = found.shipped
    assert (one.revision, one.kind, one.name, one.size) == ("b", Kind.IMAGE, "cell-1.0.0-b.img", 10)
    assert (one.sha1, one.md5) == (hashlib.sha1(b"image of b").hexdigest(), hashlib.md5(b"image of b").hexdigest())
    assert [f["path"] for f in found.files] == [
        "evidence/bom-b.cdx.json", "release.json", "statement.dsse.json", "statement.json", "statement.sigstore.json",
    ]  # fmt: skip


async def test_devices_get_the_bytes_that_were_signed(releases: Releases, tmp_path: Path) -> None:
    await releases.publish(ANN, bundle(tmp_path / "b"))
    [one] = (await releases.evidence("cell", "1.0.0")).shipped
    file, path = releases.file(one.id)
    assert (file.name, file.size, file.sha256, path.read_bytes()) == (one.name, 10, one.sha256, b"image of b")
    entry, place = await releases.open("cell", "1.0.0", "release.json")
    assert place.read_bytes() == (tmp_path / "b/release.json").read_bytes()
    assert entry.sha256 == hashlib.sha256(place.read_bytes()).hexdigest()
    with pytest.raises(NotFoundError, match=r"cell 1\.0\.0 has no file '\.\./secret'"):
        await releases.open("cell", "1.0.0", "../secret")


async def test_the_same_bundle_again_changes_nothing(releases: Releases, tmp_path: Path) -> None:
    first = await releases.publish(ANN, bundle(tmp_path / "b"))
    again = await releases.publish(ANN, tar(tmp_path / "b"))
    assert again == first
    assert len(await releases.all("cell")) == 1


async def test_a_version_is_published_once(releases: Releases, tmp_path: Path) -> None:
    await releases.publish(ANN, bundle(tmp_path / "b"))
    with pytest.raises(VersionExistsError, match="give the new build a new version"):
        await releases.publish(ANN, bundle(tmp_path / "other", subject="built again"))


async def test_an_untrusted_signer_is_told_the_command(releases: Releases, tmp_path: Path) -> None:
    code, text = await refused(releases, bundle(tmp_path / "b", key=STRANGER))
    assert (code, "fleetloop trust add cell" in text) == ("untrusted-signer", True)
    await releases.trust(ANN, "cell", public(STRANGER))
    await releases.publish(ANN, tar(tmp_path / "b"))
    assert len(await releases.trusted("cell")) == 2


async def test_a_key_is_trusted_for_its_own_product(releases: Releases, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="other"):
        await releases.trust(ANN, "other", public())
    code, _ = await refused(releases, bundle(tmp_path / "b", product="other"))
    assert code == "not-found"


async def test_a_bundle_edited_after_signing(releases: Releases, tmp_path: Path) -> None:
    folder = make(tmp_path / "b")
    (folder / "evidence/bom-b.cdx.json").write_text('{"edited": true}')
    code, text = await refused(releases, tar(folder))
    assert (code, "evidence/bom-b.cdx.json" in text) == ("wrong-digest", True)


async def test_an_unknown_revision_names_the_command(releases: Releases, tmp_path: Path) -> None:
    strange = (artifact(tmp_path / "b", "z", Kind.IMAGE, "cell-z.img", b"z"),)
    code, text = await refused(releases, bundle(tmp_path / "b", artifacts=strange))
    assert code == "unknown-revision"
    assert text == "cell has no hardware revision z; it has b. Add it first: fleetloop revision add cell z"


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ((), "no test was run"),
        ((room.Tested("test.host", "host", 3, 1, 0, 0),), "tests failed: test.host"),
        (
            (room.Tested("test.host", "host", 3, 0, 0, 0), room.Tested("test.emulator", "emulator", 1, 0, 2, 0)),
            "tests failed: test.emulator",
        ),
    ],
)
async def test_what_was_not_proven_is_not_published(
    releases: Releases, tmp_path: Path, tests: tuple[room.Tested, ...], why: str
) -> None:
    code, text = await refused(releases, bundle(tmp_path / "b", tests=tests))
    assert (code, text) == ("failed-policy", f"cell 1.0.0 is not published: {why}")


async def test_what_is_no_bundle(releases: Releases) -> None:
    for stream in (b"", b"nonsense" * 200):
        assert (await refused(releases, io.BytesIO(stream)))[0] == "bad-bundle"


async def test_a_restart_throws_away_what_was_half_uploaded(
    releases: Releases, db: Database, clock: SteppedClock, tmp_path: Path
) -> None:
    await releases.publish(ANN, bundle(tmp_path / "b"))
    (releases._folder / "incoming" / "half").mkdir()
    again = Releases(db, clock, releases._folder)
    await again.load()
    assert list((releases._folder / "incoming").iterdir()) == []
    [one] = (await again.evidence("cell", "1.0.0")).shipped
    assert again.file(one.id)[1].read_bytes() == b"image of b"


async def test_what_higher_rooms_ask_inside_their_transactions(
    releases: Releases, db: Database, tmp_path: Path
) -> None:
    release = await releases.publish(ANN, bundle(tmp_path / "b", key=KEY))
    [one] = (await releases.evidence("cell", "1.0.0")).shipped
    assert await db.read(lambda reader: artifacts_for(reader, release)) == {("b", "image"): one.id}
    assert await db.read(lambda reader: artifacts_for(reader, release, {Kind.FILE})) == {}
    assert await db.read(lambda reader: get_release(reader, "cell", "1.0.0")) == release

    def missing(reader: Reader) -> None:
        get_release(reader, "cell", "9.9.9")

    with pytest.raises(NotFoundError, match=r"there is no release 9\.9\.9 of cell; published: 1\.0\.0"):
        await db.read(missing)
