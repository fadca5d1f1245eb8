"""A certificate of our own for ``--tls self``: good for trying, and for devices that pin it."""

import datetime as dt
import ipaddress
import os
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fleetloop.core.errors import InputError

DAYS = 825


class CertificateError(InputError):
    """The certificate cannot be used."""

    code = "bad-certificate"


def files(word: str, folder: Path, host: str) -> tuple[Path, Path] | None:
    """(certificate, key) for the setting ``tls``; ``self`` makes them once in ``folder``."""
    if not word:
        return None
    if word == "self":
        pair = folder / "tls" / "self.crt", folder / "tls" / "self.key"
        if not all(p.exists() for p in pair):
            _make(*pair, host)
        return pair
    parts = [Path(p) for p in word.split(",")]
    if len(parts) != 2 or not all(p.is_file() for p in parts):
        raise CertificateError(f"--tls is {word!r}; expected 'self' or CERT.pem,KEY.pem, two files that exist")
    return parts[0], parts[1]


def _make(certificate: Path, key_file: Path, host: str) -> None:
    certificate.parent.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fleetloop, made by itself")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_uses(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    form = serialization.PrivateFormat.PKCS8
    with os.fdopen(descriptor, "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def _uses() -> x509.KeyUsage:
    """It vouches for itself: Python from 3.13 on wants that spelt out."""
    no = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    more = dict.fromkeys(("crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=True, **no, **more)


def _names(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName(socket.gethostname())]
    addresses = {"127.0.0.1", "::1"}
    try:
        ipaddress.ip_address(host)
        addresses.add(host)
    except ValueError:
        names.append(x509.DNSName(host))
    return names + [x509.IPAddress(ipaddress.ip_address(a)) for a in sorted(addresses - {"0.0.0.0", "::"})]  # noqa: S104
