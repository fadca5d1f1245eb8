"""Who signed a bundle, and is every byte the one that was signed?

A statement is signed with ECDSA P-256 over DSSE. A key becomes trusted by `fleetloop trust add` alone: nothing in a
bundle can add one. The key's id is the SHA-256 of its DER form, in hex.

    key = load_key(pem)
    verified = verify(bundle, [key])          # or raises, each error with its stable code
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fleetloop.core.errors import FailedError, InputError
from fleetloop.releases.bundle import ENVELOPE, SIGNING, SIGSTORE, STATEMENT, BadBundleError, Bundle, document

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
AGAIN = "build the bundle again, or fetch it again: it may have been changed on the way"


class UntrustedSignerError(InputError):
    """The bundle is signed by a key that this product does not trust."""

    code = "untrusted-signer"


class BadSignatureError(InputError):
    """The signature does not fit the statement."""

    code = "bad-signature"


class WrongDigestError(InputError):
    """A file is not the one that was signed."""

    code = "wrong-digest"


class UnknownRevisionError(InputError):
    """The bundle has artifacts for a hardware revision that the product does not have."""

    code = "unknown-revision"


class FailedPolicyError(FailedError):
    """The bundle's evidence does not meet the policy."""

    code = "failed-policy"


class BadKeyError(InputError):
    """This is not a public key that can be trusted for bundles."""

    code = "bad-key"


@dataclass(frozen=True)
class TrustedKey:
    """A public key. ``pem``: SubjectPublicKeyInfo, normalised."""

    id: str
    pem: str


@dataclass(frozen=True)
class Verified:
    """What a trusted key vouches for."""

    key: str
    statement: Mapping[str, Any]
    """The whole in-toto statement."""


def load_key(pem: bytes) -> TrustedKey:
    """The ECDSA P-256 public key in ``pem``; a private key is refused with a warning in the sentence."""
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

    if b"PRIVATE KEY" in pem:
        raise BadKeyError("this file holds a PRIVATE key; send the .pub beside it, and keep this one to yourself")
    try:
        key = forms.load_pem_public_key(pem)
    except ValueError as e:
        raise BadKeyError(f"not a public key in PEM form: {str(e).splitlines()[0]}") from e
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        hint = "; is this keys/image.pub? the bundle's key is keys/bundle.pub"
        raise BadKeyError(f"the key is {type(key).__name__}; expected ECDSA P-256, as `fleetloop key new` makes{hint}")
    der = key.public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)
    text = key.public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    return TrustedKey(hashlib.sha256(der).hexdigest(), text.decode())


def verify(bundle: Bundle, trusted: Sequence[TrustedKey]) -> Verified:
    """Signature, statement and every digest.

    Raises:
        UntrustedSignerError: nobody whom ``trusted`` lists signed it.
        BadSignatureError: a trusted key is named, but the signature is not over this statement.
        WrongDigestError: a file was changed, added or removed after signing.
        BadBundleError: the parts do not form a signed bundle.
    """
    envelope = document(bundle.text(ENVELOPE), ENVELOPE)
    payload, key_id, signature = _opened(envelope)
    key = _signer(bundle, key_id, trusted)
    _check_signature(key, payload, signature)
    if bundle.text(STATEMENT) != payload:
        raise WrongDigestError(f"{STATEMENT} is not the text that was signed; {AGAIN}")
    _check_sigstore(bundle, envelope)
    statement = document(payload, STATEMENT)
    _check_digests(bundle, _subjects(statement))
    _check_artifacts(bundle)
    return Verified(key.id, statement)


def pae(payload: bytes) -> bytes:
    """What is really signed: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _opened(envelope: Mapping[str, Any]) -> tuple[bytes, str, bytes]:
    if envelope.get("payloadType") != PAYLOAD_TYPE:
        raise BadBundleError(f"{ENVELOPE} has payloadType {envelope.get('payloadType')!r}; expected {PAYLOAD_TYPE}")
    try:
        [signature] = envelope["signatures"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        return payload, str(signature["keyid"]), base64.b64decode(signature["sig"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as e:
        raise BadBundleError(f"{ENVELOPE} is not an envelope with one signature ({e!r}); {AGAIN}") from e


def _signer(bundle: Bundle, key_id: str, trusted: Sequence[TrustedKey]) -> TrustedKey:
    for key in trusted:
        if key.id == key_id:
            return key
    product = bundle.manifest.product
    raise UntrustedSignerError(
        f"the bundle is signed by key {key_id[:16]}, which {product} does not trust. If that key is yours, an "
        f"administrator adds it: fleetloop trust add {product} keys/bundle.pub",
        key=key_id,
    )


def _check_signature(key: TrustedKey, payload: bytes, signature: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public = cast("EllipticCurvePublicKey", load_pem_public_key(key.pem.encode()))
    try:
        public.verify(signature, pae(payload), ECDSA(SHA256()))
    except InvalidSignature as e:
        text = f"the signature by key {key.id[:16]} is not over this statement; it was changed after signing"
        raise BadSignatureError(f"{text}; {AGAIN}") from e


def _check_sigstore(bundle: Bundle, envelope: Mapping[str, Any]) -> None:
    other = document(bundle.text(SIGSTORE), SIGSTORE).get("dsseEnvelope")
    mine = {"payload": envelope["payload"], "payloadType": PAYLOAD_TYPE, "sig": envelope["signatures"][0]["sig"]}
    try:
        theirs = {k: cast("Any", other)[k] for k in ("payload", "payloadType")}
        theirs["sig"] = cast("Any", other)["signatures"][0]["sig"]
    except (KeyError, TypeError, IndexError) as e:
        raise BadBundleError(f"{SIGSTORE} has no signed envelope; {AGAIN}") from e
    if mine != theirs:
        raise WrongDigestError(f"{SIGSTORE} holds another envelope than {ENVELOPE}; {AGAIN}")


def _subjects(statement: Mapping[str, Any]) -> dict[str, str]:
    frame = (statement.get("_type"), statement.get("predicateType"))
    if frame != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise BadBundleError(f"the statement is {frame}; expected {STATEMENT_TYPE} with {PREDICATE_TYPE}")
    try:
        return {str(s["name"]): str(s["digest"]["sha256"]) for s in statement["subject"]}
    except (KeyError, TypeError) as e:
        raise BadBundleError(f"the statement's subjects lack {e}") from e


def _check_digests(bundle: Bundle, subjects: Mapping[str, str]) -> None:
    there = {name: entry.sha256 for name, entry in bundle.files.items() if name not in SIGNING}
    if missing := sorted(subjects.keys() - there.keys()):
        raise WrongDigestError(f"{missing[0]} was signed and is missing; {AGAIN}")
    if added := sorted(there.keys() - subjects.keys()):
        raise WrongDigestError(f"{added[0]} was added after signing; {AGAIN}")
    for name, digest in sorted(subjects.items()):
        if there[name] != digest:
            text = f"{name} has digest {there[name][:16]}, signed was {digest[:16]}: it was changed after signing"
            raise WrongDigestError(f"{text}; {AGAIN}", file=name)


def _check_artifacts(bundle: Bundle) -> None:
    for artifact in bundle.manifest.artifacts:
        entry = bundle.files.get(artifact.path)
        if entry is None or (entry.size, entry.sha256) != (artifact.size, artifact.sha256):
            text = f"release.json describes {artifact.path} otherwise than it is"
            raise WrongDigestError(f"{text}; {AGAIN}")
