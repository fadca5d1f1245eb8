"""What the fleet's pages show: which devices there are, and everything about one of them on one axis.

page = device_page(DeviceShown(...), now)
render("fleet/device.html", frame, page=page)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fleetloop import web

DEVICE_PARTS = ("stats", "axis", "timeline", "held")
ROWS = 50
"""Devices on one page of the list."""
SHADES = ("v1", "v4", "v2", "v3", "v5")
"""Fills of versions, in order of appearance; neighbours differ in lightness and hue."""


@dataclass(frozen=True)
class FleetLine:
    """One device in the list. ``state``: of its newest deployment, if it has one; ``why``: what that waits for."""

    device: str
    revision: str
    version: str
    seen_at: float | None
    wanted: str = ""
    state: str = ""
    why: str = ""


@dataclass(frozen=True)
class FleetPage:
    """A page of devices of ``total`` that match, of ``devices`` in all. ``after``: the last id here, if more follow.

    ``versions`` and ``revisions`` are (name, devices); ``in_contact`` counts those heard of within ``contact_s``.
    """

    total: int
    devices: int
    in_contact: int
    contact_s: float
    rows: tuple[FleetLine, ...]
    versions: tuple[tuple[str, int], ...] = ()
    revisions: tuple[tuple[str, int], ...] = ()
    query: str = ""
    version: str = ""
    after: str = ""

    @property
    def table(self) -> web.Table:
        """Versions by devices, with the denominator."""
        rows = [(name or "unknown", web.of(n, self.devices)) for name, n in self.versions]
        return web.table("Devices by version", "runs|#devices", rows)

    @property
    def by_revision(self) -> web.Table:
        """Hardware revisions by devices."""
        rows = [(name, web.of(n, self.devices)) for name, n in self.revisions]
        return web.table("Devices by hardware revision", "revision|#devices", rows)


@dataclass(frozen=True)
class Stay:
    """A stretch of time in something: a version, a deployment's state, contact or none."""

    start: float
    end: float
    what: str
    word: str = ""


@dataclass(frozen=True)
class DeviceShown:
    """A device in numbers, with what other rooms know of it.

    ``versions``, ``states``, ``silences`` are stays; ``boots``, ``crashes``, ``alerts``, ``people`` are spots on the
    axis; ``stops`` are instants at which its rollout was stopped. ``health``: (state, word) for the heading.
    ``held``: (release, reason, from, until) of being held back; ``components``: (name, version, remark, since).
    """

    id: str
    product: str
    revision: str
    health: tuple[str, str]
    version: str
    proven: str = ""
    since: float | None = None
    seen_at: float | None = None
    poll_s: float = 3600.0
    silent_s: float = 0.0
    crashes: int = 0
    known_since: float | None = None
    last_bad_at: float | None = None
    remark: str = ""
    start: float = 0.0
    versions: tuple[Stay, ...] = ()
    states: tuple[Stay, ...] = ()
    silences: tuple[Stay, ...] = ()
    boots: tuple[web.Spot, ...] = ()
    bad: tuple[web.Spot, ...] = ()
    bad_note: str = ""
    alerts: tuple[web.Spot, ...] = ()
    people: tuple[web.Spot, ...] = ()
    stops: tuple[tuple[float, str], ...] = ()
    end: float = 0.0
    happened: tuple[web.Happening, ...] = ()
    components: tuple[tuple[str, str, str, float | None], ...] = ()
    held: tuple[tuple[str, str, float, float | None], ...] = ()
    identity: tuple[tuple[str, str], ...] = ()
    incident: str = ""


@dataclass(frozen=True)
class DevicePage:
    """One device's page."""

    d: DeviceShown
    path: str
    topic: str
    badge: web.Badge
    lead: Markup
    stats: tuple[web.Stat, ...]
    span: str
    lanes: Markup
    components: web.Table | None
    held: web.Table | None


def device_page(d: DeviceShown, now: float) -> DevicePage:
    """The page of ``d`` as of ``now``."""
    axis = _axis(d, now)
    return DevicePage(
        d, web.href("fleet", d.id), f"device/{d.id}", web.Badge(*d.health), _lead(d), _stats(d, now),
        web.range_words(axis), _lanes(d, axis, now), _components(d, now), _held(d),
    )  # fmt: skip


