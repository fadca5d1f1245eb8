"""Front doors that open late: a room's names are loaded on first use.

So ``fleetloop.releases`` can be imported where no database library is installed (the light install).
"""

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy(room: str, names: Mapping[str, str]) -> Callable[[str], object]:
    """A module ``__getattr__`` for ``room``; ``names`` maps each public name to the file that has it."""

    def load(name: str) -> object:
        if name not in names:
            raise AttributeError(f"{room} has no {name!r}; its front door lists {', '.join(sorted(names))}")
        value = getattr(importlib.import_module(f"{room}.{names[name]}"), name)
        setattr(sys.modules[room], name, value)  # asked once: rooms use each other thousands of times a second
        return value

    return load
