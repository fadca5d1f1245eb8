"""A rollout starts and its waves open: who is enrolled, who is drawn, what memory and the record are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from fleetloop import fleet, health
from fleetloop.core.db import Reader, Tx
from fleetloop.rollouts import book, draw, store
from fleetloop.rollouts.cases import Entry, Member, OpenWave, Rollout, WaveOpened
from fleetloop.rollouts.desk import Desk, Watch
from fleetloop.rollouts.lives import Drawn, Fresh
from fleetloop.rollouts.model import Event
from fleetloop.rollouts.moves import apply
from fleetloop.rollouts.waves import Count, wave_size


@dataclass(frozen=True)
class Offer:
    """What a release has for devices: artifact keys by (hardware revision, kind)."""

    product: str
    version: str
    artifacts: dict[tuple[str, str], int]

    @property
    def revisions(self) -> list[str]:
        """The hardware revisions it is built for."""
        return sorted({revision for revision, _ in self.artifacts})


def selection(reader: Reader, offer: Offer, wave: int = 0, *, beside: int | None = None) -> list[Member]:
    """The devices in the field that the release has an artifact for and that do not run it yet, by id.

    ``beside``: without those that this rollout has enrolled.
    """
    wanted = fleet.eligible(offer.product, offer.revisions)
    rows = reader.all(wanted if beside is None else store.others(wanted, beside))
    found = [
        Member(r["device"], r["revision"], r["version"], offer.artifacts[r["revision"], r["takes"]], wave)
        for r in rows
        if (r["revision"], r["takes"]) in offer.artifacts and r["version"] != offer.version
    ]
    return sorted(found, key=lambda m: m.device)


def strata(members: Sequence[Member], left: Sequence[Member]) -> dict[str, Count]:
    """Devices of each hardware revision, and how many were drawn."""
    total: dict[str, int] = {}
    for m in members:
        total[m.revision] = total.get(m.revision, 0) + 1
    undrawn: dict[str, int] = {}
    for m in left:
        undrawn[m.revision] = undrawn.get(m.revision, 0) + 1
    return {revision: Count(n, n - undrawn.get(revision, 0)) for revision, n in sorted(total.items())}


def open_wave(tx: Tx, desk: Desk, watch: Watch, offer: Offer, at: float, *, everybody: bool = False) -> Rollout:
    """Open the next wave: enrol late joiners, draw by hash inside each revision, insert, and note it.

    ``everybody``: whoever is left is drawn, whatever the plan's shares say.
    """
    case = watch.rollout
    number = case.wave + 1
    joining = selection(tx, offer, number, beside=case.id)
    late = store.add_members(tx, case.id, joining)
    counts = store.strata(tx, case.id)
    sizes = {r: c.total - c.drawn for r, c in counts.items()} if everybody else wave_size(case.plan, number, counts)
    left = store.undrawn(tx, case, fleet.eligible(offer.product, offer.revisions))
    chosen = _drawn(case, number, [one for one in left if one[-1] != offer.version], sizes)
    release(tx, desk, [m.device for m in chosen], case.component, at)
    kind = "wave" if number <= len(case.plan.waves) else "remainder"
    store.open_wave(tx, OpenWave(case.id, number, kind, len(chosen), at, None))
    fresh = store.deploy(tx, case, number, case.version, chosen, at)
    opened = replace(case, wave=number, held_since=None, go=0, go_by="")
    store.change_rollout(tx, case.id, wave=number, held_since=None, go=0, go_by="")
    _note(tx, opened, kind, chosen, at)
    tx.after(lambda: watch.members.update((m.device, m.revision) for m in joining))
    told(tx, desk, watch, opened, late, [fresh])
    return opened


def told(tx: Tx, desk: Desk, watch: Watch, opened: Rollout, late: Sequence[Member], drawn: Sequence[Fresh]) -> None:
    """The wave goes into the record now; memory learns of it after the commit."""
    at = drawn[0].at
    line = health.Wave(at, opened.wave)
    book.place(tx, opened.id, line)
    lines = [*book.enrolments(at, late, opened.wave), line]
    devices = sorted(device for fresh in drawn for device in fresh.places)

    def learn() -> None:
        watch.rollout, watch.opened_at = opened, at
        watch.members.update((m.device, m.revision) for m in late)
        for one in lines:
            watch.experiment.feed(one)
        watch.experiment.draw(at, opened.wave, devices)
        for fresh in drawn:
            desk.opened(watch, fresh)

    tx.after(learn)


def release(tx: Tx, desk: Desk, devices: Sequence[str], component: str, at: float) -> None:
    """What an older rollout still had open on these devices is superseded: the newest release wins."""
    busy = store.busy(tx, component)
    for device in devices:
        case = store.last_of(tx, device, component) if device in busy else None
        if case and case[0].open:
            apply(tx, desk, case, Event.SUPERSEDED, at)


def _drawn(case: Rollout, wave: int, free: Sequence[Drawn], sizes: Mapping[str, int]) -> list[Drawn]:
    """By id; inside each revision by hash."""
    candidates: dict[str, list[str]] = {revision: [] for revision in sizes}
    for device, revision, *_ in free:
        candidates[revision].append(device)
    chosen: set[str] = set()
    for revision, n in sizes.items():
        chosen.update(draw.chosen(case.seed, str(case.id), wave, candidates[revision], n))
    return sorted((one for one in free if one[0] in chosen), key=itemgetter(0))


def _note(tx: Tx, opened: Rollout, kind: str, chosen: Sequence[Drawn], at: float) -> None:
    counts: dict[str, int] = {}
    for m in chosen:
        counts[m.revision] = counts.get(m.revision, 0) + 1
    title = "The remainder" if kind == "remainder" else f"Wave {opened.wave}"
    drawn = ", ".join(f"{n:,} {revision}" for revision, n in sorted(counts.items())) or "nobody"
    store.write(tx, opened.id, Entry(at, "wave", f"{title} opened ({len(chosen):,} devices)", f"Drawn: {drawn}"))
    tx.record(WaveOpened(at, opened.id, opened.wave, len(chosen)))
