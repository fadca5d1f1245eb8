"""One rollout's evidence as pictures, words and tables: where E stands, how many times as bad, and on which events.

Numbers come from the verdict; nothing is concluded here. E of one revision is information and decides nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from fleetloop.web.chart import Ratio, dot_key, mini
from fleetloop.web.parts import Col, Row, Table, table
from fleetloop.web.plot import Axis, Dot, Mark, Point, Story, evidence_plot, ratio_plot
from fleetloop.web.svg import el, href, join
from fleetloop.web.words import NARROW, TIMES, at_least, at_most, count, cut, e_value, of, times, when, written

NOTHING = at_least(0.0)


@dataclass(frozen=True)
class Arm:
    """Devices of one arm that had their first bad event, of all in it."""

    hurt: int
    devices: int

    def __str__(self) -> str:
        return of(self.hurt, self.devices)


@dataclass(frozen=True)
class Stratum:
    """A hardware revision, or all of them: both arms and what can be said. ``confirmed``: of the new ones."""

    name: str
    new: Arm
    held: Arm
    evidence: float
    ratio: Ratio | None = None
    confirmed: int = 0


@dataclass(frozen=True)
class BadEvent:
    """One event of the comparison, with both arms at risk just before it, and where E stood after it."""

    at: float
    device: str
    revision: str
    new: bool
    at_risk_new: int
    at_risk_held: int
    evidence: float
    ratio: Ratio | None = None
    what: str = "crash"
    uptime_s: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Everything the verdict knows. ``points``: E at every change, guard included; ``expected``: on new devices.

    ``strata`` are the revisions, ``all`` their sum; ``installs`` (failed, started) is the install guard's.
    """

    evidence: float
    highest: float
    expected: float
    strata: tuple[Stratum, ...]
    all: Stratum
    events: tuple[BadEvent, ...]
    points: tuple[Point, ...]
    installs: tuple[int, int] = (0, 0)
    hold_at: float = 1.5
    stop_at: float = 20.0

    @property
    def control(self) -> bool:
        """Whether anybody is, or was, held back to compare with."""
        return self.all.held.devices > 0

    @property
    def on_new(self) -> int:
        """Events of the comparison on new devices."""
        return sum(e.new for e in self.events)

    def share(self) -> str:
        """`8 of 13 comparable bad events were on new devices, 2.9 expected`."""
        total = len(self.events)
        if not total:
            return "no comparable bad event so far"
        seen = f"{of(self.on_new, total)} comparable bad events were on new devices"
        return f"{seen}, {self.expected:,.1f} expected"


def verb(comparison: Comparison) -> str:
    """What new devices did: `crashed`, `went silent`, or `had a bad event` where kinds differ."""
    kinds = {e.what for e in comparison.events if e.new}
    verbs = {"crash": "crashed", "silent": "went silent", "self-test": "failed their self-test"}
    return verbs.get(kinds.pop(), "had a bad event") if len(kinds) == 1 else "had a bad event"


@dataclass(frozen=True)
class Step:
    """One step of the scale. ``small`` beside its name, hidden on phones if ``wide``; ``kind`` colours it."""

    name: str
    small: str
    kind: str = ""
    here: bool = False
    wide: bool = True


def scale(comparison: Comparison, *, stopped: bool = False, ended: str = "") -> list[Step]:
    """None, hold, stop, and apart from them the end. ``ended``: `good enough` or `inconclusive`."""
    e, hold, stop = comparison.evidence, comparison.hold_at, comparison.stop_at
    here = "end" if ended else "stop" if stopped or e >= stop else "hold" if e >= hold else "none"
    words = {"none": f"below {hold:g}", "hold": f"{hold:g} or more", "stop": f"{stop:g} or more"}
    kinds = {"hold": "warn", "stop": "bad"}
    steps = [
        Step(n, e_value(e) if n == here else words[n], kinds.get(n, "") if n == here else "", n == here, n != here)
        for n in words
    ]  # fmt: skip
    end = ended or "at the end"
    small = "at the end" if ended else "not reached" if here == "stop" else "good enough?"
    return [*steps, Step(end, small, "end good" if ended == "good enough" else "end", here == "end")]


