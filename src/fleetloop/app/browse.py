"""The page `/docs`: every operation of the API, made from the OpenAPI document. It needs no script."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fleetloop import web
from fleetloop.access import OPERATIONS

Schema = dict[str, Any]


@dataclass(frozen=True)
class Manual:
    """``operations`` by the room's word, ``schemas`` by name."""

    operations: dict[str, web.Table]
    schemas: dict[str, web.Table]


def manual(document: Schema) -> Manual:
    """What the page shows of ``document``."""
    rows: dict[str, list[tuple[str, ...]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            rows.setdefault((operation.get("tags") or ["other"])[0], []).append(_row(method.upper(), path, operation))
    heads = "operation|!role|parameters|body|answer|~"
    found = document.get("components", {}).get("schemas", {})
    return Manual(
        {tag: web.table(f"Operations of {tag}", heads, sorted(lines)) for tag, lines in sorted(rows.items())},
        {name: web.table(name, "field|type|!needed|~", _fields(schema)) for name, schema in sorted(found.items())},
    )


def _row(method: str, path: str, operation: Schema) -> tuple[str, ...]:
    role = OPERATIONS[_cell(method, path)]
    names = [p["name"] + ("" if p.get("required") else "?") for p in operation.get("parameters", ()) if "name" in p]
    said = operation.get("description") or operation.get("summary", "")
    answers = [f"{code} {_body(answer)}".strip() for code, answer in operation["responses"].items() if code != "422"]
    body = _body(operation.get("requestBody", {}))
    return f"{method} {path}", role.value if role else "anybody", ", ".join(names), body, ", ".join(answers), said


def _cell(method: str, path: str) -> str:
    """As the table of roles spells it: OpenAPI does not know that a place-holder may hold slashes."""
    return f"{method} {path.replace('/files/{path}', '/files/{path:path}')}"


def _body(carrier: Schema) -> str:
    return ", ".join(
        _type(kind.get("schema", {})) if media == "application/json" else media
        for media, kind in carrier.get("content", {}).items()
    )


def _fields(schema: Schema) -> Iterator[tuple[str, ...]]:
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield name, _type(field), "yes" if name in needed else "", field.get("description", "")
    if "enum" in schema:
        yield "", _type(schema), "", ""


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("title" if "properties" in schema else "type", "any"))