def _lead(d: DeviceShown) -> Markup:
    incident = web.join(" (", web.el("a", d.incident, href=f"/incidents/{d.incident}"), ")") if d.incident else Markup()
    return web.join(f"{d.product} {d.revision}. {d.remark}", incident)


def _stats(d: DeviceShown, now: float) -> tuple[web.Stat, ...]:
    since = web.sentence("since", web.near(d.since, now)) if d.since else Markup()
    seen = web.relative(d.seen_at, now) if d.seen_at else "never"
    days = f"in {web.duration(now - d.known_since)}" if d.known_since else ""
    calm = now - (d.last_bad_at or d.known_since or now)
    last = web.sentence("last one", web.near(d.last_bad_at, now)) if d.last_bad_at else "none so far"
    return (
        web.Stat("Runs", d.version or "unknown", d.proven, since),
        web.Stat("Last contact", seen, "", f"polls every {web.span(d.poll_s)}"),
        web.Stat("Bad events", web.count(d.crashes), days, last),
        web.Stat("Without one for", web.duration(calm)),
    )


def _axis(d: DeviceShown, now: float) -> web.Axis:
    """From ``start`` to ``end``; without them the last 26 hours."""
    end = d.end or now
    return web.Axis(d.start or end - 26 * 3600, end)


def _lanes(d: DeviceShown, axis: web.Axis, now: float) -> Markup:
    rows = [
        web.Lane("version", _versions(d.versions)),
        web.Lane("update", tuple(web.Span(s.start, s.end, web.key_of(s.what), s.word) for s in d.states)),
        web.Lane("boots", spots=d.boots),
        web.Lane("bad events", spots=d.bad, note=d.bad_note),
        web.Lane("contact", _contact(d, axis, min(now, axis.end))),
        *(web.Lane(name, spots=spots) for name, spots in (("alerts", d.alerts), ("people", d.people)) if spots),
    ]
    marks = [web.Mark(at, word, "limit") for at, word in d.stops]
    title = f"{d.id} from {web.range_words(axis)}"
    return web.lane_plot("axis-plot", title, _told(d, axis), axis, rows, marks)


def _versions(stays: Sequence[Stay]) -> tuple[web.Span, ...]:
    names = list(dict.fromkeys(s.what for s in stays))
    return tuple(web.Span(s.start, s.end, SHADES[names.index(s.what) % len(SHADES)], s.what) for s in stays)


def _contact(d: DeviceShown, axis: web.Axis, until: float) -> tuple[web.Span, ...]:
    """In contact wherever it was not silent."""
    found: list[web.Span] = []
    at = axis.start
    for gap in sorted(d.silences, key=lambda s: s.start):
        if gap.start > at:
            found.append(web.Span(at, gap.start, "on", ""))
        found.append(web.Span(gap.start, gap.end, "offline", f"no contact for {web.duration(gap.end - gap.start)}"))
        at = max(at, gap.end)
    return (*found, web.Span(at, until, "on", "")) if at < until else tuple(found)


def _told(d: DeviceShown, axis: web.Axis) -> str:
    inside = [spot for spot in (*d.boots, *d.bad) if axis.start <= spot.at <= axis.end]
    return (
        "; ".join(f"{web.written(s.at, 'day')} {s.says}" for s in sorted(inside, key=lambda s: s.at))
        or "Nothing happened."
    )


def _components(d: DeviceShown, now: float) -> web.Table | None:
    rows = [
        (name, web.join(version, " ", web.el("span", remark, class_="quiet")) if remark else version,
         web.near(since, now) if since else "")
        for name, version, remark, since in d.components
    ]  # fmt: skip
    return web.table("Components and versions", "component|version|since", rows) if rows else None


def _held(d: DeviceShown) -> web.Table | None:
    rows = [
        (release, reason, web.when(start, "short"), web.when(end, "short") if end else "for ever")
        for release, reason, start, end in d.held
    ]
    return web.table("Held back and why", "release|~reason|!from|!until", rows) if rows else None
