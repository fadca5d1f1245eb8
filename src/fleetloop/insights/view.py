"""What the overview shows: one sentence of what is wrong now, or that nothing is; what waits for a person; the loop.

page = present(Overview(...), now)
render("insights/overview.html", frame, page=page)
"""

from dataclasses import dataclass

from markupsafe import Markup

from fleetloop import web

UNKNOWN = "unknown"
"""Stands for the version of a device that told none."""
PUBLISH = "In your firmware's repository: fleetloop run, then fleetloop publish build/bundle."
START = "To roll it out: fleetloop rollout start"
PARTS = ("gate", "asks", "stages", "timeline")
SEVERITY = ("stopped", "waiting for a person", "held", "paused", "running", "updating the held-back")
"""Phases that are news, worst first."""


@dataclass(frozen=True)
class Rollout:
    """A rollout that is open, or was lately. ``phase``: its own word, or `held` or `paused`.

    ``incident``: if it has one; ``closed``: it was stopped and everybody is back; ``back`` = (devices back, all).
    """

    id: int
    product: str
    version: str
    phase: str
    sentence: str
    whole: web.Wave
    kind: str = "update"
    at: float | None = None
    incident: str = ""
    closed: bool = False
    back: tuple[int, int] = (0, 0)
    back_to: str = ""
    handed_after: int = 0
    left: str = ""
    """Of devices that sit on it and cannot go back; empty if there are none."""
    nobody: bool = False
    """A rollback that took nobody."""


@dataclass(frozen=True)
class Release:
    """A release and what became of it: a state's key and words. ``reached``: its rollout ended without a stop."""

    product: str
    version: str
    state: str
    words: str
    reached: bool = False


@dataclass(frozen=True)
class Crashes:
    """Devices of one revision without a bad event in the last day, of those in contact."""

    revision: str
    free: int
    devices: int


@dataclass(frozen=True)
class Incident:
    """An incident: its line, and when it was opened."""

    id: str
    line: str
    opened_at: float
    open: bool


@dataclass(frozen=True)
class Task:
    """Something that waits for a person: a state's key, what, since when, and the way there."""

    state: str
    title: str
    note: str
    at: float
    path: str
    button: str

    @property
    def strong(self) -> Markup:
        """The title as it stands in the list."""
        return web.el("b", self.title)


