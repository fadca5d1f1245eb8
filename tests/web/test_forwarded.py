import pytest

from fleetloop.web import as_seen


def seen(*headers: tuple[bytes, bytes]) -> tuple[str, tuple[str, int]]:
    scope = {"type": "http", "scheme": "http", "client": ("127.0.0.1", 5), "headers": list(headers)}
    found = as_seen(scope)
    assert scope["scheme"] == "http", "the scope that came in stays as it is"
    return found["scheme"], found["client"]


@pytest.mark.parametrize(
    ("said", "address"),
    [
        (b"192.0.2.7", ("192.0.2.7", 0)),
        (b"10.0.0.1, 192.0.2.7", ("192.0.2.7", 0)),
        (b"2001:db8::1", ("2001:db8::1", 0)),
        (b"192.0.2.7, unknown", ("127.0.0.1", 5)),
        (b"", ("127.0.0.1", 5)),
        (b"\xff", ("127.0.0.1", 5)),
    ],
)
def test_the_last_hop_is_the_address(said: bytes, address: tuple[str, int]) -> None:
    assert seen((b"x-forwarded-for", said)) == ("http", address)


def test_of_two_headers_the_last_one_counts() -> None:
    assert seen((b"x-forwarded-for", b"10.0.0.1"), (b"x-forwarded-for", b"192.0.2.7"))[1] == ("192.0.2.7", 0)


@pytest.mark.parametrize(
    ("said", "scheme"), [(b"https", "https"), (b"HTTPS", "https"), (b"ftp", "http"), (b"", "http")]
)
def test_the_scheme_is_the_proxys(said: bytes, scheme: str) -> None:
    assert seen((b"x-forwarded-proto", said))[0] == scheme
