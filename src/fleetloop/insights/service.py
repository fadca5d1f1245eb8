"""The joins: each reads several rooms by their front doors and keeps nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from fleetloop import fleet, incidents, rollouts, telemetry, web
from fleetloop.core.clock import DAY, Clock
from fleetloop.core.db import Database, Reader
from fleetloop.fleet import Fleet
from fleetloop.hardware import Hardware, Product
from fleetloop.incidents import Incidents
from fleetloop.insights import view
from fleetloop.insights.device import Around, shown
from fleetloop.insights.matching import outlook, tasks, told
from fleetloop.insights.story import Life, happened
from fleetloop.releases import Proof, ReleaseShown, RolledOut
from fleetloop.rollouts import RolloutShown, Showing

MISSED_POLLS = 3
"""A device that missed so many is not in contact."""
ACTIVE_S = 3 * DAY
REACHED = 0.9
POLL_S = 300.0


@dataclass(frozen=True)
class Below:
    """The rooms that are joined."""

    db: Database
    clock: Clock
    hardware: Hardware
    fleet: Fleet
    releases: Proof
    rollouts: Showing
    incidents: Incidents


@dataclass(frozen=True)
class Counted:
    """Devices of one product by revision: all, in contact, and unwell in the last day; and by version."""

    versions: Sequence[fleet.VersionCount]
    seen: dict[str, int]
    unwell: dict[str, int]

    @property
    def revisions(self) -> dict[str, int]:
        """All of each."""
        found: dict[str, int] = {}
        for count in self.versions:
            found[count.revision] = found.get(count.revision, 0) + count.devices
        return found


class Insights:
    """One server's joins."""

    def __init__(self, below: Below) -> None:
        self._b = below

    async def overview(self) -> view.Overview:
        """The loop in numbers."""
        now = self._b.clock.now()
        products = await self._b.hardware.products()
        contact_s = MISSED_POLLS * max([p.poll_s for p in products], default=POLL_S)
        counted = [await self._count(p, now, contact_s) for p in products]
        all_rollouts = await self._b.rollouts.all(most=10)
        releases = await self._b.releases.all()
        cases = await self._b.incidents.all()
        lines = {c.id: incidents.line(c, await self._b.rollouts.rollout(c.rollout)) for c in cases[:3]}
        shown_now = tuple(told(r, cases, all_rollouts, now) for r in all_rollouts if _news(r, all_rollouts))
        return view.Overview(
            product=_named(products), devices=sum(sum(c.revisions.values()) for c in counted),
            revisions=sum(len(c.revisions) for c in counted), in_contact=self._b.fleet.in_contact(now - contact_s),
            contact_s=contact_s, rollouts=shown_now,
            releases=tuple(outlook(r, all_rollouts) for r in releases[:4]),
            crashes=tuple(_well(c, name) for c in counted for name in sorted(c.seen)),
            incidents=tuple(_case(c, lines.get(c.id, c.sentence)) for c in cases),
            tasks=tasks(all_rollouts, cases, lines), happened=_lately(all_rollouts),
        )  # fmt: skip

    async def _count(self, product: Product, now: float, contact_s: float) -> Counted:
        def job(reader: Reader) -> Counted:
            unwell = [fleet.get_device(reader, d).revision for d in telemetry.unwell(reader, now - DAY)]
            versions = fleet.count_versions(reader, product.name)
            seen = fleet.count_seen(reader, product.name, now - contact_s)
            return Counted(versions, seen, {name: unwell.count(name) for name in set(unwell)})

        return await self._b.db.read(job)

    async def devices(self, text: str, version: str, after: str) -> fleet.FleetPage:
        """A page of the list. ``version``: a version, `unknown`, or empty for all."""
        now = self._b.clock.now()
        products = await self._b.hardware.products()
        contact_s = MISSED_POLLS * max([p.poll_s for p in products], default=POLL_S)
        wanted = {"": None, view.UNKNOWN: ""}.get(version, version)

        def job(reader: Reader) -> fleet.FleetPage:
            found = fleet.search(reader, text, wanted, after, fleet.ROWS)
            stands = rollouts.stands(reader, [d.id for d in found])
            counts = [c for p in products for c in fleet.count_versions(reader, p.name)]
            return fleet.FleetPage(
                total=fleet.count_matching(reader, text, wanted), devices=fleet.count_matching(reader, "", None),
                in_contact=self._b.fleet.in_contact(now - contact_s), contact_s=contact_s,
                rows=tuple(self._line(d, stands.get(d.id)) for d in found), query=text, version=version,
                versions=_summed((c.version or view.UNKNOWN, c.devices) for c in counts),
                revisions=_summed((c.revision, c.devices) for c in counts),
                after=found[-1].id if len(found) == fleet.ROWS else "",
            )  # fmt: skip

        return await self._b.db.read(job)

    def _line(self, device: fleet.Device, stand: rollouts.Stand | None) -> fleet.FleetLine:
        seen = self._b.fleet.last_contact(device.id)
        line = fleet.FleetLine(device.id, device.revision, device.version, seen)
        return replace(line, wanted=stand.version, state=stand.state, why=stand.why) if stand else line

    async def knows(self, device: str) -> bool:
        """Whether there is a device of exactly this id in the field."""
        return self._b.fleet.knows(device)

    async def life(self, device: str) -> Life:
        """All that is known of a device. Raises `NotFoundError`."""

        def job(reader: Reader) -> Life:
            found = fleet.get_device(reader, device)
            return Life(
                found,
                fleet.timeline(reader, device),
                telemetry.timeline(reader, device),
                rollouts.turns(reader, device),
            )

        life = await self._b.db.read(job)
        seen = self._b.fleet.last_contact(device)
        return life if seen is None else replace(life, device=replace(life.device, last_contact=seen))

    async def device(self, device: str) -> fleet.DeviceShown:
        """One device's page. Raises `NotFoundError`."""
        life = await self.life(device)
        products = {p.name: p.poll_s for p in await self._b.hardware.products()}
        poll_s = products.get(life.device.product, POLL_S)
        around = Around(poll_s, MISSED_POLLS * poll_s, await self._b.incidents.all(life.device.product))
        return shown(life, around, self._b.clock.now())

    async def timeline(self, device: str) -> tuple[web.Happening, ...]:
        """What happened to a device, newest first. Raises `NotFoundError`."""
        return happened(await self.life(device))

    async def release(self, product: str, version: str) -> ReleaseShown:
        """One release with what became of it. Raises `NotFoundError`."""
        base = await self._b.releases.shown(product, version)
        now = self._b.clock.now()
        brought = [r for r in await self._b.rollouts.all(product) if r.version == version and r.kind == "update"]
        cases = await self._b.incidents.all(product)
        older = [r for r in await self._b.releases.all() if r.product == product and r.published_at < base.published_at]

        def job(reader: Reader) -> tuple[list[fleet.VersionCount], int, list[float]]:
            active = sum(fleet.count_seen(reader, product, now - ACTIVE_S).values())
            return fleet.count_versions(reader, product), active, rollouts.confirmed_at(reader, product, version)

        counts, active, confirmed = await self._b.db.read(job)
        needed = ceil(REACHED * active)
        return replace(
            base, previous=older[0].version if older else "", rollouts=tuple(_brought(r, now) for r in brought),
            incidents=tuple([await self._named_line(c) for c in cases if c.version == version]),
            fixes=tuple([await self._named_line(c) for c in cases if c.fixed_by == version]),
            devices=tuple(one for one in _summed((c.revision, c.devices) for c in counts) if one[0] in base.revisions),
            confirmed=len(confirmed), active=active, running=sum(c.devices for c in counts if c.version == version),
            reached_at=confirmed[needed - 1] if 0 < needed <= len(confirmed) else None,
        )  # fmt: skip

    async def _named_line(self, case: incidents.Incident) -> tuple[str, str]:
        return incidents.name(case.id), incidents.line(case, await self._b.rollouts.rollout(case.rollout))

    async def releases(self) -> list[ReleaseShown]:
        """All releases with their newest rollout, newest first."""
        now = self._b.clock.now()
        brought = await self._b.rollouts.all(most=60)
        by_release: dict[tuple[str, str, str], list[RolledOut]] = {}
        for one in brought:
            by_release.setdefault((one.product, one.version, one.kind), []).append(_brought(one, now))
        listed = await self._b.releases.all()
        return [replace(r, rollouts=tuple(by_release.get((r.product, r.version, "update"), ()))) for r in listed]


