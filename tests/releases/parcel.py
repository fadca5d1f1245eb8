"""Small signed bundles, made without the pipeline."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from fleetloop.releases import Artifact, Kind, Manifest, Policy, Tested, encode, load_key, pae

KEY = ec.derive_private_key(12345, ec.SECP256R1())
STRANGER = ec.derive_private_key(54321, ec.SECP256R1())


def public(key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)


def artifact(folder: Path, revision: str, kind: Kind, name: str, content: bytes) -> Artifact:
    path = f"artifacts/{revision}/{name}"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    return Artifact(revision, kind, path, len(content), hashlib.sha256(content).hexdigest())


def manifest(folder: Path, **changes: Any) -> Manifest:
    """Of a bundle with an image and a bill for revision b; the files are written."""
    made = artifact(folder, "b", Kind.IMAGE, "cell-1.0.0-b.img", b"image of b")
    (folder / "evidence").mkdir(exist_ok=True)
    (folder / "evidence/bom-b.cdx.json").write_text("{}")
    values: dict[str, Any] = {
        "product": "cell", "version": "1.0.0", "commit": "c" * 40, "committed_at": 1.7e9, "subject": "Öne", "branch": "main",
        "artifacts": (made,), "tests": (Tested("test.host", "host", 3, 0, 0, 1),), "policy": Policy(0.03),
    }  # fmt: skip
    return Manifest(**values | changes)


def make(folder: Path, key: ec.EllipticCurvePrivateKey = KEY, **changes: Any) -> Path:
    """A signed bundle in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "release.json").write_bytes(encode(manifest(folder, **changes)))
    sign(folder, key)
    return folder


def sign(folder: Path, key: ec.EllipticCurvePrivateKey = KEY, digests: Mapping[str, str] | None = None) -> None:
    """State and sign what lies in ``folder``."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    found = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names if not n.startswith("statement")}
    body = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": n, "digest": {"sha256": d}} for n, d in (digests or found).items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    payload = json.dumps(body).encode()
    signature = base64.b64encode(key.sign(pae(payload), ec.ECDSA(SHA256()))).decode()
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": "application/vnd.in-toto+json"}
    key_id = load_key(public(key)).id
    (folder / "statement.json").write_bytes(payload)
    dsse = envelope | {"signatures": [{"keyid": key_id, "sig": signature}]}
    (folder / "statement.dsse.json").write_text(json.dumps(dsse))
    (folder / "statement.sigstore.json").write_text(
        json.dumps({"dsseEnvelope": envelope | {"signatures": [{"sig": signature}]}})
    )
