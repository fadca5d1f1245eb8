"""The HTTP API, from the OpenAPI document that the server serves."""

import tempfile
from pathlib import Path
from typing import Any

from words import Cell, line, page, table


def document() -> dict[str, Any]:
    """As ``/openapi.json``."""
    from fleetloop.app.serve import Server
    from fleetloop.app.settings import ServerSettings
    from fleetloop.app.wiring import build

    with tempfile.TemporaryDirectory() as folder:
        rooms = build(ServerSettings(dir=str(Path(folder)), stepped=True))
        try:
            return Server(rooms).api.openapi()
        finally:
            rooms.db.close()


def page_of_api() -> str:
    from fleetloop.access.policy import needed

    found = document()
    rows: dict[str, list[tuple[object, ...]]] = {}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            role = needed(method.upper(), path if path != _FILES else f"{_FILES.removesuffix('}')}:path}}")
            who = role.value if role else "anybody"
            row = (f"`{method.upper()} {path}`", who, _takes(found, operation), _said(operation))
            rows.setdefault((operation.get("tags") or ["other"])[0], []).append(row)
    about = (
        "Under `/api/v1`, JSON. `Authorization: Bearer TOKEN`, with an API token or a session from "
        "`POST /api/v1/login`. A server shows the whole document at `/docs` and `/openapi.json`. *Role* is the least "
        "that is needed: viewer, operator, approver, admin. Errors are [problem documents](errors.md). Times are ISO "
        "8601 in UTC; names that end in `_s` are seconds."
    )
    heads = ("operation", "role", "takes", "")
    parts = [f"## {tag.capitalize()}\n\n{table(heads, sorted(lines))}" for tag, lines in sorted(rows.items())]
    outside = (
        "## Beside the API\n\n`/healthz` (alive), `/readyz` (database reached, clock running), `/metrics` "
        "(Prometheus), `/docs`, the pages, and the devices' addresses: [DDI](ddi.md), [heartbeats](heartbeat.md)."
    )
    return page("HTTP API", about, *parts, outside)


_FILES = "/api/v1/releases/{product}/{version}/files/{path}"


def _said(operation: dict[str, Any]) -> Cell:
    return Cell(line(operation.get("description") or operation.get("summary")))


def _takes(found: dict[str, Any], operation: dict[str, Any]) -> Cell:
    """Names of the query and of the body; what may be left out has a question mark."""
    words = [f"`?{p['name']}`" for p in operation.get("parameters", ()) if p.get("in") == "query"]
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        words += _fields(found, body.get("schema", {})) if kind == "application/json" else [f"`{kind}`"]
    return Cell(", ".join(words))


def _fields(found: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    if "$ref" in schema:
        schema = found["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    needed = set(schema.get("required", ()))
    return [f"`{name}`" + ("" if name in needed else "?") for name in schema.get("properties", {})]
