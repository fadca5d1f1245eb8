"""What is shipped, and the proof of it: bundles read and verified, releases, artifacts, trusted keys.

It is *not* where bundles are made (`fleetloop.pipelines`) nor who gets them (`fleetloop.rollouts`). The server verifies
and cannot sign.
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.releases.bundle import ENVELOPE as ENVELOPE
    from fleetloop.releases.bundle import MANIFEST as MANIFEST
    from fleetloop.releases.bundle import README as README
    from fleetloop.releases.bundle import SIGSTORE as SIGSTORE
    from fleetloop.releases.bundle import STATEMENT as STATEMENT
    from fleetloop.releases.bundle import BadBundleError as BadBundleError
    from fleetloop.releases.bundle import Bundle as Bundle
    from fleetloop.releases.bundle import Entry as Entry
    from fleetloop.releases.bundle import decode as decode
    from fleetloop.releases.bundle import encode as encode
    from fleetloop.releases.bundle import measure as measure
    from fleetloop.releases.bundle import pack as pack
    from fleetloop.releases.bundle import read as read
    from fleetloop.releases.bundle import unpack as unpack
    from fleetloop.releases.model import Artifact as Artifact
    from fleetloop.releases.model import Kind as Kind
    from fleetloop.releases.model import Manifest as Manifest
    from fleetloop.releases.model import Policy as Policy
    from fleetloop.releases.model import Release as Release
    from fleetloop.releases.model import ReleasePublished as ReleasePublished
    from fleetloop.releases.model import Shipped as Shipped
    from fleetloop.releases.model import Signer as Signer
    from fleetloop.releases.model import Tested as Tested
    from fleetloop.releases.policy import check as check
    from fleetloop.releases.policy import faults as faults
    from fleetloop.releases.proof import Proof as Proof
    from fleetloop.releases.service import Evidence as Evidence
    from fleetloop.releases.service import Releases as Releases
    from fleetloop.releases.service import artifacts_for as artifacts_for
    from fleetloop.releases.service import get_release as get_release
    from fleetloop.releases.store import all_of as all_of
    from fleetloop.releases.trust import MEDIA_TYPE as MEDIA_TYPE
    from fleetloop.releases.trust import PAYLOAD_TYPE as PAYLOAD_TYPE
    from fleetloop.releases.trust import PREDICATE_TYPE as PREDICATE_TYPE
    from fleetloop.releases.trust import STATEMENT_TYPE as STATEMENT_TYPE
    from fleetloop.releases.trust import load_key as load_key
    from fleetloop.releases.trust import pae as pae
    from fleetloop.releases.trust import verify as verify
    from fleetloop.releases.view import RELEASE_PARTS as RELEASE_PARTS
    from fleetloop.releases.view import ReleaseList as ReleaseList
    from fleetloop.releases.view import ReleaseShown as ReleaseShown
    from fleetloop.releases.view import RolledOut as RolledOut
    from fleetloop.releases.view import release_listed as release_listed
    from fleetloop.releases.view import release_page as release_page

_FILES = {
    "bundle": "ENVELOPE MANIFEST README SIGSTORE STATEMENT BadBundleError Bundle Entry decode encode measure pack read "
    "unpack",
    "model": "Artifact Kind Manifest Policy Release ReleasePublished Shipped Signer Tested",
    "policy": "check faults",
    "proof": "Proof",
    "service": "Evidence Releases artifacts_for get_release",
    "store": "all_of",
    "trust": "MEDIA_TYPE PAYLOAD_TYPE PREDICATE_TYPE STATEMENT_TYPE load_key pae verify",
    "view": "RELEASE_PARTS ReleaseList ReleaseShown RolledOut release_listed release_page",
}
__all__ = [
    "ENVELOPE", "MANIFEST", "MEDIA_TYPE", "PAYLOAD_TYPE", "PREDICATE_TYPE", "README", "RELEASE_PARTS", "SIGSTORE",
    "STATEMENT", "STATEMENT_TYPE", "Artifact", "BadBundleError", "Bundle", "Entry", "Evidence", "Kind", "Manifest",
    "Policy", "Proof", "Release", "ReleaseList", "ReleasePublished", "ReleaseShown", "Releases", "RolledOut", "Shipped",
    "Signer", "Tested", "all_of", "artifacts_for", "check", "decode", "encode", "faults", "get_release", "load_key",
    "measure", "pack", "pae", "read", "release_listed", "release_page", "unpack", "verify",
]  # fmt: skip
__getattr__ = lazy("fleetloop.releases", {name: file for file, names in _FILES.items() for name in names.split()})
