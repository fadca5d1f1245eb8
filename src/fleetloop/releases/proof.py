"""A release's proofs as its page shows them: manifest, signed statement, parts lists, and who trusted the key."""

import asyncio
import json
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from fleetloop.releases import view
from fleetloop.releases.bundle import MAX_JSON, STATEMENT
from fleetloop.releases.model import Release
from fleetloop.releases.service import Evidence, Releases

BILL = ".cdx.json"
QUALITY = re.compile(r"(\d+) of (\d+)")


class Proof:
    """Reads what the bundle brought; nothing is verified again: a release that is here passed the door."""

    def __init__(self, releases: Releases) -> None:
        self._releases = releases

    async def shown(self, product: str, version: str) -> view.ReleaseShown:
        """Raises `NotFoundError`."""
        evidence = await self._releases.evidence(product, version)
        keys = {s.key_id: s for s in await self._releases.trusted(product)}
        key = keys.get(evidence.release.signer)
        read = await asyncio.to_thread(self._read, evidence)
        return shown(
            evidence.release, read, trusted_by=key.added_by if key else "", trusted_at=key.added_at if key else None
        )

    async def all(self) -> list[view.ReleaseShown]:
        """Newest first, without what only a look into the files tells."""
        return [shown(release, {}) for release in await self._releases.all()]

    def _read(self, evidence: Evidence) -> dict[str, Any]:
        files = tuple((str(f["path"]), int(f["size"]), str(f["sha256"])) for f in evidence.files)
        digests = {path: digest for path, size, digest in files if size <= MAX_JSON}
        bills = [self._document(digest) for path, digest in digests.items() if path.endswith(BILL)]
        qualities = [found for bill in bills if (found := quality(bill))]
        statement = self._document(digests.get(STATEMENT, ""))
        subjects = cast("Sequence[object]", statement.get("subject", ()))
        known = {"files": files, "digests": len(subjects)}
        if not qualities:
            return known
        worst = min(qualities, key=lambda q: q[0] - q[1])
        return known | {"matchable": worst[0], "parts": worst[1]}

    def _document(self, digest: str) -> dict[str, Any]:
        place = self._releases.place(digest)
        if not digest or not place.is_file():
            return {}
        try:
            found = json.loads(place.read_bytes())
        except (ValueError, RecursionError):
            return {}
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

    async def bundle(self, product: str, version: str) -> BinaryIO:
        """The bundle as it was signed, as a plain tar. Raises `NotFoundError`."""
        evidence = await self._releases.evidence(product, version)
        return await asyncio.to_thread(self._pack, evidence)

    def _pack(self, evidence: Evidence) -> BinaryIO:
        files = {str(f["path"]): str(f["sha256"]) for f in evidence.files}
        files |= {a.path: a.sha256 for a in evidence.release.manifest.artifacts}
        spool = tempfile.TemporaryFile()  # noqa: SIM115  whoever sends it closes it
        with tarfile.open(fileobj=spool, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
            for name, digest in sorted(files.items()):
                _add(tar, name, self._releases.place(digest))
        spool.seek(0)
        return cast("BinaryIO", spool)


def _add(tar: tarfile.TarFile, name: str, place: Path) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = place.stat().st_size, 0o644
    with place.open("rb") as file:
        tar.addfile(info, file)


def quality(bill: Mapping[str, Any]) -> tuple[int, int] | None:
    """(components that an advisory can name, all), as the pipeline wrote it into the parts list."""
    metadata = cast("dict[str, Any]", bill.get("metadata") or {})
    for holder in (metadata, cast("dict[str, Any]", metadata.get("component") or {})):
        for one in cast("list[dict[str, str]]", holder.get("properties") or []):
            if one.get("name") == "fleetloop:matchable" and (found := QUALITY.fullmatch(one.get("value", ""))):
                return int(found[1]), int(found[2])
    return None


def shown(release: Release, read: Mapping[str, Any], **more: Any) -> view.ReleaseShown:
    """What the release itself says; higher rooms add what became of it."""
    m = release.manifest
    return view.ReleaseShown(
        product=release.product, version=release.version, commit=m.commit, subject=m.subject,
        committed_at=m.committed_at, published_at=release.published_at, published_by=release.published_by,
        signer=release.signer, branch=m.branch, tolerated=m.policy.tolerated,
        artifacts=tuple(view.Artifact(a.revision, a.kind.value, a.path, a.size, a.sha256) for a in m.artifacts),
        tests=tuple(view.Tested(**vars(t)) for t in m.tests),
        **read, **more,
    )  # fmt: skip


def chunks(file: BinaryIO, size: int = 1 << 18) -> Iterator[bytes]:
    """All of ``file``, which is closed at the end."""
    with file:
        while chunk := file.read(size):
            yield chunk
