"""The verbs of the fleet, and what is kept in memory so that a poll asks no database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from sys import intern

from fleetloop.access import Gateway, Person, Tokens, audit
from fleetloop.core.clock import Clock
from fleetloop.core.db import Database, Reader, Tx
from fleetloop.core.errors import ConflictError, GoneError, InputError
from fleetloop.core.tags import anything
from fleetloop.fleet import store
from fleetloop.fleet.model import (
    AttributesChanged,
    Device,
    DeviceAdded,
    DeviceChanged,
    DeviceRetired,
    NewDevice,
    Source,
)
from fleetloop.fleet.rules import check_id, check_words, differing, merged, told_revision
from fleetloop.hardware import check_revision

AT_ONCE = 10_000
NEVER = float("-inf")
Check = Callable[[Device], None]
"""Raises unless the device is still as whoever asks has seen it."""


class Fleet:
    """The devices of one server. `touch`, `knows`, `wants_attributes` and `last_contact` answer from memory.

    ``lag_s``: how much older than memory the last contact on disk may be. A device that polls more often than that is
    written that often; one that was quiet for longer, with the next `flush`.
    """

    def __init__(self, db: Database, clock: Clock, tokens: Tokens, *, lag_s: float = 0.0) -> None:
        self._db = db
        self._clock = clock
        self._tokens = tokens
        self._lag_s = lag_s
        self._contacts: dict[str, float | None] = {}
        self._written: dict[str, float] = {}
        """Contacts that are in the database, or will be with the next flush."""
        self._fresh: dict[str, float] = {}
        """Contacts that the next flush writes."""
        self._wants: set[str] = set()
        self._products: dict[str, str] = {}

    async def load(self) -> None:
        """Fill memory at start."""
        for row in await self._db.read(store.all_in_memory):
            self._contacts[row["device"]] = at = row["at"]
            if at is not None:
                self._written[row["device"]] = at
            self._products[row["device"]] = intern(row["product"])
            if row["wants_attributes"]:
                self._wants.add(row["device"])

    def knows(self, device: str) -> bool:
        """Whether it is in the field."""
        return device in self._contacts

    def product(self, device: str) -> str:
        """Of a device in the field; empty if it is not there, or belongs to none."""
        return self._products.get(device, "")

    def touch(self, device: str) -> None:
        """It was in contact just now."""
        self._contacts[device] = now = self._clock.now()
        if now - self._written.get(device, NEVER) >= self._lag_s:
            self._fresh[device] = self._written[device] = now

    def last_contact(self, device: str) -> float | None:
        """Serving clock; None if it never was, or is not in the field."""
        return self._contacts.get(device)

    def in_contact(self, since: float) -> int:
        """How many devices were in contact at ``since`` or later."""
        return sum(at is not None and at >= since for at in list(self._contacts.values()))

    def wants_attributes(self, device: str) -> bool:
        """Whether it is to tell its attributes."""
        return device in self._wants

    def ask(self, tx: Tx, devices: Sequence[str]) -> None:
        """Have these tell their attributes again; after an install, say."""
        store.set_wants(tx, devices, wants=True)
        tx.after(lambda: self._wants.update(device for device in devices if device in self._contacts))

    def flush(self, tx: Tx) -> None:
        """Write the contacts that the disk lacks, in one batch; about every second, and with each step."""
        if fresh := dict(self._fresh):
            store.set_contacts(tx, fresh)
            tx.after(lambda: self._flushed(fresh))

    def flush_all(self, tx: Tx) -> None:
        """At the end: those too that a server that goes on would write later."""
        for device, at in list(self._contacts.items()):
            if at is not None and at > self._written.get(device, NEVER):
                self._fresh[device] = self._written[device] = at
        self.flush(tx)

    def _flushed(self, written: Mapping[str, float]) -> None:
        for device, at in written.items():
            if self._fresh.get(device) == at:
                del self._fresh[device]

    async def attributes(self, device: str, mode: str, data: Mapping[str, str | None]) -> None:
        """What the device tells of itself (PROTOCOLS A8). Each ``version`` it tells is a sighting.

        Raises `InputError`, `LimitError` past 100 attributes. ``remove`` leaves the request for attributes standing.
        """
        at = self._clock.now()
        await self._db.write(lambda tx: self._attributes(tx, device, mode, data, at))

    def _attributes(self, tx: Tx, device: str, mode: str, data: Mapping[str, str | None], at: float) -> None:
        old = store.find_attributes(tx, device)
        new = merged(old, mode, data)
        if names := differing(old, new):
            store.set_attributes(tx, device, new)
            store.note(tx, device, at, "attributes", ", ".join(names[:10]))
            tx.record(AttributesChanged(at, device, names))
        if mode == "remove":
            return
        if device in self._wants:
            store.set_wants(tx, [device], wants=False)
            tx.after(lambda: self._wants.discard(device))
        if version := data.get("version"):
            store.sight(tx, device, version, at, Source.ATTRIBUTE)
        if told := told_revision(data):
            store.claim(tx, device, told, at)

    async def add(self, by: Person, new: Sequence[NewDevice]) -> list[str]:
        """The token of each, told once; all or none are added.

        Raises `InputError`, `UnknownRevisionError`, `NotFoundError` for a product, `ConflictError` for a known id.
        """
        _check(new)

        def job(tx: Tx) -> list[str]:
            for product, revision in sorted({(device.product, device.revision) for device in new}):
                check_revision(tx, product, revision)
            self._create(tx, new)
            what = new[0].id if len(new) == 1 else f"{len(new)} devices, {new[0].id} to {new[-1].id}"
            audit(tx, by, "device add", what, new[0].product)
            return self._tokens.issue(tx, [device.id for device in new])

        return await self._db.write(job)

    async def register(self, device: str, gateway: Gateway) -> None:
        """A gateway brings a device by itself; it has no token of its own. Nothing happens if it is there already."""
        check_id(device)
        new = NewDevice(device, gateway.product, gateway.revision)

        def job(tx: Tx) -> None:
            if gateway.product:
                check_revision(tx, gateway.product, gateway.revision)
            self._create(tx, [new])

        try:
            await self._db.write(job)
        except ConflictError:
            return  # another poll of the same device came first

    def _create(self, tx: Tx, new: Sequence[NewDevice]) -> None:
        at = self._clock.now()
        store.create_devices(tx, new, at)
        for d in new:
            tx.record(DeviceAdded(at, d.id, d.product, d.revision, d.group, d.takes))
        tx.after(lambda: self._learn(new))

    def _learn(self, new: Sequence[NewDevice]) -> None:
        self._contacts.update(dict.fromkeys(device.id for device in new))
        self._wants.update(device.id for device in new)
        self._products.update((device.id, intern(device.product)) for device in new)

    async def change(self, by: Person, device: str, changes: Mapping[str, str], check: Check = anything) -> Device:
        """Correct ``product``, ``revision``, ``group`` or ``takes``. Raises as `add`, `GoneError` for a retired one."""
        at = self._clock.now()

        def job(tx: Tx) -> Device:
            old = _in_field(tx, device)
            check(old)
            new = replace(old, **changes)
            check_words(new.group, new.takes)
            check_revision(tx, new.product, new.revision)
            store.change_device(tx, new)
            text = ", ".join(f"{name} {value or 'none'}" for name, value in sorted(changes.items()))
            store.note(tx, device, at, "changed", text)
            tx.record(DeviceChanged(at, device, new.product, new.revision, new.group, new.takes))
            audit(tx, by, "device change", device, text)
            tx.after(lambda: self._products.__setitem__(device, intern(new.product)))
            return new

        return await self._db.write(job)

    async def retire(self, by: Person, device: str, check: Check = anything) -> None:
        """It is refused from the commit on, and stays readable. Raises `NotFoundError`, `GoneError`."""
        at = self._clock.now()

        def job(tx: Tx) -> None:
            check(_in_field(tx, device))
            store.retire_device(tx, device, at)
            self._tokens.revoke(tx, device)
            tx.record(DeviceRetired(at, device))
            audit(tx, by, "device retire", device)
            tx.after(lambda: self._drop(device))

        await self._db.write(job)

    def _drop(self, device: str) -> None:
        self._contacts.pop(device, None)
        self._products.pop(device, None)
        self._fresh.pop(device, None)
        self._written.pop(device, None)
        self._wants.discard(device)

    async def get(self, device: str) -> Device:
        """Raises `NotFoundError`."""
        return self._present(await self._db.read(lambda reader: store.get_device(reader, device)))

    async def find(self, filters: Mapping[str, str], after: str = "", most: int = 100) -> list[Device]:
        """In the field, by id, after ``after``. ``filters``: product, revision, version, group."""
        found = await self._db.read(lambda reader: store.find_devices(reader, filters, after, most))
        return [self._present(device) for device in found]

    def _present(self, device: Device) -> Device:
        """With the last contact as memory knows it."""
        return replace(device, last_contact=self._contacts.get(device.id, device.last_contact))


def _check(new: Sequence[NewDevice]) -> None:
    if not 1 <= len(new) <= AT_ONCE:
        raise InputError(f"{len(new)} devices; expected 1 to {AT_ONCE} at once")
    for device in new:
        check_id(device.id)
        check_words(device.group, device.takes)
    if len({device.id for device in new}) < len(new):
        raise InputError("the list names a device twice")


def _in_field(reader: Reader, device: str) -> Device:
    found = store.get_device(reader, device)
    if found.retired_at is not None:
        raise GoneError(f"{device} is retired")
    return found
