"""Who the next wave draws, made ready before it opens: while the wave before it soaks, in a reader's thread.

A draw follows from the tables alone. So a draft is right as long as nothing happened to a device since; the log of
facts tells to whom something did, and these are looked at again inside the opening's own transaction. With a draft and
without one the same devices are drawn.
"""

from bisect import insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, filterfalse, islice
from operator import itemgetter

from fleetloop import fleet
from fleetloop.core.db import Reader, cursor, facts_after, last_fact
from fleetloop.rollouts import draw, store
from fleetloop.rollouts.cases import Member, Rollout
from fleetloop.rollouts.lives import Chosen, Drawn
from fleetloop.rollouts.waves import Count, wave_size

LISTENER = "rollouts"
"""Whose cursor says which facts this room has handled."""
MOST = 5_000
"""So many devices are looked at again one by one; if it were more, all are."""
OLD = 20_000
"""So many facts make a draft too old to keep."""
KINDS = (fleet.DeviceAdded, fleet.DeviceChanged, fleet.DeviceRetired, fleet.VersionSeen)
"""All that can let a device into a draw, or keep it out."""


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


@dataclass(frozen=True)
class Draft:
    """The draw of wave ``wave`` as things stood at fact ``number``.

    ``joining``: who comes late and is to be enrolled first. ``free``: who may be drawn, by id, ``order``: the same by
    revision and place. ``sizes``, ``chosen``: how many, and who, if nothing changes.
    """

    wave: int
    number: int
    joining: Sequence[Member]
    counts: Mapping[str, Count]
    free: Sequence[Drawn]
    order: Mapping[str, Sequence[str]]
    sizes: Mapping[str, int]
    chosen: Chosen


def selection(
    reader: Reader, offer: Offer, wave: int = 0, *, beside: int | None = None, among: Collection[str] | None = None
) -> list[Member]:
    """The devices in the field that the release has an artifact for and that do not run it yet, by id.

    ``beside``: without those that this rollout has enrolled. ``among``: of these alone.
    """
    wanted = fleet.eligible(offer.product, offer.revisions)
    if among is not None:
        wanted = wanted.where(wanted.selected_columns.device.in_(sorted(among)))
    rows = reader.all(wanted if beside is None else store.others(wanted, beside))
    found = [
        Member(r["device"], r["revision"], r["version"], offer.artifacts[r["revision"], r["takes"]], wave)
        for r in rows
        if (r["revision"], r["takes"]) in offer.artifacts and r["version"] != offer.version
    ]
    return sorted(found, key=lambda m: m.device)


def due(case: Rollout) -> bool:
    """Whether another wave may come."""
    return case.wave < len(case.plan.waves) or (case.wave == len(case.plan.waves) and case.plan.remainder)


def stale(reader: Reader, case: Rollout, draft: Draft | None) -> bool:
    """Whether there is no draft of the wave to come, or so old a one that it saves nothing."""
    return draft is None or draft.wave != case.wave + 1 or last_fact(reader) - draft.number > OLD


def prepare(reader: Reader, case: Rollout, offer: Offer) -> Draft:
    """Draw the next wave, without a trace. The cursor comes first: what happens meanwhile is a fact behind it."""
    number, wave = cursor(reader, LISTENER), case.wave + 1
    joining = selection(reader, offer, wave, beside=case.id)
    free = _free(reader, case, offer)
    order = {revision: _ordered(case, wave, rows) for revision, rows in _by_revision(free).items()}
    counts = store.strata(reader, case.id)
    sizes = wave_size(case.plan, wave, counts)
    return Draft(wave, number, joining, counts, free, order, sizes, _chosen(free, order, sizes))


def touched(reader: Reader, draft: Draft) -> set[str] | None:
    """To whom something happened since that may change the draw; None: to too many."""
    found = facts_after(reader, draft.number, [kind.__name__ for kind in KINDS], OLD + 1)
    names = {one.fact.device for one in found if isinstance(one.fact, KINDS)}
    return None if len(found) > OLD or len(names) > MOST else names


def amend(reader: Reader, case: Rollout, offer: Offer, draft: Draft, again: Collection[str]) -> Draft:
    """The draft with these devices looked at again."""
    rows = _free(reader, case, offer, again)
    order = {revision: [*filterfalse(again.__contains__, devices)] for revision, devices in draft.order.items()}
    places = dict[str, bytes]()

    def place(device: str) -> tuple[bytes, str]:
        if device not in places:
            places.update(draw.places(case.seed, str(case.id), draft.wave, [device]))
        return places[device], device

    for row in rows:
        insort(order.setdefault(row[1], []), row[0], key=place)
    free = [row for row in draft.free if row[0] not in again]
    if rows:
        free = sorted([*free, *rows], key=itemgetter(0))
    return replace(draft, counts=store.strata(reader, case.id), free=free, order=order, sizes={})


def pick(draft: Draft, sizes: Mapping[str, int]) -> Chosen:
    """So many of each revision: those with the lowest places."""
    return draft.chosen if sizes == draft.sizes else _chosen(draft.free, draft.order, sizes)


def _free(reader: Reader, case: Rollout, offer: Offer, among: Collection[str] | None = None) -> list[Drawn]:
    left = store.undrawn(reader, case, fleet.eligible(offer.product, offer.revisions), among)
    return [one for one in left if one[-1] != offer.version]


def _by_revision(free: Sequence[Drawn]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in free:
        found.setdefault(row[1], []).append(row[0])
    return found


def _ordered(case: Rollout, wave: int, devices: Sequence[str]) -> list[str]:
    """By place. They come by id, and the sort is stable: so stand those with the same place."""
    places = draw.places(case.seed, str(case.id), wave, devices)
    return sorted(devices, key=places.__getitem__)


def _chosen(free: Sequence[Drawn], order: Mapping[str, Sequence[str]], sizes: Mapping[str, int]) -> Chosen:
    found = set[str]()
    for revision, devices in order.items():
        found.update(islice(devices, max(sizes[revision], 0)))
    return Chosen.of([*compress(free, map(found.__contains__, map(itemgetter(0), free)))])
