"""What devices measure: so far their heartbeats, and the crashes, reboots and failed self-tests that these show.

It is *not* a judgement: whether a release is worse is for `fleetloop.health`, which reads the facts recorded here.
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.telemetry.model import Crashed as Crashed
    from fleetloop.telemetry.model import Happening as Happening
    from fleetloop.telemetry.model import Rebooted as Rebooted
    from fleetloop.telemetry.model import SelfTestFailed as SelfTestFailed
    from fleetloop.telemetry.service import Heartbeats as Heartbeats
    from fleetloop.telemetry.store import find_heartbeat as find_heartbeat
    from fleetloop.telemetry.store import timeline as timeline
    from fleetloop.telemetry.store import unwell as unwell

_FILES = {
    "model": "Crashed Happening Rebooted SelfTestFailed",
    "service": "Heartbeats",
    "store": "find_heartbeat timeline unwell",
}
__all__ = ["Crashed", "Happening", "Heartbeats", "Rebooted", "SelfTestFailed", "find_heartbeat", "timeline", "unwell"]
__getattr__ = lazy("fleetloop.telemetry", {name: file for file, names in _FILES.items() for name in names.split()})
