"""How devices speak: the protocols, what they ask of the house (`Guard`, `Dispatch`, `Inbox`), and `Devices`.

It is *not* where anything is decided: it knows no rollout, no release and no table; it turns bytes into questions and
answers into bytes. A protocol is one file in ``protocols/``.
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.wire.model import Admission as Admission
    from fleetloop.wire.model import Execution as Execution
    from fleetloop.wire.model import File as File
    from fleetloop.wire.model import Finished as Finished
    from fleetloop.wire.model import Heartbeat as Heartbeat
    from fleetloop.wire.model import Mode as Mode
    from fleetloop.wire.model import Order as Order
    from fleetloop.wire.model import Outcome as Outcome
    from fleetloop.wire.model import Report as Report
    from fleetloop.wire.seam import DeviceProtocol as DeviceProtocol
    from fleetloop.wire.seam import Dispatch as Dispatch
    from fleetloop.wire.seam import Guard as Guard
    from fleetloop.wire.seam import House as House
    from fleetloop.wire.seam import Inbox as Inbox
    from fleetloop.wire.seam import Settings as Settings
    from fleetloop.wire.service import Devices as Devices

__all__ = [
    "Admission",
    "DeviceProtocol",
    "Devices",
    "Dispatch",
    "Execution",
    "File",
    "Finished",
    "Guard",
    "Heartbeat",
    "House",
    "Inbox",
    "Mode",
    "Order",
    "Outcome",
    "Report",
    "Settings",
]

_MODEL = ("Admission", "Execution", "File", "Finished", "Heartbeat", "Mode", "Order", "Outcome", "Report")
_SEAM = ("DeviceProtocol", "Dispatch", "Guard", "House", "Inbox", "Settings")
__getattr__ = lazy(
    "fleetloop.wire",
    dict.fromkeys(_MODEL, "model") | dict.fromkeys(_SEAM, "seam") | {"Devices": "service"},
)
