"""Reading a bundle from a folder or a tar without being hurt."""

import dataclasses
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.releases.parcel import make

from fleetloop import releases
from fleetloop.releases import (
    Artifact,
    BadBundleError,
    Bundle,
    Kind,
    Manifest,
    Policy,
    encode,
    pack,
    read,
    unpack,
)
from fleetloop.releases import bundle as module
from fleetloop.releases.bundle import decode

PARTS = ("release.json", "statement.json", "statement.dsse.json", "statement.sigstore.json")


def packed(bundle: Bundle) -> bytes:
    stream = io.BytesIO()
    pack(bundle, stream)
    return stream.getvalue()


def tar(change: Callable[[tarfile.TarFile], None], folder: Path, form: int = tarfile.USTAR_FORMAT) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as made:
        for name in PARTS:
            made.add(folder / name, name)
        change(made)
    stream.seek(0)
    return stream


def test_a_tar_brings_the_folder_back_and_is_always_the_same(tmp_path: Path) -> None:
    bundle = read(make(tmp_path / "one"))
    raw = packed(bundle)
    again = unpack(io.BytesIO(raw), tmp_path / "two")
    assert (again.manifest, again.files) == (bundle.manifest, bundle.files)
    assert packed(read(tmp_path / "two")) == raw == packed(again)


def test_gnu_tar_of_a_person_is_read_too(tmp_path: Path) -> None:
    folder = make(tmp_path / "one")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as made:
        made.add(folder, ".")
    stream.seek(0)
    assert unpack(stream, tmp_path / "two").files == read(folder).files


def member(
    name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = ""
) -> Callable[[tarfile.TarFile], None]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return lambda made: made.addfile(info, io.BytesIO(bytes(size)) if size else None)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (member("../evil"), "a file named '../evil'"),
        (member("/etc/passwd"), "a file named '/etc/passwd'"),
        (member("a/../../b"), "a file named 'a/../../b'"),
        (member("a//b"), "a file named"),
        (member(".hidden"), "a file named '.hidden'"),
        (member("x\ny"), "a file named"),
        (member("a" * 201), "is a link, a device or an extension"),
        (member("link", tarfile.SYMTYPE, link="/etc/passwd"), "'link' is a link, a device or an extension"),
        (member("hard", tarfile.LNKTYPE, link="release.json"), "'hard' is a link, a device or an extension"),
        (member("tty", tarfile.CHRTYPE), "'tty' is a link, a device or an extension"),
        (member("pipe", tarfile.FIFOTYPE), "'pipe' is a link"),
        (member("release.json"), "has 'release.json' twice"),
        (member("release.json/x"), "is a file and a folder at once"),
    ],
)
def test_a_hostile_tar_is_refused(change: Callable[[tarfile.TarFile], None], text: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "one")
    with pytest.raises(BadBundleError) as caught:
        unpack(tar(change, folder, tarfile.GNU_FORMAT), tmp_path / "two")
    assert text in str(caught.value)
    assert caught.value.code == "bad-bundle"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "one")
    raw = packed(read(folder))
    monkeypatch.setattr(module, "MAX_TOTAL", 100)
    with pytest.raises(BadBundleError, match="more than 100 bytes"):
        unpack(io.BytesIO(raw), tmp_path / "two")
    with pytest.raises(BadBundleError, match="more than 100 bytes"):
        read(folder)
    monkeypatch.setattr(module, "MAX_TOTAL", 1 << 20)
    monkeypatch.setattr(module, "MAX_FILES", 3)
    with pytest.raises(BadBundleError, match="more than 3 files"):
        unpack(io.BytesIO(raw), tmp_path / "three")


def test_a_header_that_lies_about_its_length_writes_nothing_beyond_the_bound(tmp_path: Path) -> None:
    info = tarfile.TarInfo("release.json")
    info.size = 8 << 30
    with pytest.raises(BadBundleError, match="more than 1073741824 bytes"):
        unpack(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT)), tmp_path / "two")


def test_half_a_tar(tmp_path: Path) -> None:
    raw = packed(read(make(tmp_path / "one")))
    for cut in (0, 100, 512, 600, len(raw) // 2):
        with pytest.raises(BadBundleError, match="ends in the middle"):
            unpack(io.BytesIO(raw[:cut]), tmp_path / f"cut{cut}")


def test_a_file_is_missing(tmp_path: Path) -> None:
    folder = make(tmp_path / "one")
    (folder / "statement.json").unlink()
    with pytest.raises(BadBundleError, match=r"lacks statement.json; expected what `fleetloop run` wrote"):
        read(folder)
    with pytest.raises(BadBundleError, match="is not a folder"):
        read(tmp_path / "none")


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "one")
    (folder / "more").symlink_to("/etc")
    with pytest.raises(BadBundleError, match="more is a link or a device"):
        read(folder)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2048), st.integers(0, 4000))
def test_damaged_bytes_end_in_one_kind_of_error(tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int) -> None:
    base = tmp_path_factory.mktemp("fuzz")
    raw = bytearray(packed(read(make(base / "one"))))
    raw[at : at + len(junk)] = junk
    try:
        found = unpack(io.BytesIO(bytes(raw)), base / "two")
    except BadBundleError:
        return
    assert all((base / "two" / name).is_file() for name in found.files)


texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers(0, 1 << 40)
artifacts = st.builds(Artifact, texts, st.sampled_from(Kind), texts, numbers, texts, texts)
tests = st.builds(releases.Tested, texts, texts, numbers, numbers, numbers, numbers, texts, texts)
floats = st.floats(0, 1e12, allow_nan=False)
manifests = st.builds(
    Manifest,
    product=texts, version=texts, commit=texts, committed_at=floats, subject=texts, branch=texts, component=texts, built_at=floats,
    artifacts=st.lists(artifacts, max_size=3).map(tuple),
    tests=st.lists(tests, max_size=3).map(tuple),
    policy=st.builds(Policy, floats, st.lists(texts, max_size=3).map(tuple), floats),
)  # fmt: skip


@given(manifests)
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert decode(encode(manifest)) == manifest


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format": 2}, "has format 2; this program reads 1"),
        ({"sbject": "x"}, "release.json has unknown sbject"),
        ({"commit": 7}, "release.json: commit is '7'; expected str"),
        ({"policy": {"tolerated": True}}, "release.json: policy: tolerated is 'True'; expected float"),
        ({"artifacts": [{"kind": "rom"}]}, "release.json: artifacts lacks path, revision, sha256, size"),
        ({"artifacts": {}}, "release.json: artifacts is '{}'; expected a list"),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(change: dict[str, object], text: str, tmp_path: Path) -> None:
    raw = json.loads((make(tmp_path) / "release.json").read_bytes())
    with pytest.raises(BadBundleError) as caught:
        decode(json.dumps(raw | change).encode())
    assert text in str(caught.value)


def test_a_manifest_that_is_no_json(tmp_path: Path) -> None:
    for raw in (b"{", b"[]", b"\xff", b"[" * 100_000):
        with pytest.raises(BadBundleError):
            decode(raw)


def test_old_bundles_stay_readable() -> None:
    """Fields that were added later have defaults."""
    later = {"component", "built_at"}
    assert {f.name for f in dataclasses.fields(Manifest) if f.default is not dataclasses.MISSING} == later
