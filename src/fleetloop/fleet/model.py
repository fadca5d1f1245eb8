"""Nouns and facts of the fleet."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from fleetloop.core.facts import Fact


class Source(Enum):
    """What a device's version is known from; the empty word: nobody has told yet."""

    NONE = ""
    ATTRIBUTE = "attribute"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True)
class NewDevice:
    """One device to add. ``takes``: the kind of artifact it is offered."""

    id: str
    product: str
    revision: str
    group: str = ""
    takes: str = "image"


@dataclass(frozen=True)
class Device:
    """One unit. ``told_revision``: the hardware revision that it says it is; ``version`` is empty until it told one.

    ``weak``: it never sent a heartbeat, so a crash of it cannot be seen.
    """

    id: str
    product: str
    revision: str
    group: str
    takes: str
    version: str
    source: Source
    weak: bool
    told_revision: str
    created_at: float
    last_contact: float | None
    retired_at: float | None
    attributes: Mapping[str, str]


def state_of(device: Device) -> dict[str, object]:
    """What a person's decision about it rests on."""
    return {
        "id": device.id,
        "product": device.product,
        "revision": device.revision,
        "group": device.group,
        "takes": device.takes,
        "retired": device.retired_at is not None,
    }


@dataclass(frozen=True)
class Moment:
    """One line of a device's timeline. ``what``: added, changed, version, attributes, revision or retired."""

    at: float
    what: str
    text: str


@dataclass(frozen=True)
class VersionCount:
    """So many devices of a revision run a version; the empty version: not told yet."""

    revision: str
    version: str
    devices: int


@dataclass(frozen=True)
class DeviceAdded(Fact):
    """A device joined the fleet, or came back after it was retired."""

    device: str
    product: str
    revision: str
    group: str
    takes: str


@dataclass(frozen=True)
class DeviceChanged(Fact):
    """A person corrected what a device is."""

    device: str
    product: str
    revision: str
    group: str
    takes: str


@dataclass(frozen=True)
class DeviceRetired(Fact):
    """A device left the fleet."""

    device: str


@dataclass(frozen=True)
class VersionSeen(Fact):
    """A device told its version, perhaps the same as before: after an install that, too, is news (it fell back)."""

    device: str
    version: str
    previous: str
    source: str


@dataclass(frozen=True)
class AttributesChanged(Fact):
    """A device told something new of itself; ``names`` of the attributes that differ."""

    device: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class RevisionMismatched(Fact):
    """A device says it is another hardware revision than the one it was registered as."""

    device: str
    registered: str
    told: str
