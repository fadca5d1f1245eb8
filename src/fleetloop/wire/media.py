"""Which media types are spoken: `Accept` and `Content-Type` as DDI devices send them."""

from functools import lru_cache

HAL = b"application/hal+json"
JSON = b"application/json"
_RANGES = {"application/hal+json": HAL, "application/json": JSON, "application/*": HAL, "*/*": HAL}


@lru_cache(maxsize=256)
def accepted(accept: bytes | None) -> bytes | None:
    """The media type to answer JSON with, or None: 406. Nothing asked means HAL; ties go to what was named first."""
    if not accept or not accept.strip():
        return HAL
    best, media = 0.0, None
    for part in accept.decode("latin-1").lower().split(","):
        name, *parameters = (p.strip() for p in part.split(";"))
        weight = _weight(parameters)
        if name in _RANGES and weight > best:
            best, media = weight, _RANGES[name]
    return media


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def is_json(content_type: bytes | None) -> bool:
    """Whether a body is said to be ``application/json``, whatever its parameters."""
    return content_type is not None and content_type.split(b";", 1)[0].strip().lower() == JSON