def meaning(comparison: Comparison, version: str) -> str:
    """What the value of E means, once per page; nothing to say below the hold line."""
    if comparison.evidence < comparison.hold_at:
        return ""
    e = e_value(comparison.evidence)
    return (
        f"{e} means: were {version} no worse, evidence this strong would come up in fewer than 1 of {e} rollouts, "
        "however often anyone looks."
    )


def effect(ratio: Ratio | None, *, long: bool = False) -> str:
    """Six times, at least 1.2; a ratio near or below one says how bad it is at most; no information: `cannot tell`.

    Without an event on a held-back device there is no most likely ratio, but there may be a least one.
    """
    if ratio is None:
        return "cannot tell"
    likely = "" if ratio.estimate is None else f"{times(ratio.estimate)}, "
    if ratio.lower > 1 or (long and ratio.lower > 0):
        return f"{likely}at least {at_least(ratio.lower)}"
    if ratio.upper < 8:
        return f"{likely}at most {at_most(ratio.upper)}"
    return "cannot tell"


def ends(ratio: Ratio | None) -> str:
    """Both ends of the interval, for tables."""
    least = NOTHING if ratio is None else at_least(ratio.lower)
    if ratio is None or (least == NOTHING and math.isinf(ratio.upper)):
        return "cannot tell"
    return f"at most {at_most(ratio.upper)}" if least == NOTHING else f"{least} to {at_most(ratio.upper)}"


def strata_table(comparison: Comparison, blamed: str = "") -> Table:
    """New against held back by revision; ``blamed``: the one the page is about."""
    heads = "revision|#new hurt|#held back|times as bad|#evidence"
    found = table("New against held back by hardware revision", heads, ())
    rows = tuple(_stratum(s, hot=s.name == blamed) for s in comparison.strata)
    total = replace(comparison.all, name="All")
    return Table(found.label, found.cols, (*rows, _stratum(total, hot=False)) if len(rows) > 1 else rows, wrap=True)


def _stratum(s: Stratum, *, hot: bool) -> Row:
    if not s.new.hurt and not s.held.hurt:
        word, ratio = "no bad events", Ratio(0.0, float("inf"))
    else:
        word, ratio = effect(s.ratio), s.ratio or Ratio(0.0, float("inf"))
    word = word.replace(f"{TIMES} ", f"{TIMES}{NARROW}")
    said = el("span", word, class_="quiet") if word in {"cannot tell", "no bad events"} else Markup("{}").format(word)
    cell = mini(f"{s.name}: {word}, interval {ends(ratio)}", ratio) + (el("b", word) if hot else said)
    new = el("b", str(s.new), class_="bad") if hot else str(s.new)
    value = el("b", e_value(s.evidence)) if hot else e_value(s.evidence)
    return Row((el("b" if hot else "span", s.name, class_="id"), new, str(s.held), cell, value), hot=hot)


def events_table(comparison: Comparison, room: str = "fleet") -> Table:
    """The events behind the pictures, in order of receipt."""
    heads = "when|!device|revision|!arm|#at risk, new : held back|times as bad|#evidence"
    rows = (
        (when(e.at), el("a", e.device, href=href(room, e.device)), e.revision, "new" if e.new else "held back",
         f"{count(e.at_risk_new)} : {count(e.at_risk_held)}", ends(e.ratio), cut(e.evidence, 1))
        for e in comparison.events
    )  # fmt: skip
    found = table("Events of the verdict", heads, rows)
    cols = (*found.cols[:5], Col("times as bad", "n"), found.cols[6])
    return Table(found.label, cols, found.rows, wrap=True)


def story(comparison: Comparison, axis: Axis, until: float, marks: Sequence[Mark], *, stopped: bool) -> Story:
    """What both plots share. E moves with installs that succeed too, between its points: the curve ends where E is."""
    dots = tuple(Dot(e.at, e.new) for e in comparison.events)
    last = Point(until, comparison.evidence, comparison.all.ratio)
    points = (*(p for p in comparison.points if p.at <= until), last)
    return Story(axis, points, until, tuple(marks), dots, comparison.hold_at, comparison.stop_at, stopped)


