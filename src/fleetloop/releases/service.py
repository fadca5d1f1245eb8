"""The verbs of releases: trust a key, let a bundle in, give its bytes out."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fleetloop import hardware
from fleetloop.access import Person, audit
from fleetloop.core.clock import Clock
from fleetloop.core.db import Database, Reader, Tx
from fleetloop.core.errors import ConflictError, NotFoundError
from fleetloop.releases import store
from fleetloop.releases.bundle import STATEMENT, Bundle, Entry, unpack
from fleetloop.releases.model import Kind, Release, ReleasePublished, Shipped, Signer
from fleetloop.releases.trust import FailedPolicyError, TrustedKey, UnknownRevisionError, load_key, verify
from fleetloop.wire import File

CHUNK = 1 << 20
Sums = tuple[str, str]


class VersionExistsError(ConflictError):
    """That version was published with other bytes."""

    code = "version-exists"


@dataclass(frozen=True)
class Evidence:
    """A release with all that proves it: artifacts, evidence files and who signed."""

    release: Release
    shipped: list[Shipped]
    files: list[Mapping[str, Any]]


class Releases:
    """``folder``: where bytes are kept, each file named by its SHA-256."""

    def __init__(self, db: Database, clock: Clock, folder: Path) -> None:
        self._db = db
        self._clock = clock
        self._folder = folder
        self._files: dict[int, File] = {}

    async def load(self) -> None:
        """Fill memory at start; bundles that were half uploaded are thrown away."""
        shutil.rmtree(self._folder / "incoming", ignore_errors=True)
        (self._folder / "incoming").mkdir(parents=True)
        self._learn(await self._db.read(store.shipped))

    async def trust(self, by: Person, product: str, pem: bytes) -> Signer:
        """From now on ``pem`` may sign releases of ``product``. Raises `BadKeyError`."""
        key = load_key(pem)
        signer = Signer(key.id, product, key.pem, by.name, self._clock.now())

        def job(tx: Tx) -> None:
            hardware.get_product(tx, product)
            store.trust(tx, signer)
            audit(tx, by, "trust add", product, key.id)

        await self._db.write(job)
        return signer

    async def trusted(self, product: str) -> list[Signer]:
        """Who may sign for ``product``."""
        return await self._db.read(lambda reader: store.trusted(reader, product))

    async def publish(self, by: Person, stream: BinaryIO) -> Release:
        """Let a bundle in: signature, digests, revisions and policy are checked before anything is kept.

        Raises:
            BadBundleError, UntrustedSignerError, BadSignatureError, WrongDigestError, UnknownRevisionError,
            FailedPolicyError: nothing is kept. VersionExistsError: the version is there with other bytes.
        """
        with tempfile.TemporaryDirectory(dir=self._folder / "incoming") as folder:
            bundle = await asyncio.to_thread(unpack, stream, Path(folder))
            product = bundle.manifest.product
            known = await self._db.read(lambda reader: _known(reader, product))
            signer = (await asyncio.to_thread(verify, bundle, known[0])).key
            _check(bundle, known[1])
            if there := await self._db.read(lambda reader: _there(reader, bundle)):
                return there
            sums = await asyncio.to_thread(self._keep, bundle)
            return await self._db.write(lambda tx: self._publish(tx, by, (bundle, signer, sums)))

    def _publish(self, tx: Tx, by: Person, came: tuple[Bundle, str, Mapping[str, Sums]]) -> Release:
        bundle, signer, sums = came
        manifest = bundle.manifest
        statement = bundle.files[STATEMENT].sha256
        if there := _there(tx, bundle):
            return there
        at = self._clock.now()
        fresh = Release(
            0, manifest.product, manifest.component, manifest.version, statement, signer, manifest, at, by.name
        )
        shipped = [_shipped(bundle, i, sums, at) for i in range(len(manifest.artifacts))]
        inside = {a.path for a in manifest.artifacts}
        rest = {p: (e.size, e.sha256) for p, e in bundle.files.items() if p not in inside}
        release = store.add(tx, fresh, shipped, rest)
        kept = store.shipped(tx, release.id)
        tx.record(ReleasePublished(at, release.product, release.version, release.id))
        audit(tx, by, "release publish", f"{release.product} {release.version}", statement)
        tx.after(lambda: self._learn(kept))
        return release

    async def all(self, product: str | None = None) -> list[Release]:
        """Newest first."""
        return await self._db.read(lambda reader: store.all_of(reader, product))

    async def evidence(self, product: str, version: str) -> Evidence:
        """Raises `NotFoundError`."""

        def job(reader: Reader) -> Evidence:
            release = get_release(reader, product, version)
            return Evidence(release, store.shipped(reader, release.id), store.files(reader, release.id))

        return await self._db.read(job)

    async def open(self, product: str, version: str, path: str) -> tuple[Entry, Path]:
        """A file of the bundle, as it was signed. Raises `NotFoundError`."""
        found = await self.evidence(product, version)
        by_path = {f["path"]: Entry(f["size"], f["sha256"]) for f in found.files}
        by_path |= {a.path: Entry(a.size, a.sha256) for a in found.release.manifest.artifacts}
        if path not in by_path:
            raise NotFoundError(f"{product} {version} has no file {path!r}")
        return by_path[path], self.place(by_path[path].sha256)

    def file(self, key: int) -> tuple[File, Path]:
        """An artifact as devices get it, from memory."""
        file = self._files[key]
        return file, self.place(file.sha256)

    def described(self, key: int) -> File:
        """As `file`, without its place."""
        return self._files[key]

    def _learn(self, shipped: list[Shipped]) -> None:
        for s in shipped:
            self._files[s.id] = File(s.id, s.name, s.size, s.sha256, s.sha1, s.md5, int(s.published_at))

    def place(self, digest: str) -> Path:
        """Where the bytes with this SHA-256 lie."""
        return self._folder / digest[:2] / digest

    def _keep(self, bundle: Bundle) -> dict[str, Sums]:
        """Move every file to its place, durably, before the database knows of it."""
        sums = {a.path: _sums(bundle.path(a.path)) for a in bundle.manifest.artifacts}
        for path, entry in bundle.files.items():
            place = self.place(entry.sha256)
            if place.exists():
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            _sync(bundle.path(path))
            bundle.path(path).replace(place)
            _sync(place.parent)
        return sums


def _known(reader: Reader, product: str) -> tuple[list[TrustedKey], set[str]]:
    hardware.get_product(reader, product)
    revisions = {r.name for r in hardware.list_revisions(reader, product)}
    return [TrustedKey(s.key_id, s.pem) for s in store.trusted(reader, product)], revisions


def _there(reader: Reader, bundle: Bundle) -> Release | None:
    """The release, if just this bundle was published before. Raises `VersionExistsError` for another of its version."""
    manifest = bundle.manifest
    found = store.find(reader, manifest.product, manifest.version, manifest.component)
    if found is None or found.statement == bundle.files[STATEMENT].sha256:
        return found
    raise VersionExistsError(
        f"{manifest.product} {manifest.version} was published with other bytes; a version is published once: "
        "give the new build a new version"
    )


def _check(bundle: Bundle, revisions: set[str]) -> None:
    manifest = bundle.manifest
    if strange := sorted({a.revision for a in manifest.artifacts} - revisions):
        known = ", ".join(sorted(revisions)) or "none"
        raise UnknownRevisionError(
            f"{manifest.product} has no hardware revision {', '.join(strange)}; it has {known}. "
            f"Add it first: fleetloop revision add {manifest.product} {strange[0]}"
        )
    bad = [t.step for t in manifest.tests if t.failed or t.errors]
    if not manifest.tests or bad:
        why = f"tests failed: {', '.join(bad)}" if bad else "no test was run"
        raise FailedPolicyError(f"{manifest.product} {manifest.version} is not published: {why}")


def _shipped(bundle: Bundle, index: int, sums: Mapping[str, Sums], at: float) -> Shipped:
    a = bundle.manifest.artifacts[index]
    sha1, md5 = sums[a.path]
    name = a.path.rsplit("/", 1)[-1]
    return Shipped(0, 0, a.revision, a.kind, a.component, name, a.size, a.sha256, sha1, md5, at)


def _sums(path: Path) -> Sums:
    sha1, md5 = hashlib.sha1(usedforsecurity=False), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha1.update(chunk)
            md5.update(chunk)
    return sha1.hexdigest(), md5.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def get_release(reader: Reader, product: str, version: str) -> Release:
    """Raises `NotFoundError` that names what there is."""
    if found := store.find(reader, product, version):
        return found
    there = ", ".join(r.version for r in store.all_of(reader, product)[:10]) or "none"
    raise NotFoundError(f"there is no release {version} of {product}; published: {there}")


def artifacts_for(reader: Reader, release: Release, kinds: set[Kind] | None = None) -> dict[tuple[str, str], int]:
    """Artifact keys of a release by (hardware revision, kind's word)."""
    found = store.shipped(reader, release.id)
    return {(s.revision, s.kind.value): s.id for s in found if kinds is None or s.kind in kinds}
