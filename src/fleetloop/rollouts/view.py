"""What a rollout's pages show, and the words and shapes made of its numbers. No database, no service.

    page = present(Rollout(...), now)
    render("rollouts/rollout.html", frame, page=page)
    render(f"rollouts/_{part}.html", frame, page=page)      # part in PARTS: what live pages fetch again

`compared` turns a verdict's experiment into the comparison that the pictures are made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from fleetloop import web
from fleetloop.rollouts.figures import stats
from fleetloop.rollouts.shown import LOOKS, RolloutShown
from fleetloop.rollouts.words import stuck_sentence

if TYPE_CHECKING:
    from fleetloop import health

PARTS = ("gate", "stats", "waves", "rollback", "evidence", "revisions", "conditions", "missed", "hurt", "timeline")
DUE = "A person is due: ship a fix as a new release, or take these devices back by hand."


@dataclass(frozen=True)
class EvidenceCard:
    """The card that answers whether the new release is worse."""

    steps: tuple[web.Step, ...]
    share: str
    pictures: web.Pictures
    meaning: str
    table: web.Table


@dataclass(frozen=True)
class RolloutPage:
    """One rollout's page. ``r`` are the numbers; the rest is made of them."""

    r: RolloutShown
    now: float
    path: str
    topic: str
    badge: web.Badge
    lead: Markup
    gate: web.Gate
    stats: tuple[web.Stat, ...]
    waves_note: Markup
    alarm: bool
    evidence: EvidenceCard | None
    revisions: web.Table | None
    missed: web.Table | None
    hurt: web.Table | None
    conditions: web.Table | None

    @property
    def shape(self) -> str:
        """Which cards and buttons are there: when it changes, the whole page is new, not a part of it."""
        r = self.r
        optional = (self.revisions, self.missed, self.hurt, self.conditions, r.ask, r.rollback, r.incident)
        return f"{r.phase} {self.gate.state} {''.join('x' if one else '-' for one in optional)}"


def present(r: RolloutShown, now: float) -> RolloutPage:
    """The page of ``r`` as of ``now``."""
    alarm = r.phase == "stopped"
    return RolloutPage(
        r=r, now=now, path=f"/rollouts/{r.id}", topic=f"rollout/{r.id}", badge=badge(r), lead=_lead(r, now),
        gate=gate(r, now), stats=stats(r, now), waves_note=_waves_note(r), alarm=alarm, evidence=_evidence(r, now),
        revisions=web.strata_table(r.comparison, r.blamed if alarm else "") if _compares(r) and r.comparison else None,
        missed=_missed(r), hurt=_hurt(r), conditions=_conditions(r),
    )  # fmt: skip


def badge(r: RolloutShown) -> web.Badge:
    """The state beside the heading."""
    if r.empty_way_back and r.over:
        return web.Badge("waiting" if r.left else "cancelled", "nobody went back", "person" if r.left else "cancelled")
    state, glyph = LOOKS[r.look]
    title = "remainder" if r.wave > r.planned > 0 else f"wave {r.wave} of {r.planned}"
    words = {
        "running": f"running: {title}" if r.wave and r.kind != "rollback" else "running",
        "held": f"held: {title}",
        "paused": f"paused: {title}",
        "stopped": f"stopped by {r.ended_by}",
    }
    return web.Badge(state, words.get(r.look, r.look), glyph, full=r.phase == "stopped")


def _lead(r: RolloutShown, now: float) -> Markup:
    form = "date" if now - r.started_at > 12 * 3600 else "day"
    what = "Rollback" if r.kind == "rollback" else "Rollout"
    origin = f", from {r.old}" if r.old else ""
    to = "of" if r.kind == "rollback" else "to all"
    whom = "of no device" if r.empty_way_back else f"{to} {web.count(r.devices)} {r.product} devices"
    whole = f"{what} {r.id}{origin}, {whom}. Started"
    return web.sentence(whole, web.when(r.started_at, form), f"by {r.started_by}.")


def gate(r: RolloutShown, now: float) -> web.Gate:
    """The sentence that decides, with its times, and what stands behind it."""
    state, glyph = LOOKS[r.look]
    say = {"stopped": _stopped, "finished: good enough": _good, "held": _held}.get(r.look, _waits)
    sentence, detail = say(r, now)
    if r.empty_way_back and r.over:
        state, glyph = ("waiting", "person") if r.left else ("cancelled", "cancelled")
        detail = DUE if r.left else detail
    return web.Gate(state, sentence, r.detail or detail, glyph, stays=not r.over)