def held_since(comparison: Comparison) -> float | None:
    """When E last came to the hold line or above, if it did."""
    above: float | None = None
    for point in comparison.points:
        if point.evidence >= comparison.hold_at:
            above = above if above is not None else point.at
        elif comparison.evidence >= comparison.hold_at:
            above = None
    return above


@dataclass(frozen=True)
class Pictures:
    """Both plots with their key, ready to print."""

    ratio: Markup
    key: Markup
    evidence: Markup


def pictures(comparison: Comparison, told: Story, version: str, stopped_at: float | None = None) -> Pictures:
    """Times as bad, its key, and evidence over time, with the hold and the stop marked."""
    ratio = ratio_plot("ratio", f"How many times as bad is {version} as held back?", _found(comparison), told)
    held = held_since(comparison)
    says, desc = _said(comparison, told, held, stopped_at)
    marks = [Mark(held)] if held and held > told.axis.start and stopped_at else []
    marks += [Mark(stopped_at, kind="limit")] if stopped_at else list(told.marks)
    plot = evidence_plot("evidence", f"Evidence that {version} is worse", desc, replace(told, marks=tuple(marks)), says)
    return Pictures(ratio, _key(comparison, told), plot)


def _found(comparison: Comparison) -> str:
    ratio = comparison.all.ratio
    if ratio is None or (ratio.lower <= 0 and math.isinf(ratio.upper)):
        return "Too few bad events so far: the interval covers everything from 0 upwards."
    likely = f"{times(ratio.estimate)} as bad" if ratio.estimate is not None else "As bad"
    return f"{likely} as held back, interval {ends(ratio)}, of all bad events; the interval holds at every moment."


def _key(comparison: Comparison, told: Story) -> Markup:
    new = sum(e.new for e in comparison.events)
    held = [e for e in comparison.events if not e.new]
    before = sum(e.at < told.axis.start for e in held)
    more = f"{len(held) - before}, and {before} before" if before else str(len(held))
    note = "Band: interval that holds at every moment, 5 % on each side."
    return dot_key(f"bad event on a new device ({new})", f"on a held-back device ({more})", note)


Says = list[tuple[float, float, str]]


def _said(comparison: Comparison, told: Story, held: float | None, stopped_at: float | None) -> tuple[Says, str]:
    """Labels at the curve and the finding in words."""
    now = e_value(comparison.evidence)
    if stopped_at:
        says: Says = [(stopped_at, comparison.evidence, f"{now}: stopped {written(stopped_at, 'hm')}")]
        if held and held > told.axis.start:
            at_hold = next(p.evidence for p in comparison.points if p.at >= held)
            says.append((held, at_hold, f"{e_value(at_hold)}: held {written(held, 'hm')}"))
        if comparison.highest < comparison.stop_at:
            return says, f"Evidence stood at {now} when the rollout was stopped, {written(stopped_at, 'day')}."
        return says, f"Evidence passed {comparison.stop_at:g} {written(stopped_at, 'day')}, which stopped the rollout."
    says = [(told.until, comparison.evidence, now)]
    if held and held > told.axis.start:
        top = max(p.evidence for p in comparison.points if p.at >= held)
        apart = told.axis.x(told.until) - told.axis.x(held)
        says = [*(says if apart > 25 else ()), (held, top, f"{e_value(top)}: held {written(held, 'day')}")]
    return says, f"Evidence stands at {now}; the highest was {e_value(comparison.highest)}."


def share_sentence(comparison: Comparison) -> Markup:
    """The counts and, where there is one, the size of the effect, of all bad events."""
    ratio = comparison.all.ratio
    text = comparison.share()
    text = text[:1].upper() + text[1:]
    if ratio is None or ratio.lower <= 1:
        return join(text, ".")
    lower, upper = (word.removeprefix(f"{TIMES} ") for word in (at_least(ratio.lower), at_most(ratio.upper)))
    most = upper if math.isinf(ratio.upper) else f"at most {upper}"
    return join(f"{text}: at least {lower} times as bad, {most}, of all bad events.")
