# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false, reportUnknownMemberType=false
# (the library's decorators hide its parameters and fields from the type checker)
"""CycloneDX 1.6 from the files a compiler read and the product's word on whose they are. Pure but for the schema.

``components.toml``: ``[[component]]`` with name, files (patterns; the first that fits counts) and, if it has them,
version, license, purl, cpe. A file that no component claims is an error: nothing is left out unseen.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fleetloop.core.config import Document, build, read
from fleetloop.core.errors import FailedError

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:fleetloop:bom")
MATCHABLE = frozenset({"pypi", "npm", "golang", "cargo", "maven", "nuget", "gem", "deb", "apk", "rpm"})
"""Kinds of package address that advisories exist for; ``generic`` and ``github`` match nothing anywhere."""


class UnknownFileError(FailedError):
    """A file went into the firmware that no component claims."""

    code = "unknown-component"


class InvalidBomError(FailedError):
    """The bill of materials is not valid CycloneDX."""

    code = "invalid-bom"


@dataclass(frozen=True)
class Part:
    """One ``[[component]]``."""

    name: str
    files: tuple[str, ...]
    version: str = ""
    license: str = ""
    purl: str = ""
    cpe: str = ""

    @property
    def matchable(self) -> bool:
        """Whether an advisory can name it."""
        return bool(self.cpe) or self.purl.removeprefix("pkg:").partition("/")[0] in MATCHABLE


@dataclass(frozen=True)
class Subject:
    """What the bill is for. ``payload``: SHA-256 of the program in hex; ``at``: seconds since 1970."""

    product: str
    version: str
    revision: str
    commit: str
    payload: str
    at: float


def declared(path: Path) -> list[Part]:
    """Raises `ConfigError` naming the line."""
    document = read(path)
    rows = document.values.get("component", [])
    if not isinstance(rows, list) or set(document.values) - {"component"}:
        raise document.fail((), "expected tables [[component]] and nothing else")
    return [_part(document, row) for row in cast("list[dict[str, Any]]", rows)]


def lay(sources: Mapping[str, str], parts: Sequence[Part]) -> dict[str, list[str]]:
    """Digests of the files by the name of their component; raises `UnknownFileError`."""
    found: dict[str, list[str]] = {}
    unknown: list[str] = []
    for name, digest in sources.items():
        owner = next((p for p in parts if any(fnmatchcase(name, pattern) for pattern in p.files)), None)
        if owner:
            found.setdefault(owner.name, []).append(digest)
        else:
            unknown.append(name)
    if unknown:
        shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise UnknownFileError(f"no component claims {shown}; add a pattern for it to components.toml")
    return found


def text(subject: Subject, sources: Mapping[str, str], parts: Sequence[Part]) -> tuple[str, str]:
    """(the document, ``"n of m"`` components matchable). Raises `InvalidBomError`, `UnknownFileError`."""
    from cyclonedx.output.json import JsonV1Dot6

    laid = lay(sources, parts)
    used = [part for part in parts if part.name in laid]
    quality = f"{sum(part.matchable for part in used)} of {len(used)}"
    bom = _bom(subject, quality)
    made = [_component(part, laid[part.name], subject.version) for part in used]
    bom.components.update(made)
    bom.register_dependency(cast("Component", bom.metadata.component), made)
    written = JsonV1Dot6(bom).output_as_string(indent=1)
    check(written)
    return written, quality


def check(written: str) -> None:
    """Strict, against the schema that the library brings; raises `InvalidBomError`."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(written):
        raise InvalidBomError(f"the bill of materials is not valid CycloneDX 1.6: {str(fault)[:300]}")


def _part(document: Document, row: dict[str, Any]) -> Part:
    return build(Part, document, ("component",), row)


def _bom(subject: Subject, quality: str) -> "Bom":
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType

    seed = json.dumps([subject.product, subject.version, subject.revision, subject.commit, subject.payload])
    bom = Bom(serial_number=uuid.uuid5(NAMESPACE, seed))
    bom.metadata.timestamp = datetime.fromtimestamp(subject.at, UTC)
    bom.metadata.component = Component(
        name=subject.product,
        version=subject.version,
        type=ComponentType.FIRMWARE,
        bom_ref="firmware",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=subject.payload)],
        properties=[
            Property(name="fleetloop:revision", value=subject.revision),
            Property(name="fleetloop:commit", value=subject.commit),
            Property(name="fleetloop:matchable", value=quality),
        ],
    )
    return bom


def _component(part: Part, files: list[str], version: str) -> "Component":
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import LicenseExpression
    from packageurl import PackageURL

    together = hashlib.sha256("".join(sorted(files)).encode()).hexdigest()
    return Component(
        name=part.name,
        version=part.version or version,
        type=ComponentType.LIBRARY,
        bom_ref=part.name,
        purl=PackageURL.from_string(part.purl) if part.purl else None,
        cpe=part.cpe or None,
        licenses=[LicenseExpression(part.license)] if part.license else [],
        properties=[
            Property(name="fleetloop:files", value=str(len(files))),
            Property(name="fleetloop:sha256-of-files", value=together),
        ],
    )
