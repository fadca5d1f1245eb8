"""Which devices there are: product, revision, group, attributes, the version each runs, when it was last in contact.

It is *not* what a device is told to do (`fleetloop.rollouts`) nor how well it is (`fleetloop.telemetry`, health).
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.fleet.guard import TokenGuard as TokenGuard
    from fleetloop.fleet.model import AttributesChanged as AttributesChanged
    from fleetloop.fleet.model import Device as Device
    from fleetloop.fleet.model import DeviceAdded as DeviceAdded
    from fleetloop.fleet.model import DeviceChanged as DeviceChanged
    from fleetloop.fleet.model import DeviceRetired as DeviceRetired
    from fleetloop.fleet.model import Moment as Moment
    from fleetloop.fleet.model import NewDevice as NewDevice
    from fleetloop.fleet.model import RevisionMismatched as RevisionMismatched
    from fleetloop.fleet.model import Source as Source
    from fleetloop.fleet.model import VersionCount as VersionCount
    from fleetloop.fleet.model import VersionSeen as VersionSeen
    from fleetloop.fleet.service import Fleet as Fleet
    from fleetloop.fleet.store import claim as claim
    from fleetloop.fleet.store import count_matching as count_matching
    from fleetloop.fleet.store import count_seen as count_seen
    from fleetloop.fleet.store import count_versions as count_versions
    from fleetloop.fleet.store import eligible as eligible
    from fleetloop.fleet.store import find_devices as find_devices
    from fleetloop.fleet.store import get_device as get_device
    from fleetloop.fleet.store import search as search
    from fleetloop.fleet.store import sight as sight
    from fleetloop.fleet.store import timeline as timeline
    from fleetloop.fleet.view import DEVICE_PARTS as DEVICE_PARTS
    from fleetloop.fleet.view import ROWS as ROWS
    from fleetloop.fleet.view import DeviceShown as DeviceShown
    from fleetloop.fleet.view import FleetLine as FleetLine
    from fleetloop.fleet.view import FleetPage as FleetPage
    from fleetloop.fleet.view import Stay as Stay
    from fleetloop.fleet.view import device_page as device_page

_FILES = {
    "guard": "TokenGuard",
    "model": "AttributesChanged Device DeviceAdded DeviceChanged DeviceRetired Moment NewDevice RevisionMismatched "
    "Source VersionCount VersionSeen",
    "service": "Fleet",
    "store": "claim count_versions eligible find_devices get_device sight timeline count_matching count_seen search",
    "view": "DEVICE_PARTS ROWS DeviceShown FleetLine FleetPage Stay device_page",
}
__all__ = [
    "DEVICE_PARTS", "ROWS", "AttributesChanged", "Device", "DeviceAdded", "DeviceChanged", "DeviceRetired",
    "DeviceShown", "Fleet", "FleetLine", "FleetPage", "Moment", "NewDevice", "RevisionMismatched", "Source", "Stay",
    "TokenGuard", "VersionCount", "VersionSeen", "claim", "count_matching", "count_seen", "count_versions",
    "device_page", "eligible", "find_devices", "get_device", "search", "sight", "timeline",
]  # fmt: skip
__getattr__ = lazy("fleetloop.fleet", {name: file for file, names in _FILES.items() for name in names.split()})
