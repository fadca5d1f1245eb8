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
    from fleetloop.app import kept, once

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
    bounds = (once.LONGEST, round(kept.KEEP_S / 3600), once.KEPT_BYTES, once.ASKED_BYTES, kept.MOST)
    return page("HTTP API", about, ONCE.format(*bounds), SEEN, *parts, outside)


ONCE = """## Sent twice, done once

Every `POST` takes the header `Idempotency-Key`: 1 to {0} printable ASCII characters, a UUID, say. The key is
written down before the request runs, for this credential and path. The same key again within {1} h:

- with the same body: the answer of the first time, with `Idempotency-Replayed: true`;
- with another body: 409 `key-used`;
- while the first one runs: 409 `in-progress`, with `Retry-After`;
- if the server ended before it had answered: 409 `outcome-unknown`. It may have been done and is never done again:
  look at the address that the sentence names, then send what is missing with a new key.

Answers 401, 403, 412, 429 and 503 are not kept: the same key tries again; after 500 it answers `outcome-unknown`.
Of an answer that tells a secret once (`POST` of `/devices`, `/tokens`, `/gateways`, `/people`), and of one over
{2:,} bytes, only the status is kept; in its place stands a body with the code `told-once` or `too-long-to-keep` and
where to look. A request with a key has at most {3:,} bytes; past {4:,} keys new ones are refused with 429.

Two operations take no key and ignore the header. `POST /releases` streams: the same bundle twice is one release by
its digests. `POST /login`: nobody is known yet. `PUT`, `PATCH` and `DELETE` need none: done twice they are done
once."""
SEEN = """## Changed meanwhile

`GET /devices/{id}` and `GET /rollouts/{id}` answer with an `ETag`, and so does every change of one. It tells of
what a decision rests on: of a device its product, revision, group, what it takes and whether it is retired; of a
rollout its phase, wave, go and pause. Counters and times change under it, so it is no tag for a cache. A change
that sends it back as `If-Match` is made only if it still fits; else it is refused with 412 `changed-meanwhile`, and
the problem document has the state as it is now (`current`) and its `etag`. Without `If-Match` nothing is compared.
A stop is compared when it comes in, all others in the transaction that changes."""
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