def _waits(r: RolloutShown, now: float) -> tuple[Markup, str]:
    sentence = r.sentence.rstrip(".")
    if not r.until or r.until <= now:
        return web.join(f"{sentence}." if sentence else f"{r.look.capitalize()}."), ""
    if web.written(r.until, "day") in sentence:
        return web.join(f"{sentence}."), ""
    at, left = web.near(r.until, now), web.relative(r.until, now)
    return web.join(f"{sentence}: not before ", at, ", ", left, "."), ""


def _held(r: RolloutShown, now: float) -> tuple[Markup, str]:
    c = r.comparison
    if r.sentence or c is None:
        return _waits(r, now)
    e = f"evidence {web.e_value(c.evidence)}, stops at {c.stop_at:g}"
    why = f"It opens by itself when evidence is below {c.hold_at:g} again; after 4 days a person decides."
    return web.join(f"Held: {c.share()} ({e}). The next wave waits."), why


def _stopped(r: RolloutShown, now: float) -> tuple[Markup, str]:
    at = r.ended_at or now
    start = web.join("Stopped ", web.near(at, now), ", ", web.relative(at, now))
    start = start if r.ended_by == "the verdict" else web.join(start, f" by {r.ended_by}")
    never = sum(w.of("held-back") for w in r.waves)
    handed = (
        f"Nobody was handed {r.version} after the stop" if not r.handed_after else f"{r.handed_after} handed after it"
    )
    rest = f"{handed}, and {web.of(never, r.devices)} devices never saw it."
    end = "A stopped rollout does not go on: ship the fix as a new release."
    return web.join(start, ": ", blame(r), "."), " ".join(s for s in (stays(r), _late(r), _others(r), rest, end) if s)


def stays(r: RolloutShown) -> str:
    """Who sits on the stopped release though its rollback is over."""
    if not r.left or r.rollback is None:
        return ""
    return f"{stuck_sentence(r.left, r.version)} A person is due."


def blame(r: RolloutShown) -> str:
    """Both arms' counts of what it was stopped for."""
    c = r.comparison
    row = next((s for s in c.strata if s.name == r.blamed), c.all) if c else None
    if c is None or row is None or not row.new.hurt:
        said = r.sentence.removeprefix("Stopped: ").removeprefix(f"Stopped by {r.ended_by}").lstrip(": ")
        return said.rstrip(".") or "no bad event was seen"
    who = f"{row.new} new {web.board(row.name)} devices" if row is not c.all else f"{row.new} new devices"
    return f"{who} {web.verb(c)}, {row.held} held back"


def _late(r: RolloutShown) -> str:
    """Whether all came at the same age: the sign of a fault that waits."""
    ages = sorted(h.uptime_s for h in r.hurt if h.uptime_s)
    if len(ages) < 3 or ages[-1] > 1.3 * ages[0] or ages[0] < 3600:
        return ""
    return f"Each came about {round(ages[len(ages) // 2] / 3600)} hours after booting {r.version}."


def _others(r: RolloutShown) -> str:
    if r.comparison is None or not r.blamed:
        return ""
    calm = [web.board(s.name) for s in r.comparison.strata if s.name != r.blamed and s.evidence < r.comparison.hold_at]
    return f"On {web.listed(*calm)} nothing speaks against it." if calm else ""


def _good(r: RolloutShown, now: float) -> tuple[Markup, str]:
    e, c = r.enough, r.comparison
    if e is None:
        return _waits(r, now)
    age = f"{int(e.age_s // 3600)} hours"
    at = web.near(r.ended_at or now, now)
    sentence = web.join("Good enough, ", at, f": below {web.per_device_days(e.tolerated)}, up to {age} after booting.")
    days = f"device-day{'' if int(e.device_days) == 1 else 's'}"
    parts = [f"A fault that fires later than {age} is not covered."]
    if c and c.control:
        e_words = f"evidence {web.e_value(c.evidence)}, stops at {c.stop_at:g}"
        parts.insert(0, f"Nothing says that {r.version} is worse ({e_words}).")
    if c:
        held = f"; {c.all.held} held back" if c.control else ""
        parts.insert(0, f"{c.all.new} new devices had a bad event in {int(e.device_days):,} {days}{held}.")
    return sentence, " ".join(parts)


