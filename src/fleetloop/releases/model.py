"""Nouns of what is shipped: release, artifact, evidence, trust."""

from dataclasses import dataclass
from enum import Enum

from fleetloop.core.facts import Fact


class Kind(Enum):
    """What an artifact is; a device is offered the kind that its attribute ``takes`` names."""

    IMAGE = "image"
    HOST_LIBRARY = "host-library"
    FILE = "file"


@dataclass(frozen=True)
class Artifact:
    """Bytes for one hardware revision. ``path`` inside the bundle; ``size`` in bytes; digests in lower-case hex."""

    revision: str
    kind: Kind
    path: str
    size: int
    sha256: str
    component: str = "application"


@dataclass(frozen=True)
class Policy:
    """What the product declares of its health; frozen into each rollout."""

    tolerated: float
    """First bad events per device-day."""
    events: tuple[str, ...] = ("crash", "self-test", "silent")
    install_failure: float = 0.05


@dataclass(frozen=True)
class Tested:
    """One test step's result. ``strength``: host < emulator < board; ``on`` names the emulator or board."""

    step: str
    strength: str
    passed: int
    failed: int
    errors: int
    skipped: int
    on: str = ""
    revision: str = ""


@dataclass(frozen=True)
class Manifest:
    """`release.json` of a bundle: all that the server reads of it besides the signed statement."""

    product: str
    version: str
    commit: str
    committed_at: float
    subject: str
    """First line of the commit's message."""
    branch: str
    artifacts: tuple[Artifact, ...]
    tests: tuple[Tested, ...]
    policy: Policy
    component: str = "application"
    built_at: float = 0.0


@dataclass(frozen=True)
class Signer:
    """A public key that may sign for a product; ``key_id`` is the SHA-256 of its DER form."""

    key_id: str
    product: str
    pem: str
    added_by: str
    added_at: float


@dataclass(frozen=True)
class Shipped:
    """An artifact as the server keeps it; ``id`` is its number in download links."""

    id: int
    release: int
    revision: str
    kind: Kind
    component: str
    name: str
    size: int
    sha256: str
    sha1: str
    md5: str
    published_at: float = 0.0


@dataclass(frozen=True)
class Release:
    """One version of a product, published. ``statement``: SHA-256 of the signed payload; ``signer``: key id."""

    id: int
    product: str
    component: str
    version: str
    statement: str
    signer: str
    manifest: Manifest
    published_at: float
    published_by: str


@dataclass(frozen=True)
class ReleasePublished(Fact):
    """A release passed the door."""

    product: str
    version: str
    release: int