@dataclass(frozen=True)
class Overview:
    """The loop in numbers. ``revisions``: how many hardware revisions; ``contact_s``: what counts as in contact."""

    product: str
    devices: int
    revisions: int
    in_contact: int
    contact_s: float
    rollouts: tuple[Rollout, ...] = ()
    releases: tuple[Release, ...] = ()
    crashes: tuple[Crashes, ...] = ()
    incidents: tuple[Incident, ...] = ()
    tasks: tuple[Task, ...] = ()
    happened: tuple[web.Happening, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One card of the loop. ``state``: `hurt` where something is shown to be bad."""

    path: str
    name: str
    glyph: str
    state: str
    strong: str
    quiet: str
    lines: tuple[Markup, ...] = ()
    bars: tuple[tuple[str, web.Wave], ...] = ()
    table: web.Table | None = None
    table_note: str = ""


@dataclass(frozen=True)
class OverviewPage:
    """The landing page."""

    o: Overview
    lead: str
    gate: web.Gate
    way: tuple[str, str] | None
    """(address, words) of the gate's one button."""
    stages: tuple[Stage, ...]
    path: str = ""
    topic: str = "rollout"


def present(o: Overview, now: float) -> OverviewPage:
    """The page of ``o`` as of ``now``."""
    lead = f"{o.product}: {web.things(o.devices, 'device')} in {web.things(o.revisions, 'hardware revision')}."
    worst = _worst(o)
    way = (f"/rollouts/{worst.id}", "Open the rollout") if worst else None
    stages = (_releases(o), _rollouts(o), _fleet(o), _incidents(o, now))
    return OverviewPage(o, lead, _gate(o, worst, now), way, stages)


def _worst(o: Overview) -> Rollout | None:
    news = [r for r in o.rollouts if r.phase in SEVERITY and not r.closed and r.kind == "update"]
    return min(news, key=lambda r: (SEVERITY.index(r.phase), -r.id), default=None)


def _gate(o: Overview, worst: Rollout | None, now: float) -> web.Gate:
    if worst is None:
        return _calm(o)
    if worst.phase == "stopped":
        return _stopped(worst, now)
    looks = {
        "waiting for a person": ("waiting", "person"),
        "held": ("waiting", "waiting"),
        "paused": ("cancelled", "cancelled"),
    }
    state, glyph = looks.get(worst.phase, ("booted", "booted"))
    return web.Gate(state, f"{worst.product} {worst.version}: {worst.sentence}", _progress(worst), glyph)


def _stopped(r: Rollout, now: float) -> web.Gate:
    when = web.join(" ", web.relative(r.at, now)) if r.at else Markup()
    done, had = r.back
    to = f" to {r.back_to}" if r.back_to else ""
    back = f" Going back{to}: {web.of(done, had)} devices done." if had else ""
    handed = (
        "No device has been handed it since."
        if not r.handed_after
        else f"{web.count(r.handed_after)} handed it after the stop."
    )
    stays = f" {r.left}" if r.left else ""
    due = " A person is due: ship a fix as a new release." if r.left else ""
    said = web.join(f"{r.product} {r.version} stopped", when, ".", back, stays)
    return web.Gate("hurt", said, f"{r.sentence} {handed}{due}", "stop")


def _calm(o: Overview) -> web.Gate:
    if not o.devices:
        return web.Gate("waiting", "Nothing is watched yet: no device has called.", "", "waiting")
    if not o.releases:
        return web.Gate("waiting", "Nothing has been published yet.", PUBLISH, "waiting")
    if not o.rollouts:
        which = f"{o.releases[0].product} {o.releases[0].version}"
        return web.Gate("waiting", f"{which} is published, and goes nowhere yet.", f"{START} {which}", "waiting")
    best = next((r for r in o.releases if r.reached), None)
    rest = f"{best.version} is {best.words}." if best else "No release has been confirmed on the fleet yet."
    return web.Gate("confirmed", "Nothing is wrong, and nothing waits.", rest, "confirmed")


def _progress(r: Rollout) -> str:
    return f"{web.of(r.whole.of('confirmed'), r.whole.devices)} devices confirmed, {web.count(r.whole.hurt)} hurt."


def _releases(o: Overview) -> Stage:
    good = next((r for r in o.releases if r.state == "confirmed"), None)
    newest = next((r for r in o.releases if r.reached), None)
    lines = tuple(web.join(web.state(r.state, web.el("b", r.version)), f" {r.words}") for r in o.releases[:4])
    if good or not newest:
        quiet = "is the last good one" if good else "confirmed so far" if o.releases else "published"
        return Stage("/releases", "Releases", "key", "", good.version if good else "none", quiet, lines)
    return Stage("/releases", "Releases", "key", "", newest.version, "is the newest; inconclusive", lines)


def _rollouts(o: Overview) -> Stage:
    stopped = [r for r in o.rollouts if r.phase == "stopped" and not r.closed and r.kind == "update"]
    running = [r for r in o.rollouts if r.phase in SEVERITY[1:]]
    strong = f"{len(stopped)} stopped" if stopped else f"{len(running)} running"
    back = sum(r.kind == "rollback" for r in running)
    going = web.things(back, "rollback") if back == len(running) else web.count(len(running))
    quiet = f"and {going} running" if stopped else f"of {len(o.rollouts)}" if o.rollouts else ""
    shown = o.rollouts[:3]
    bars = tuple((_bar_title(r), r.whole) for r in shown)
    lines = tuple(
        web.join(web.state("confirmed", web.of(r.handed_after, r.whole.devices)), f" handed {r.version} after the stop")
        for r in stopped
        if not r.handed_after
    )
    return Stage("/rollouts", "Rollouts", "booted", "hurt" if stopped else "", strong, quiet, lines, bars)


def _bar_title(r: Rollout) -> str:
    if r.nobody:
        return f"Rollback {r.id}, nobody went back"
    if r.kind == "rollback":
        return f"Rollback to {r.version}, {web.of(r.whole.of('booted', 'confirmed'), r.whole.devices)} back"
    return f"{r.version} to {web.things(r.whole.devices, 'device')}, {r.phase}"


def _fleet(o: Overview) -> Stage:
    rows = [_crash_row(c) for c in o.crashes]
    table = web.table("Devices without a bad event by revision", "revision|!no bad event, 24 h|85 to 100 %", rows)
    quiet = f"of {web.count(o.devices)} in contact within {web.span(o.contact_s)}"
    return Stage("/fleet", "Fleet", "confirmed", "", web.count(o.in_contact), quiet,
                 table=table if rows else None, table_note="Line: 95 % interval." if rows else "")  # fmt: skip


def _crash_row(c: Crashes) -> tuple[str, ...]:
    low, high = wilson(c.free, c.devices)
    share = c.free / c.devices if c.devices else 0.0
    label = f"{100 * low:.1f} to {100 * high:.1f} percent"
    said = web.join(f"{web.cut(100 * share, 1)} % ", web.el("span", web.of(c.free, c.devices), class_="quiet"))
    return (c.revision, said, web.mini_share(label, low, share, high))


def wilson(good: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson interval of a share; 0 to 1 without data."""
    if not total:
        return 0.0, 1.0
    share, square = good / total, z * z / total
    middle = (share + square / 2) / (1 + square)
    half = z * ((share * (1 - share) / total + square / (4 * total)) ** 0.5) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def _incidents(o: Overview, now: float) -> Stage:
    still = [i for i in o.incidents if i.open]
    lines = tuple(
        web.join(
            web.state("hurt" if i.open else "confirmed", web.el("b", i.id)),
            f" {i.line}, ",
            web.relative(i.opened_at, now),
        )
        for i in o.incidents[:3]
    )
    quiet = f"of {len(o.incidents)}" if o.incidents else "" if o.rollouts else "nothing is watched yet"
    return Stage("/incidents", "Incidents", "hurt", "hurt" if still else "", f"{len(still)} open", quiet, lines)
