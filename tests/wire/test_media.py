import pytest

from fleetloop.wire.media import HAL, JSON, accepted, is_json


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, HAL),  # Zephyr sends none
        (b"", HAL),
        (b"*/*", HAL),
        (b"application/json", JSON),
        (b"application/json;charset=UTF-8", JSON),  # rauc
        (b"application/hal+json", HAL),
        (b"application/json;q=0.5, application/hal+json", HAL),
        (b"application/cbor, application/json;q=0.1", JSON),
        (b"application/cbor", None),
        (b"text/html", None),
        (b"application/json;q=0", None),
        (b"application/json;q=x", None),
    ],
)
def test_accept(accept: bytes | None, media: bytes | None) -> None:
    assert accepted(accept) == media


def test_content_type() -> None:
    assert is_json(b"application/json")
    assert is_json(b"Application/JSON; charset=UTF-8")
    for other in (None, b"", b"text/plain", b"application/hal+json", b"application/cbor", b"application/jsonx"):
        assert not is_json(other)
