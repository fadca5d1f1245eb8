"""Simulated devices and fleets: hundreds to thousands in one process, over real HTTP, through the real protocol.

A simulated device *runs the release*: it downloads the host library of its revision and steps it in virtual time. Its
crashes, self-test, uptime and version come from that code. Radio silence, power cuts and lying are this room's own. It
is not a model of the server: it imports nothing of it and knows it by address and token alone. No line here names a
version. A device checks size and SHA-256 of what it downloads; the code then runs with our rights, so point it only at
a server whose trusted keys you chose.
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.sim.faults import Faults as Faults
    from fleetloop.sim.library import Crumb as Crumb
    from fleetloop.sim.library import Library as Library
    from fleetloop.sim.library import LibraryError as LibraryError
    from fleetloop.sim.line import Line as Line
    from fleetloop.sim.model import Limits as Limits
    from fleetloop.sim.model import Population as Population
    from fleetloop.sim.model import Unit as Unit
    from fleetloop.sim.population import load as load
    from fleetloop.sim.population import save as save
    from fleetloop.sim.world import World as World

__all__ = [
    "Crumb",
    "Faults",
    "Library",
    "LibraryError",
    "Limits",
    "Line",
    "Population",
    "Unit",
    "World",
    "load",
    "save",
]

__getattr__ = lazy(
    "fleetloop.sim",
    {
        "Crumb": "library",
        "Faults": "faults",
        "Library": "library",
        "LibraryError": "library",
        "Limits": "model",
        "Line": "line",
        "Population": "model",
        "Unit": "model",
        "World": "world",
        "load": "population",
        "save": "population",
    },
)
