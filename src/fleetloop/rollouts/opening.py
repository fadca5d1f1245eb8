"""A rollout starts and its waves open: who is enrolled, who is drawn, what memory and the record are told."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from fleetloop import health
from fleetloop.core.db import Tx
from fleetloop.rollouts import book, draft, store
from fleetloop.rollouts.cases import Entry, Member, OpenWave, Rollout, WaveOpened
from fleetloop.rollouts.desk import Desk, Watch
from fleetloop.rollouts.draft import Draft, Offer
from fleetloop.rollouts.lives import Chosen, Fresh
from fleetloop.rollouts.model import Event
from fleetloop.rollouts.moves import apply
from fleetloop.rollouts.waves import Count, wave_size


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
    ready, joining, late = _ready(tx, watch, offer)
    counts = ready.counts
    sizes = {r: c.total - c.drawn for r, c in counts.items()} if everybody else wave_size(case.plan, number, counts)
    chosen = draft.pick(ready, sizes)
    release(tx, desk, chosen.places.keys(), case.component, at)
    kind = "wave" if number <= len(case.plan.waves) else "remainder"
    store.open_wave(tx, OpenWave(case.id, number, kind, len(chosen), at, None))
    fresh = store.deploy(tx, case, number, case.version, chosen, at)
    opened = replace(case, wave=number, held_since=None, go=0, go_by="")
    store.change_rollout(tx, case.id, wave=number, held_since=None, go=0, go_by="")
    _note(tx, opened, kind, chosen, at)
    tx.after(lambda: watch.members.update((m.device, m.revision) for m in joining))
    told(tx, desk, watch, opened, late, [fresh])
    return opened


def _ready(tx: Tx, watch: Watch, offer: Offer) -> tuple[Draft, list[Member], list[Member]]:
    """The draft as it holds now, with late joiners enrolled: all of them, and those that are new."""
    case, ready, again = watch.rollout, watch.draft, None
    if ready is not None and ready.wave == case.wave + 1:
        again = draft.touched(tx, ready)
    if ready is None or again is None:
        ready, again = draft.prepare(tx, case, offer), set[str]()
    joining = [m for m in ready.joining if m.device not in again]
    if again:
        joining += draft.selection(tx, offer, ready.wave, beside=case.id, among=again)
    late = store.add_members(tx, case.id, joining)
    if len(joining) > draft.MOST:
        return draft.prepare(tx, case, offer), joining, late
    again |= {m.device for m in joining}
    return draft.amend(tx, case, offer, ready, again) if again else ready, joining, late


def told(tx: Tx, desk: Desk, watch: Watch, opened: Rollout, late: Sequence[Member], drawn: Sequence[Fresh]) -> None:
    """The wave goes into the record now; memory learns of it after the commit."""
    at = drawn[0].at
    line = health.Wave(at, opened.wave)
    book.place(tx, opened.id, line)
    lines = [*book.enrolments(at, late, opened.wave), line]
    places = [fresh.places for fresh in drawn]
    devices = [*places[0]] if len(places) == 1 else sorted(device for some in places for device in some)

    def learn() -> None:
        watch.rollout, watch.opened_at = opened, at
        watch.members.update((m.device, m.revision) for m in late)
        for one in lines:
            watch.experiment.feed(one)
        watch.experiment.draw(at, opened.wave, devices)
        for fresh in drawn:
            desk.opened(watch, fresh)

    tx.after(learn)


def release(tx: Tx, desk: Desk, devices: Collection[str], component: str, at: float) -> None:
    """What an older rollout still had open on these devices is superseded: the newest release wins."""
    for device in sorted(device for device in store.busy(tx, component) if device in devices):
        case = store.last_of(tx, device, component)
        if case and case[0].open:
            apply(tx, desk, case, Event.SUPERSEDED, at)


def _note(tx: Tx, opened: Rollout, kind: str, chosen: Chosen, at: float) -> None:
    title = "The remainder" if kind == "remainder" else f"Wave {opened.wave}"
    drawn = ", ".join(f"{n:,} {revision}" for revision, n in chosen.counts.items()) or "nobody"
    store.write(tx, opened.id, Entry(at, "wave", f"{title} opened ({len(chosen):,} devices)", f"Drawn: {drawn}"))
    tx.record(WaveOpened(at, opened.id, opened.wave, len(chosen)))
