"""The loop measured, and the pages that join rooms: overview, fleet, one device, one release's evidence.

It is *not* a store: it keeps nothing of its own, and reads other rooms through their front doors.
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.insights.service import Below as Below
    from fleetloop.insights.service import Insights as Insights

__all__ = ["Below", "Insights"]
__getattr__ = lazy("fleetloop.insights", {"Below": "service", "Insights": "service"})
