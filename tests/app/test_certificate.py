import ssl
from pathlib import Path

import pytest
from cryptography import x509

from fleetloop.app.certificate import CertificateError, files


def names(path: Path) -> set[str]:
    made = x509.load_pem_x509_certificate(path.read_bytes())
    known = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(n.value) for n in known}


def test_no_tls_no_files(tmp_path: Path) -> None:
    assert files("", tmp_path, "127.0.0.1") is None
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_of_our_own_is_made_once(tmp_path: Path) -> None:
    pair = files("self", tmp_path, "192.0.2.7")
    assert pair
    certificate, key = pair
    assert names(certificate) >= {"localhost", "127.0.0.1", "::1", "192.0.2.7"}
    assert key.stat().st_mode & 0o777 == 0o600
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    before = certificate.read_bytes(), key.read_bytes()
    assert files("self", tmp_path, "192.0.2.7") == pair
    assert (certificate.read_bytes(), key.read_bytes()) == before


@pytest.mark.parametrize(("host", "there"), [("0.0.0.0", "127.0.0.1"), ("fleet.example", "fleet.example")])
def test_the_names_it_is_good_for(tmp_path: Path, host: str, there: str) -> None:
    pair = files("self", tmp_path, host)
    assert pair
    assert there in names(pair[0])
    assert "0.0.0.0" not in names(pair[0])


def test_it_vouches_for_itself_also_where_that_is_checked_strictly(tmp_path: Path) -> None:
    """As Python does from 3.13 on."""
    pair = files("self", tmp_path, "127.0.0.1")
    assert pair
    strict = ssl.create_default_context(cafile=str(pair[0]))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(*pair)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = strict.wrap_bio(back, there, server_hostname="127.0.0.1")
    theirs = served.wrap_bio(there, back, server_side=True)
    for turn in (ours, theirs):
        with pytest.raises(ssl.SSLWantReadError):
            turn.do_handshake()
    ours.do_handshake()


def test_two_files_of_the_owners(tmp_path: Path) -> None:
    for name in ("a.pem", "b.pem"):
        (tmp_path / name).write_text("x")
    assert files(f"{tmp_path}/a.pem,{tmp_path}/b.pem", tmp_path, "h") == (tmp_path / "a.pem", tmp_path / "b.pem")
    for word in ("yes", f"{tmp_path}/a.pem", f"{tmp_path}/a.pem,{tmp_path}/none.pem"):
        with pytest.raises(CertificateError, match="expected 'self' or CERT.pem,KEY.pem, two files that exist"):
            files(word, tmp_path, "h")
