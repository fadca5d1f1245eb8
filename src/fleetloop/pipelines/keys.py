"""The two keys of a product, and the signer of its bundles.

*image key* (Ed25519): signs what the boot loader checks; its public half is built into the boot loader.
*bundle key* (ECDSA P-256): signs the statement; its public half is what ``fleetloop trust add`` takes.
Private halves are readable by their owner only and ignored by git.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetloop.core.errors import ConflictError, InfrastructureError, InputError
from fleetloop.pipelines.model import Project
from fleetloop.releases import load_key

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey  # pyright: ignore[reportPrivateImportUsage]

IGNORE = "*.pem\n"
HINT = "make the keys: fleetloop key new"


class SignerError(InfrastructureError):
    """The bundle's signer cannot be used."""

    code = "signer"


@dataclass(frozen=True)
class Pair:
    """A key's two files."""

    private: Path
    public: Path


def new_keys(folder: Path) -> tuple[Pair, Pair]:
    """Make (image, bundle) in ``folder``; raises `ConflictError` if one of the files is there already."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    image = Pair(folder / "image.pem", folder / "image.pub")
    bundle = Pair(folder / "bundle.pem", folder / "bundle.pub")
    for path in (image.private, image.public, bundle.private, bundle.public):
        if path.exists() or path.is_symlink():
            text = f"{path} is there already; devices in the field trust it, so it is never overwritten"
            raise ConflictError(f"{text}. Name another folder, or move it away")
    folder.mkdir(parents=True, exist_ok=True)
    _ignore(folder / ".gitignore")
    _write(image, ed25519.Ed25519PrivateKey.generate())
    _write(bundle, ec.generate_private_key(ec.SECP256R1()))
    return image, bundle


def matching(project: Project) -> bool:
    """Whether the two halves of the image key belong together."""
    from cryptography.hazmat.primitives import serialization as forms

    try:
        private = forms.load_pem_private_key((project.root / project.keys.image_private).read_bytes(), None)
        public = forms.load_pem_public_key((project.root / project.keys.image).read_bytes())
    except (ValueError, TypeError) as e:
        raise SignerError(f"the image key cannot be read: {e}; {HINT}") from e
    return private.public_key() == public


def sign(project: Project, data: bytes) -> tuple[str, bytes]:
    """(key id, signature over ``data``) by the project's bundle key; raises `SignerError`."""
    from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, Signer  # pyright: ignore[reportPrivateImportUsage]

    SIGNER_FOR_URI_SCHEME.setdefault("envkey", _environment_signer())
    uri, public = project.keys.bundle_private, _public(project)
    scheme, _, place = uri.partition(":")
    if scheme == "file2":
        uri = f"file2:{project.root / place}"
    try:
        signature = Signer.from_priv_key_uri(uri, public, _secret).sign(data)
    # each signer raises its own: wrong PIN, no module, no network, key of another pair; all say nothing of the product
    except Exception as e:
        why = " ".join(str(a) for a in e.args) or type(e).__name__
        raise SignerError(f"{scheme} cannot sign the bundle: {why}") from e
    return public.keyid, bytes.fromhex(signature.signature)


def _public(project: Project) -> "SSlibKey":
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey  # pyright: ignore[reportPrivateImportUsage]

    try:
        key = load_key((project.root / project.keys.bundle).read_bytes())
    except (OSError, InputError) as e:
        raise SignerError(f"{project.keys.bundle}: {e}; {HINT}") from e
    return SSlibKey.from_crypto(load_pem_public_key(key.pem.encode()), key.id)


def _environment_signer() -> type[Any]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner  # pyright: ignore[reportPrivateImportUsage]

    class EnvironmentSigner(CryptoSigner):
        """``envkey:VARIABLE``: the PEM itself stands in the environment, as CI services hand it over."""

        @classmethod
        def from_priv_key_uri(cls, priv_key_uri: str, public_key: Any, secrets_handler: Any = None) -> CryptoSigner:  # noqa: ARG003  the library's signature
            name = priv_key_uri.partition(":")[2]
            if name not in os.environ:
                raise ValueError(f"the environment has no {name}")
            return CryptoSigner(load_pem_private_key(os.environ[name].encode(), None), public_key)  # pyright: ignore[reportArgumentType]

    return EnvironmentSigner


def _secret(name: str) -> str:
    found = os.environ.get(f"FLEETLOOP_{name.upper()}")
    if found is None:
        raise ValueError(f"the signer asks for its {name}; set FLEETLOOP_{name.upper()}")
    return found


def _ignore(path: Path) -> None:
    kept = path.read_text() if path.exists() else ""
    if "*.pem" not in kept.split():
        path.write_text(kept + ("\n" if kept and not kept.endswith("\n") else "") + IGNORE)


def _write(pair: Pair, key: Any) -> None:
    from cryptography.hazmat.primitives import serialization as forms

    private = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    public = key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    descriptor = os.open(pair.private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)
    pair.public.write_bytes(public)
