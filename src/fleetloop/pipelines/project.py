"""Reads ``fleetloop.toml`` and the repository around it. Every error names the line and the nearest known key."""

import re
from collections.abc import Collection
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from fleetloop.core.config import ConfigError, Document, build, read
from fleetloop.core.errors import InputError
from fleetloop.pipelines import commit as git
from fleetloop.pipelines.model import Keys, Product, Project, Revision
from fleetloop.releases import Policy

FILE = "fleetloop.toml"
OWN = ("product", "keys", "revision", "policy")
WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(?:[-+.][0-9A-Za-z.+-]{1,40})?")


class NoProjectError(InputError):
    """There is no ``fleetloop.toml`` here."""

    code = "no-project"


def load(root: Path, steps: Collection[str], at: float | None = None) -> Project:
    """The project in ``root``. ``steps``: words whose tables may stand in the file; ``at``: else the commit's date."""
    if not (root / FILE).is_file():
        raise NoProjectError(f"{root} has no {FILE}; run this in the folder of a firmware repository that has one")
    document = read(root / FILE)
    _check_top(document, [*OWN, *steps])
    product = build(Product, document, ("product",), _table(document, "product"))
    if not WORD.fullmatch(product.name):
        raise document.fail(("product", "name"), f"name is {product.name!r}; expected small letters, digits and '-'")
    found = git.find(root)
    return Project(
        root=root,
        document=document,
        product=product,
        keys=build(Keys, document, ("keys",), _table(document, "keys", needed=False)),
        revisions=_revisions(document),
        policy=_policy(document),
        version=_version(root, document, product),
        commit=found,
        at=found.at if at is None else at,
        files=git.files(root),
    )


def _check_top(document: Document, known: list[str]) -> None:
    for key, value in document.values.items():
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise document.fail((key,), f"unknown table {key!r}; {hint}")
        if not isinstance(value, dict):
            raise document.fail((key,), f"{key!r} is {value!r}; expected a table")
        if key in OWN and key != "revision":
            continue
        for name, table in cast("dict[str, Any]", value).items():
            if not isinstance(table, dict) or not WORD.fullmatch(name):
                text = f"expected [{key}.NAME] with small letters, digits and '-', not {name!r}"
                raise document.fail((key, name), text)


def _table(document: Document, name: str, *, needed: bool = True) -> dict[str, Any]:
    if needed and name not in document.values:
        raise ConfigError(f"{document.source} lacks the table [{name}]")
    return document.values.get(name, {})


def _policy(document: Document) -> Policy:
    policy = build(Policy, document, ("policy",), _table(document, "policy"))
    known = Policy(tolerated=0.0).events
    if strange := [event for event in policy.events if event not in known]:
        text = f"events has {strange[0]!r}; known are {', '.join(known)}"
        raise document.fail(("policy", "events"), text)
    return policy


def _revisions(document: Document) -> dict[str, Revision]:
    tables = _table(document, "revision")
    if not tables:
        raise ConfigError(f"{document.source} has no hardware revision; expected at least one [revision.NAME]")
    return {name: _revision(document, name, tables[name]) for name in sorted(tables)}


def _revision(document: Document, name: str, table: dict[str, Any]) -> Revision:
    known = {f.name.replace("_", "-") for f in fields(Revision)} - {"name", "settings"}
    for key, value in table.items():
        path = ("revision", name, key)
        near = get_close_matches(key, known, 1, 0.8)
        if key not in known and near:
            raise document.fail(path, f"unknown key {key!r} in [revision.{name}]; did you mean {near[0]!r}?")
        if not isinstance(value, str | int | float) or not WORD.fullmatch(key):
            raise document.fail(path, f"{key!r} is {value!r}; expected text or a number, the key in small letters")
    own = {key: str(value) for key, value in table.items() if key not in known}
    return Revision(name, str(table.get("class-id", "")), own)


def _version(root: Path, document: Document, product: Product) -> str:
    path = root / product.version_file
    where = ("product", "version-file")
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as e:
        raise document.fail(where, f"{product.version_file} cannot be read as text: {e}") from e
    if not VERSION.fullmatch(text):
        raise document.fail(where, f"{product.version_file} says {text[:60]!r}; expected a version like 1.2.3")
    return text
