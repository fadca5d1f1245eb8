"""What an incident's page shows: what happened in two sentences, how long it took, and on what the machine decided.

An incident of this issue is one line with its evidence. What people add later (owner, cause, notes) is not pretended.
"""

from dataclasses import dataclass

from markupsafe import Markup

from fleetloop import web

PARTS = ("gate", "stats", "timeline")
DAY_S = 20 * 3600.0


@dataclass(frozen=True)
class Incident:
    """An incident in numbers. ``line``: the one that names release, revision, evidence and commit.

    ``restored_at``: when the last reachable device was back; ``back`` = (devices back, all who had it);
    ``commit``, ``subject``: the release's; ``old``: what was confirmed before; ``fixed_by``: the release that ended it.
    """

    id: str
    line: str
    product: str
    version: str
    opened_at: float
    rollout: int
    revision: str = ""
    old: str = ""
    commit: str = ""
    subject: str = ""
    comparison: web.Comparison | None = None
    first_at: float | None = None
    held_at: float | None = None
    stopped_at: float | None = None
    restored_at: float | None = None
    hurt: int = 0
    drawn: int = 0
    devices: int = 0
    back: tuple[int, int] = (0, 0)
    fixed_by: str = ""
    wave_opened_at: float | None = None
    happened: tuple[web.Happening, ...] = ()
    hours: int | None = None
    """Age at the bad event, if all came at about the same."""


@dataclass(frozen=True)
class IncidentPage:
    """One incident's page."""

    i: Incident
    path: str
    topic: str
    badge: web.Badge
    lead: Markup
    gate: web.Gate
    stats: tuple[web.Stat, ...]
    strip: Markup | None
    phases: web.Table | None
    steps: tuple[web.Step, ...]
    plot: Markup | None
    meaning: str
    events: web.Table | None


@dataclass(frozen=True)
class ListPage:
    """All incidents, newest first. ``watched``: rollouts so far, so that none means something."""

    rows: tuple[Incident, ...]
    watched: int = 0

    @property
    def badges(self) -> tuple[web.Badge, ...]:
        """One for each row."""
        return tuple(badge(i) for i in self.rows)

    @property
    def open(self) -> int:
        """Not restored yet."""
        return sum(i.restored_at is None for i in self.rows)


def present(i: Incident, now: float) -> IncidentPage:
    """The page of ``i`` as of ``now``."""
    c = i.comparison
    phases = _phases(i)
    drawn = _plot(i, c) if c and i.stopped_at else None
    return IncidentPage(
        i, f"/incidents/{i.id}", f"rollout/{i.rollout}", badge(i), _lead(i), _gate(i, now), _stats(i),
        _strip(i, phases) if phases else None, _phase_table(phases) if phases else None,
        tuple(web.scale(c, stopped=True)) if c else (), drawn, web.meaning(c, i.version) if c else "",
        web.events_table(c) if c and c.events else None,
    )  # fmt: skip


def badge(i: Incident) -> web.Badge:
    """Open until everybody who can be reached is back."""
    if i.restored_at is None:
        return web.Badge("hurt", "open", "hurt", full=True)
    return web.Badge("confirmed", f"fixed by {i.fixed_by}" if i.fixed_by else "restored")


def _lead(i: Incident) -> Markup:
    where = f", {web.board(i.revision)}" if i.revision else ""
    parts = [
        web.join(f"{i.product} {i.version}{where}. Opened by the verdict "),
        web.when(i.opened_at, "date"),
        Markup("."),
    ]
    return web.join(*parts)


def _gate(i: Incident, now: float) -> web.Gate:
    state, glyph = ("hurt", "stop") if i.restored_at is None else ("confirmed", "confirmed")
    who = f"{web.board(i.revision)} devices" if i.revision else "Devices"
    did = web.verb(i.comparison) if i.comparison else "had a bad event"
    when = f"about {i.hours} hours after booting" if i.hours else "on"
    hurt = f"{web.of(i.hurt, i.devices)} devices were hurt"
    sentence = f"{who} {did} {when} {i.version}. The rollout stopped itself; {hurt}."
    return web.Gate(state, sentence, _detail(i, now), glyph)


def _detail(i: Incident, now: float) -> Markup:
    done, had = i.back
    parts: list[Markup] = []
    if had:
        parts.append(web.join(f"{web.of(done, had)} devices that had it are back on their last confirmed release."))
    if i.restored_at:
        parts.append(web.join("The last one that could be reached was back ", web.near(i.restored_at, now), "."))
    if i.fixed_by:
        parts.append(web.join(f"{i.fixed_by} fixes it."))
    return web.sentence(*parts)


def _phases(i: Incident) -> tuple[web.Phase, ...]:
    """Detect (first bad event to hold), stop, restore; a part that did not happen is left out."""
    names = (("detect", "timed-out", i.held_at), ("stop", "hurt", i.stopped_at), ("restore", "booted", i.restored_at))
    ends = {"detect": "held", "stop": "stopped", "restore": "back"}
    form = _form(i)
    found: list[web.Phase] = []
    start = i.first_at
    for name, look, end in names:
        if start is None or end is None or end <= start:
            continue
        word = f"{web.written(end, form)} {ends[name]}"
        found.append(web.Phase(start, end, look, name, web.duration(end - start), word))
        start = end
    return tuple(found)


def _form(i: Incident) -> str:
    """A clock alone says too little of what took longer than most of a day."""
    last = i.restored_at or i.stopped_at or i.opened_at
    return "day" if i.first_at is not None and last - i.first_at > DAY_S else "hm"


def _strip(i: Incident, phases: tuple[web.Phase, ...]) -> Markup:
    events = [e for e in i.comparison.events if e.new] if i.comparison else []
    dots = [(e.at, f"{e.what} {n}: {e.device}, {web.written(e.at, 'hm')}") for n, e in enumerate(events, 1)]
    said = ", ".join(f"{p.name} {p.took}" for p in phases)
    return web.strip(
        "phases",
        "From the first bad event to the last device restored",
        said,
        phases,
        f"{web.written(phases[0].start, _form(i))} first",
        dots,
    )


def _phase_table(phases: tuple[web.Phase, ...]) -> web.Table:
    rows = [(web.when(p.start), web.when(p.end), p.name, p.took) for p in phases]
    return web.table("Detect, stop, restore", "from|to|what|#took", rows)


def _plot(i: Incident, c: web.Comparison) -> Markup:
    stop = i.stopped_at or i.opened_at
    start = i.wave_opened_at or i.first_at or stop
    length = max(stop - start, 3600.0)
    axis = web.Axis(start - 0.03 * length, stop + 0.13 * length)
    return web.pictures(c, web.story(c, axis, stop, [], stopped=True), i.version, stop).evidence


def _stats(i: Incident) -> tuple[web.Stat, ...]:
    found: list[web.Stat] = []
    for label, end, note in (
        ("Time to detect", i.held_at, "first bad event to hold"),
        ("Time to stop", i.stopped_at, "first bad event to stop, by the machine"),
        ("Time to restore", i.restored_at, "first bad event to last reachable device back"),
    ):
        if i.first_at is not None and end is not None and end >= i.first_at:
            found.append(web.Stat(label, web.duration(end - i.first_at), "", note))
    held = f"{i.comparison.all.held} held back" if i.comparison and i.comparison.control else ""
    return (*found, web.Stat("Hurt", web.count(i.hurt), f"of {web.count(i.drawn)} drawn", held))