def _waves_note(r: RolloutShown) -> Markup:
    all_of = f"all {web.count(r.devices)} devices"
    if r.phase == "stopped" and r.ended_at:
        return web.sentence(f"state of {all_of} when the rollout stopped,", web.when(r.ended_at, "hm"))
    return web.join(f"state of {all_of} now" if r.over else f"{all_of}, now")


def wave_note(share: int, opened_at: float | None, now: float, otherwise: str = "never opened") -> Markup:
    """Below a wave's name: `5 %, opened Mon 04:05`, or ``otherwise`` (`never opened`, `after wave 3`)."""
    if opened_at is None:
        return web.join(f"{share} %, {otherwise}")
    if abs(now - opened_at) > 6 * 86400:
        return web.join(f"{share} %, ", web.when(opened_at, "date"))
    return web.join(f"{share} %, opened ", web.when(opened_at))


def _compares(r: RolloutShown) -> bool:
    return r.comparison is not None and r.comparison.control


def _evidence(r: RolloutShown, now: float) -> EvidenceCard | None:
    c = r.comparison
    if c is None or r.kind == "rollback":
        return None
    stopped = r.phase == "stopped"
    ended = {"finished: good enough": "good enough", "finished: inconclusive": "inconclusive"}.get(r.phase, "")
    until = r.ended_at or now
    told = web.story(c, _axis(r, now), until, _marks(r), stopped=stopped)
    meaning = web.meaning(c, r.version) or _own_evidence(r)
    drawn = web.pictures(c, told, r.version, r.ended_at if stopped else None)
    steps = tuple(web.scale(c, stopped=stopped and c.highest >= c.stop_at, ended=ended))
    return EvidenceCard(steps, web.share_sentence(c), drawn, meaning, web.events_table(c))


def _own_evidence(r: RolloutShown) -> str:
    e = r.enough
    if e is None or e.evidence < 20:
        return ""
    number = web.e_value(e.evidence)
    rate = web.per_device_days(e.tolerated)
    return (
        f"“Good enough” has an evidence of its own: {number}, shown from 20. Were there {rate} or more, that would "
        f"come up in fewer than 1 of {number} rollouts."
    )


def _axis(r: RolloutShown, now: float) -> web.Axis:
    """From the last wave's opening where the story is there, else from the start; room at the right for the words."""
    stopped = r.phase == "stopped"
    start = r.openings[-1][0] if stopped and r.openings else r.started_at
    end = r.ended_at or max(now, min(r.until or now, now + 3 * 86400))
    length = max(end - start, 3600.0)
    room = 0.02 if not r.over and r.until else 0.18 if stopped else 0.19
    return web.Axis(start - 0.03 * length, end + room * length)


def _marks(r: RolloutShown) -> list[web.Mark]:
    marks = [web.Mark(at, word) for at, word in r.openings]
    if r.phase == "stopped" and r.ended_at:
        return [*marks[-1:], web.Mark(r.ended_at, kind="limit")]
    return [*marks, web.Mark(r.until, "next wave at the earliest")] if r.until and not r.over else marks


def _missed(r: RolloutShown) -> web.Table | None:
    if not r.missed or r.comparison is None:
        return None
    names = [s.name for s in r.comparison.strata]
    sums = [sum(m.counts[n] for m in r.missed) for n in range(len(names))]
    rows = [(m.reason, *map(web.count, m.counts), web.count(sum(m.counts))) for m in r.missed]
    total = web.join(web.el("b", web.count(sum(sums))), f" of {web.count(r.devices)}")
    rows.append((web.el("b", "did not get it"), *map(web.count, sums), total))
    heads = "|".join(("reason", *(f"#{web.board(name)}" for name in names), "#all"))
    return web.table(f"Who did not get {r.version} and why", heads, rows)


def _hurt(r: RolloutShown) -> web.Table | None:
    if not r.hurt:
        return None
    heads = f"device|booted {r.version}|bad event|#uptime|#evidence after|{'rollback' if r.rollback else 'now'}"
    rows = (
        (web.el("a", h.device, href=web.href("fleet", h.device)), web.when(h.booted_at) if h.booted_at else "",
         web.when(h.hurt_at), web.duration(h.uptime_s) if h.uptime_s is not None else "",
         web.cut(h.evidence, 1) if h.evidence is not None else "not compared", web.state(h.state, h.word))
        for h in r.hurt
    )  # fmt: skip
    return web.table("Devices hurt", heads, rows)


