"""What we do when it goes wrong: so far one line with its evidence for each rollout that the verdict stopped.

It is *not* the judge (`fleetloop.health`) nor the stop itself (`fleetloop.rollouts`).
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.incidents.account import line as line
    from fleetloop.incidents.account import name as name
    from fleetloop.incidents.model import Incident as Incident
    from fleetloop.incidents.service import Incidents as Incidents

__all__ = ["Incident", "Incidents", "line", "name"]
__getattr__ = lazy(
    "fleetloop.incidents", {"Incident": "model", "Incidents": "service", "line": "account", "name": "account"}
)