def _named(products: Sequence[Product]) -> str:
    return products[0].name if len(products) == 1 else web.things(len(products), "product")


def _case(case: incidents.Incident, line: str) -> view.Incident:
    return view.Incident(incidents.name(case.id), line, case.opened_at, case.restored_at is None)


def _news(r: RolloutShown, everything: Sequence[RolloutShown]) -> bool:
    """What is open, and the newest that are not."""
    return not r.over or r in everything[:3] or r.left > 0


def _well(c: Counted, revision: str) -> view.Crashes:
    devices = c.seen[revision]
    return view.Crashes(revision, max(0, devices - c.unwell.get(revision, 0)), devices)


def _summed(pairs: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for name, n in pairs:
        found[name] = found.get(name, 0) + n
    return tuple(sorted(found.items()))


def _brought(r: RolloutShown, now: float) -> RolledOut:
    return RolledOut(r.id, rollouts.badge(r), r.waves, rollouts.gate(r, now).sentence, alarm=r.phase == "stopped")


LATELY = 12


def _lately(everything: Sequence[RolloutShown]) -> tuple[web.Happening, ...]:
    """The newest of all rollouts, each with its version."""
    found = [
        replace(h, text=web.join(f"{'Rollback to ' if r.kind == 'rollback' else ''}{r.version}: ", h.text), more="")
        for r in everything[:4] if not (r.empty_way_back and r.over)
        for h in r.happened if r.kind != "rollback" or h.glyph != "key"
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda h: -h.at)[:LATELY])
