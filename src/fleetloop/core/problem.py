"""The edge: which HTTP status, exit code and log level an error has, and its problem document (RFC 9457)."""

import logging

from fleetloop.core import errors

EDGE: tuple[tuple[type[errors.FleetloopError], int, int, int], ...] = (
    # class, HTTP status, exit code, log level; the first that fits counts
    (errors.UsageError, 400, 2, logging.INFO),
    (errors.InputError, 400, 1, logging.INFO),
    (errors.LoginError, 401, 4, logging.INFO),
    (errors.DeniedError, 403, 4, logging.WARNING),
    (errors.NotFoundError, 404, 1, logging.INFO),
    (errors.GoneError, 410, 1, logging.INFO),
    (errors.ConflictError, 409, 1, logging.INFO),
    (errors.PreconditionError, 412, 1, logging.INFO),
    (errors.TooLargeError, 413, 1, logging.INFO),
    (errors.LimitError, 429, 1, logging.WARNING),
    (errors.UnavailableError, 503, 1, logging.WARNING),
    (errors.TimedOutError, 504, 3, logging.WARNING),
    (errors.InfrastructureError, 502, 1, logging.ERROR),
    (errors.FailedError, 422, 1, logging.INFO),
    (errors.FleetloopError, 500, 1, logging.ERROR),
)
MEDIA_TYPE = "application/problem+json"


def edge(error: errors.FleetloopError) -> tuple[int, int, int]:
    """(HTTP status, exit code, log level) of ``error``."""
    return next((status, code, level) for kind, status, code, level in EDGE if isinstance(error, kind))


def document(error: errors.FleetloopError, request: str = "") -> dict[str, object]:
    """The body a client gets; ``request`` is the id that the server's log has too."""
    status, _, _ = edge(error)
    title = error.code.replace("-", " ")
    body: dict[str, object] = {
        "type": f"/problems/{error.code}",
        "title": title,
        "status": status,
        "detail": str(error),
        "code": error.code,
    }
    if request:
        body["request"] = request
    return body | {k: v for k, v in error.fields.items() if k not in body}


def error_of(status: int, body: dict[str, object]) -> errors.FleetloopError:
    """The error a problem document tells of, so that the command line raises what the server raised."""
    kind = next((kind for kind, s, _, _ in reversed(EDGE) if s == status), errors.FleetloopError)
    text = str(body.get("detail") or body.get("title") or f"the server answered {status}")
    error = kind(text, **{k: v for k, v in body.items() if k not in {"type", "title", "status", "detail", "code"}})
    code = body.get("code")
    if isinstance(code, str):
        error.code = code  # pyright: ignore[reportAttributeAccessIssue]  the server's own word, finer than the family's
    return error
