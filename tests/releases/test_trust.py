"""Every way a bundle can be wrong after signing has its own code and a sentence that says what to do."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.releases.parcel import KEY, STRANGER, make, public, sign

from fleetloop.core.errors import FleetloopError
from fleetloop.releases import load_key, read, verify
from fleetloop.releases.trust import BadKeyError

TRUSTED = [load_key(public())]


def test_what_a_trusted_key_signed_is_vouched_for(tmp_path: Path) -> None:
    found = verify(read(make(tmp_path)), [load_key(public(STRANGER)), *TRUSTED])
    der = KEY.public_key().public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)
    assert found.key == hashlib.sha256(der).hexdigest()
    assert [s["name"] for s in found.statement["subject"]] == [
        "artifacts/b/cell-1.0.0-b.img",
        "evidence/bom-b.cdx.json",
        "release.json",
    ]


def appended(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes() + b" ")

    return change


def rewritten(name: str, change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        body = json.loads((folder / name).read_bytes())
        change(body)
        (folder / name).write_text(json.dumps(body))

    return write


def forged(folder: Path) -> None:
    """Another file, another statement, the old signature."""
    envelope = json.loads((folder / "statement.dsse.json").read_bytes())
    sign(folder, STRANGER)
    payload = (folder / "statement.json").read_bytes() + b" "
    (folder / "statement.json").write_bytes(payload)
    envelope["payload"] = base64.b64encode(payload).decode()
    (folder / "statement.dsse.json").write_text(json.dumps(envelope))


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def added(folder: Path) -> None:
    (folder / "evidence/more.txt").write_text("x")


def manifest_lies(folder: Path) -> None:
    rewritten("release.json", lambda b: b["artifacts"][0].update(size=1))(folder)  # pyright: ignore
    sign(folder)


def other_type(folder: Path) -> None:
    rewritten("statement.dsse.json", lambda b: b.update(payloadType="text/plain"))(folder)


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (lambda f: sign(f, STRANGER), "untrusted-signer", "an administrator adds it: fleetloop trust add cell keys/bundle.pub"),
        (forged, "bad-signature", "is not over this statement; it was changed after signing; build the bundle again, or fetch it again: it may have been changed on the way"),
        (rewritten("statement.dsse.json", lambda b: b["signatures"][0].update(sig="AAAA")), "bad-signature", "is not over this statement"),
        (appended("artifacts/b/cell-1.0.0-b.img"), "wrong-digest", "artifacts/b/cell-1.0.0-b.img has digest"),
        (appended("release.json"), "wrong-digest", "release.json has digest"),
        (appended("statement.json"), "wrong-digest", "statement.json is not the text that was signed"),
        (without("evidence/bom-b.cdx.json"), "wrong-digest", "evidence/bom-b.cdx.json was signed and is missing"),
        (added, "wrong-digest", "evidence/more.txt was added after signing"),
        (manifest_lies, "wrong-digest", "release.json describes artifacts/b/cell-1.0.0-b.img otherwise than it is"),
        (rewritten("statement.sigstore.json", lambda b: b["dsseEnvelope"].update(payload="AA==")), "wrong-digest", "holds another envelope"),
        (rewritten("statement.sigstore.json", lambda b: b.pop("dsseEnvelope")), "bad-bundle", "has no signed envelope"),
        (rewritten("statement.dsse.json", lambda b: b.update(signatures=[])), "bad-bundle", "not an envelope with one signature"),
        (rewritten("statement.dsse.json", lambda b: b.update(payload="%%%")), "bad-bundle", "not an envelope with one signature"),
        (other_type, "bad-bundle", "has payloadType 'text/plain'"),
    ],
)  # fmt: skip
def test_a_bundle_edited_after_signing(change: Callable[[Path], None], code: str, text: str, tmp_path: Path) -> None:
    folder = make(tmp_path)
    change(folder)
    with pytest.raises(FleetloopError) as caught:
        verify(read(folder), TRUSTED)
    assert (caught.value.code, text in str(caught.value)) == (code, True), str(caught.value)


def pem(key: object) -> bytes:
    return key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)  # pyright: ignore


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"hello", "not a public key in PEM form"),
        (
            pem(ed25519.Ed25519PrivateKey.generate()),
            "expected ECDSA P-256, as `fleetloop key new` makes; is this keys/image.pub?",
        ),
        (pem(rsa.generate_private_key(65537, 2048)), "the key is RSAPublicKey; expected ECDSA P-256"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "expected ECDSA P-256"),
        (
            KEY.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()),
            "holds a PRIVATE key; send the .pub",
        ),
    ],
)
def test_a_key_that_cannot_be_trusted(raw: bytes, text: str) -> None:
    with pytest.raises(BadKeyError) as caught:
        load_key(raw)
    assert text in str(caught.value)
