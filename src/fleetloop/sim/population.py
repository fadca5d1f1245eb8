"""The file that says which devices there are: JSON, keys as in every configuration of the house (``poll-s``).

    {"start": 0, "seed": 1, "poll-s": 3600, "factory": {"a": "old-a.so"},
     "devices": [{"id": "cell-0001", "token": "…", "revision": "a", "attributes": {"takes": "host-library"}}]}

It holds tokens: `save` makes it readable by its owner only.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from fleetloop.core.config import ConfigError, Document, build
from fleetloop.sim.library import Library, Shelf
from fleetloop.sim.model import Population

VALUES = frozenset({"attributes", "factory"})
"""Tables whose keys are names, not settings."""


class JsonDocument(Document):
    """Errors name the path of the key: JSON of one long line has no useful line numbers."""

    def fail(self, path: tuple[str, ...], text: str) -> ConfigError:
        """An error about the value at ``path``."""
        return ConfigError(f"{self.source}{''.join(f', {p}' for p in path)}: {text}")


def load(path: Path) -> Population:
    """Raises `ConfigError` that names the key. Paths of libraries count from the file's folder."""
    try:
        text = path.read_text()
        values: object = json.loads(text)
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}") from e
    except ValueError as e:
        raise ConfigError(f"{path}: not JSON: {e}") from e
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a JSON object with devices and factory")
    found = build(Population, JsonDocument(str(path), text, cast("dict[str, Any]", values)))
    check(found, str(path))
    return found


def check(population: Population, source: str) -> None:
    """Raises `ConfigError` for times that cannot be, a device twice, or a revision without a factory library."""
    if population.grid_s < 1 or min(population.poll_s, population.boot_s, population.trial_s) < 0:
        raise ConfigError(f"{source}: expected grid-s of 1 or more, and no negative poll-s, boot-s or trial-s")
    seen: set[str] = set()
    for unit in population.devices:
        if unit.id in seen:
            raise ConfigError(f"{source}: device {unit.id!r} is there twice")
        if unit.revision not in population.factory:
            known = ", ".join(population.factory) or "none"
            raise ConfigError(f"{source}: {unit.id} has revision {unit.revision!r}; factory has libraries for {known}")
        seen.add(unit.id)


def save(population: Population, path: Path) -> None:
    """Write the file that `load` reads, mode 0600."""
    text = json.dumps(_hyphened(asdict(population)), indent=1)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")


def factory(population: Population, folder: Path, shelf: Shelf) -> dict[str, Library]:
    """The libraries with which devices leave the factory, by revision. Raises `ConfigError` or `LibraryError`."""
    return {revision: shelf.get(_bytes(folder / path)) for revision, path in sorted(population.factory.items())}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise ConfigError(f"the factory library {path} cannot be read: {e.strerror}") from e


def _hyphened(value: object) -> object:
    if isinstance(value, Mapping):
        table = cast("Mapping[str, object]", value)
        return {k.replace("_", "-"): v if k in VALUES else _hyphened(v) for k, v in table.items()}
    if isinstance(value, list | tuple):
        return [_hyphened(v) for v in cast("Iterable[object]", value)]
    return value
