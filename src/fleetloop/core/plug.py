"""Plug-ins are found by name: a file in a room's plural folder *is* the word in the configuration.

The last line of each is ``plug: type[Seam] = Class``. Outside packages bring theirs by the entry point group
``fleetloop.ROOM.FOLDER``. Nobody imports a plug-in.
"""

import importlib
import pkgutil
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TypeVar

from fleetloop.core.errors import InputError

T = TypeVar("T")


class UnknownPluginError(InputError):
    """There is no plug-in of that name."""

    code = "unknown-plugin"


class MissingExtraError(InputError):
    """An optional package is missing."""

    code = "missing-extra"


def names(folder: str) -> list[str]:
    """The words known for ``folder`` (``"fleetloop.wire.protocols"``), sorted."""
    package = importlib.import_module(folder)
    own = {m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")}
    return sorted(own | {e.name for e in entry_points(group=folder)})


def load(folder: str, name: str, seam: type[T]) -> type[T]:  # noqa: ARG001  it types the result
    """The plug-in called ``name``.

    Raises `UnknownPluginError` with the nearest name, `MissingExtraError` with what to install.
    """
    known = names(folder)
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownPluginError(f"{folder} has no {name!r}; there are {', '.join(known)}{hint}")
    outside = {e.name: e for e in entry_points(group=folder)}
    try:
        module = outside[name].load() if name in outside else importlib.import_module(f"{folder}.{name}")
    except ModuleNotFoundError as e:
        raise MissingExtraError(f"{name!r} needs the package {e.name!r}; install the extra that has it") from e
    return module.plug