def _conditions(r: RolloutShown) -> web.Table | None:
    if not r.conditions or r.over:
        return None
    rows = ((web.state("confirmed" if c.met else "waiting", c.name), c.stands, c.needs) for c in r.conditions)
    return web.table(f"What {r.next} waits for", "condition|stands at|needs", rows)


@dataclass(frozen=True)
class Listed:
    """One rollout in the list. ``whole``: all its devices; ``sentence``: what it waits for or how it ended."""

    id: int
    product: str
    version: str
    kind: str
    badge: web.Badge
    sentence: str
    whole: web.Wave
    started_at: float


@dataclass(frozen=True)
class ListPage:
    """All rollouts, newest first."""

    rows: tuple[Listed, ...]


def listed(r: RolloutShown, now: float) -> Listed:
    """``r`` as one line of the list."""
    kind = "rollback" if r.kind == "rollback" else "rollout"
    return Listed(r.id, r.product, r.version, kind, badge(r), gate(r, now).sentence, group(r), r.started_at)


def group(r: RolloutShown) -> web.Wave:
    """All its devices in one bar."""
    return web.whole(r.waves, f"{'Rollback' if r.kind == 'rollback' else 'Rollout'} {r.id}")


def compared(experiment: "health.Experiment", known: list[web.Ratio] | None = None) -> web.Comparison:
    """A verdict's findings as the pictures want them. ``known``: intervals after 0, 1, … events; it is added to."""
    ratios = _after(experiment, [] if known is None else known)
    rows = tuple(
        web.Stratum(
            row.revision, web.Arm(row.new_events, row.new), web.Arm(row.held_back_events, row.held_back), row.e_value,
            _ratio(row.interval, row.estimate),
        )
        for row in experiment.rows()
    )  # fmt: skip
    new = web.Arm(sum(s.new.hurt for s in rows), sum(s.new.devices for s in rows))
    held = web.Arm(sum(s.held.hurt for s in rows), sum(s.held.devices for s in rows))
    total = web.Stratum("all", new, held, experiment.e_value, ratios[len(experiment.events)])
    installs = (experiment.guard.failed, experiment.guard.started)
    return web.Comparison(
        experiment.e_value, experiment.e_max, experiment.expected_new, rows, total, _bad_events(experiment, ratios),
        _points(experiment, ratios), installs, experiment.plan.hold, experiment.plan.limit,
    )  # fmt: skip


def _after(experiment: "health.Experiment", ratios: list[web.Ratio]) -> list[web.Ratio]:
    """The interval and the estimate after each number of events; what is there already stays true."""
    events = experiment.events
    fresh = range(len(ratios), len(events) + 1)
    ratios += [_ratio(experiment.interval_after(n), likely(events[:n])) for n in fresh]
    return ratios


def _ratio(found: "health.Interval", likely: float | None) -> web.Ratio:
    return web.Ratio(found.lower, float("inf") if found.upper is None else found.upper, likely)


def _bad_events(experiment: "health.Experiment", ratios: Sequence[web.Ratio]) -> tuple[web.BadEvent, ...]:
    return tuple(
        web.BadEvent(e.at, e.device, e.revision, e.arm.value == "new", e.b, e.a, e.e_after, ratios[n], e.what)
        for n, e in enumerate(experiment.events, 1)
    )


def _points(experiment: "health.Experiment", ratios: Sequence[web.Ratio]) -> tuple[web.Point, ...]:
    """E after each event and each failed install, each with the interval of the events so far."""
    events = experiment.events
    first = web.Point(events[0].at - 1e9 if events else 0.0, 1.0, ratios[0])
    counts = (sum(e.at <= step.at for e in events) for step in experiment.steps)
    return (first, *(web.Point(s.at, s.e_value, ratios[n]) for s, n in zip(experiment.steps, counts, strict=True)))


def likely(events: Sequence["health.Comparable"]) -> float | None:
    """The most likely times as bad after ``events``; None where one arm had none. Bisected: the sum only rises."""
    new = sum(e.arm.value == "new" for e in events)
    if new in (0, len(events)):
        return None
    low, high = 1e-4, 1e4
    for _ in range(60):
        middle = (low * high) ** 0.5
        expected = sum(middle * e.b / (e.a + middle * e.b) for e in events)
        low, high = (middle, high) if expected < new else (low, middle)
    return low
