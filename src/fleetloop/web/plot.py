"""Charts with an axis: evidence and times-as-bad over time, as steps on log axes.

An outer `svg.plot` of fixed height holds text, ticks and dots (`x` in per cent); an inner one that stretches holds the
paths. Steps stay steps: evidence does not glide.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fleetloop.web.chart import LEAST, MOST, Ratio
from fleetloop.web.svg import NONE, el, join
from fleetloop.web.words import DAY, HOUR, TIMES, at_least, at_most, moment, times, written

STEPS = (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY)
LEFT_FROM, WORD = 40.0, 11.0
"""Words stand left of a mark from here on; how much room they take, both in per cent of the axis."""
EARLY = 27.0
"""Words at the left of a curve take so much of the axis, in per cent."""
OPEN_END = -10.0
NO_LOWER = 195.0


@dataclass(frozen=True)
class Axis:
    """Time from left to right."""

    start: float
    end: float

    def x(self, at: float) -> float:
        """Per cent."""
        return 100 * (at - self.start) / max(self.end - self.start, 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Round instants, at most nine, each with its word."""
        step = next((s for s in STEPS if (self.end - self.start) / s <= 9), STEPS[-1])
        first = math.ceil(self.start / step) * step
        form = "%a %d" if step == DAY else "%d %b" if step > DAY else "%H:%M"
        instants = (first + n * step for n in range(10))
        return [(at, moment(at).strftime(form)) for at in instants if at <= self.end]


@dataclass(frozen=True)
class Point:
    """E and the interval from ``at`` on, until the next point."""

    at: float
    evidence: float
    ratio: Ratio | None = None


@dataclass(frozen=True)
class Dot:
    """A bad event of the comparison."""

    at: float
    new: bool


@dataclass(frozen=True)
class Mark:
    """An instant worth a line. ``kind``: `when` dotted, `limit` the red dashed line of a stop."""

    at: float
    word: str = ""
    kind: str = "when"


@dataclass(frozen=True)
class Story:
    """What both plots of a rollout share. ``until``: where the curves end, at the latest the axis' end."""

    axis: Axis
    points: tuple[Point, ...]
    until: float
    marks: tuple[Mark, ...] = ()
    dots: tuple[Dot, ...] = ()
    hold_at: float = 1.5
    stop_at: float = 20.0
    stopped: bool = False


def _frame(key: str, title: str, desc: str, height: int, *children: str) -> Markup:
    told = (el("title", title, id=f"{key}-t"), el("desc", desc, id=f"{key}-d"))
    names = {"role": "img", "aria_labelledby": f"{key}-t {key}-d"}
    return el("figure", el("svg", *told, *children, class_="plot", height=height, **names))


def inner(height: int, *paths: str) -> Markup:
    """The part that stretches, 1000 units wide."""
    box = f"0 0 1000 {height}"
    return el("svg", *paths, width="100%", height=height, view_box=box, aspect="none")


def ticks(axis: Axis, height: int) -> Markup:
    """Ticks below; every second one is left out on phones."""
    return join(*(_tick(axis.x(at), word, n, height) for n, (at, word) in enumerate(axis.ticks())))


def _tick(x: float, word: str, number: int, height: int) -> Markup:
    spot = f"{x:.2f}%"
    line = el("line", x1=spot, x2=spot, y1=height, y2=height + 5)
    return line + el("text", word, class_="mid wide" if number % 2 else "mid", x=spot, y=height + 17)


def verticals(story: Story, height: int, *, words: bool) -> Markup:
    """The marks as lines; their words stand at the top, left of the line where the right edge is near."""
    places = [story.axis.x(mark.at) for mark in story.marks]
    said = [words and _roomy(n, places) for n in range(len(places))]
    return join(*(_vertical(x, mark, height, say) for x, mark, say in zip(places, story.marks, said, strict=True)))


def _roomy(number: int, places: Sequence[float]) -> bool:
    """Whether the words of this mark meet no other mark."""
    x = places[number]
    left = x > LEFT_FROM
    return not any(0 < (x - other if left else other - x) < WORD for other in places)


def _vertical(x: float, mark: Mark, height: int, words: bool) -> Markup:
    line = el("line", class_=mark.kind, x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1=0, y2=height)
    if not words or not mark.word:
        return line
    left = x > LEFT_FROM
    return line + el(
        "text", mark.word, class_="fin wide" if left else "wide", x=f"{x + (-0.8 if left else 0.8):.2f}%", y=12
    )


def steps(axis: Axis, values: Sequence[tuple[float, float]], until: float) -> str:
    """A path that keeps each value until the next instant."""
    at, y = values[0]
    path = [f"M{10 * max(axis.x(at), 0):.1f} {y:.1f}"]
    for at, y in values[1:]:
        path.append(f"H{10 * max(axis.x(at), 0):.1f}V{y:.1f}")
    return "".join([*path, f"H{10 * axis.x(until):.1f}"])


def shown(story: Story) -> list[Point]:
    """The points on the axis; the last one before its start stands at the start."""
    before = [p for p in story.points if p.at <= story.axis.start]
    first = [Point(story.axis.start, before[-1].evidence, before[-1].ratio)] if before else []
    return first + [p for p in story.points if story.axis.start < p.at <= story.until]


# evidence

HEIGHT_E = 120


def level(evidence: float, stop_at: float = 20.0) -> float:
    """Where E stands: a log axis from 0.242 to beyond the limit."""
    low, high = 0.242, 7.65 * stop_at
    share = math.log(min(max(evidence, low), high) / low) / math.log(high / low)
    return HEIGHT_E * (1 - share)


def evidence_plot(
    key: str, title: str, desc: str, story: Story, says: Iterable[tuple[float, float, str]] = ()
) -> Markup:
    """E over time, amber from the hold line, red from the limit. ``says``: (at, E, word) at the curve."""
    points = [(p.at, level(p.evidence, story.stop_at)) for p in shown(story)]
    curve = inner(HEIGHT_E, el("path", class_="all", d=steps(story.axis, points, story.until))) if points else NONE
    labels = join(*(_say(story.axis.x(at), level(e, story.stop_at), word) for at, e, word in says))
    lines = verticals(story, HEIGHT_E, words=False)
    return _frame(key, title, desc, HEIGHT_E, _zones(story), curve, ticks(story.axis, HEIGHT_E), lines, labels)


def _say(x: float, y: float, word: str) -> Markup:
    left = x > 55
    spot = f"{x + (-1.2 if left else 1.0):.2f}%"
    return el("text", word, class_="say fin" if left else "say", x=spot, y=f"{max(y - 4, 12):.1f}")


def _zones(story: Story) -> Markup:
    hold, stop = level(story.hold_at, story.stop_at), level(story.stop_at, story.stop_at)
    side = _hold_side(story)
    more = el("tspan", ": the next wave waits", class_="wide")
    zones = (
        el("rect", class_="zone-hold", x=0, width="100%", y=f"{stop:.1f}", height=f"{hold - stop:.1f}"),
        el("rect", class_="zone-stop", x=0, width="100%", y="0.0", height=f"{stop:.1f}"),
    )
    words = (
        el("text", "none", class_="fin", x="99%", y=f"{hold + 13:.1f}"),
        el("text", "hold", NONE if "class_" in side else more, y=f"{hold - 5:.1f}", **side),
        el("text", "stop", x=6, y=f"{stop - 5:.1f}"),
    )
    return join(*zones, *(_level_line(e, story) for e in (0.5, story.hold_at, 5.0, story.stop_at)), *words)


def _hold_side(story: Story) -> dict[str, object]:
    """The word stands where the curve is not: at the left, unless it has come near the hold line there already."""
    early = any(story.axis.x(p.at) < EARLY and p.evidence > 1.2 for p in shown(story))
    return {"x": "99%", "class_": "fin"} if early or story.axis.x(story.until) < EARLY else {"x": 6}


def _level_line(value: float, story: Story) -> Markup:
    y = f"{level(value, story.stop_at):.1f}"
    kind = {story.hold_at: "ref", story.stop_at: "limit"}.get(value)
    label = el("text", f"{value:g}", class_="y", x=-6, y=f"{level(value, story.stop_at) + 4:.1f}")
    return el("line", class_=kind, x1=0, x2="100%", y1=y, y2=y) + label


# times as bad

HEIGHT_R = 190
RUNGS = ((0.25, "¼"), (0.5, "½"), (1.0, "1"), (2.0, "2"), (4.0, "4"), (8.0, "8"), (16.0, "16"), (32.0, "32"))


def rung(ratio: float) -> float:
    """Where a ratio stands: 25 units a doubling, x 1 at 130; ends beyond the axis leave the picture."""
    if ratio <= LEAST / 2:
        return NO_LOWER
    return max(OPEN_END, min(NO_LOWER, 130 - 25 * math.log2(min(ratio, 2 * MOST))))


def ratio_plot(key: str, title: str, desc: str, story: Story) -> Markup:
    """How many times as bad over time: band: interval, line: estimate, thin line: at least, once stopped."""
    known = [p for p in shown(story) if p.ratio]
    ladder = join(*(_rung_line(value, word) for value, word in RUNGS))
    dots = join(*(_dot(story.axis.x(dot.at), dot.new) for dot in story.dots if dot.at >= story.axis.start))
    words = _ends(story, known[-1].ratio) if known and known[-1].ratio else NONE
    curves = _curves(story, known) if known else NONE
    marks = verticals(story, HEIGHT_R, words=True)
    return _frame(key, title, desc, HEIGHT_R, ladder, curves, ticks(story.axis, HEIGHT_R), marks, dots, words)


def _rung_line(value: float, word: str) -> Markup:
    y = f"{rung(value):.1f}"
    line = el("line", class_="ref" if value == 1 else None, x1=0, x2="100%", y1=y, y2=y)
    return line + el("text", f"{TIMES} {word}", class_="y", x=-6, y=f"{rung(value) + 4:.1f}")


def _dot(x: float, new: bool) -> Markup:
    return el("circle", class_="dot new" if new else "dot old", cx=f"{x:.2f}%", cy=184, r=4)


def _curves(story: Story, known: Sequence[Point]) -> Markup:
    ratios = [(p.at, p.ratio) for p in known if p.ratio]
    uppers = [(at, rung(r.upper)) for at, r in ratios]
    lowers = [(at, rung(r.lower)) for at, r in ratios]
    middle = [(at, rung(r.estimate)) for at, r in ratios if r.estimate]
    paths = [el("path", class_="band", d=_band(story, uppers, lowers))]
    bound = [(at, y) for at, y in lowers if y < NO_LOWER]
    if story.stopped and bound:
        paths.append(el("path", class_="bound", d=steps(story.axis, bound, story.until)))
    if middle:
        paths.append(el("path", class_="new" if story.stopped else "all", d=steps(story.axis, middle, story.until)))
    return inner(HEIGHT_R, *paths)


def _band(story: Story, uppers: Sequence[tuple[float, float]], lowers: Sequence[tuple[float, float]]) -> str:
    """Along the upper ends and back along the lower ones."""
    back = [f"V{lowers[-1][1]:.1f}"]
    for (at, _), (_, y) in zip(reversed(lowers[1:]), reversed(lowers[:-1]), strict=True):
        back.append(f"H{10 * max(story.axis.x(at), 0):.1f}V{y:.1f}")
    start = 10 * max(story.axis.x(lowers[0][0]), 0)
    return steps(story.axis, uppers, story.until) + "".join(back) + f"H{start:.1f}z"


def _ends(story: Story, ratio: Ratio) -> Markup:
    """Direct labels at the end of the curves, or that nothing can be said yet."""
    if ratio.lower <= 0 and math.isinf(ratio.upper):
        more = el("tspan", ": any ratio is possible", class_="wide")
        return el("text", "Nothing can be said yet", more, class_="say", x="2%", y="97.0")
    labels = [] if ratio.estimate is None else [(rung(ratio.estimate), NONE, times(ratio.estimate))]
    if story.stopped and ratio.lower > 0:
        labels.append((rung(ratio.lower), el("tspan", "at least ", class_="wide"), at_least(ratio.lower)))
    elif not math.isinf(ratio.upper):
        labels.append((rung(ratio.upper), el("tspan", "at most ", class_="wide"), at_most(ratio.upper)))
    x = story.axis.x(story.until)
    spot: dict[str, object] = {"x": f"{x + 1.2:.2f}%", "class_": "say"} if x < 92 else {"x": "99%", "class_": "say fin"}
    return join(*(el("text", more, word, y=f"{min(max(y + 4, 12), 178):.1f}", **spot) for y, more, word in labels))


def range_words(axis: Axis) -> str:
    """The axis in words: `Tue 10 Nov 04:00 to Wed 11 Nov 06:00`."""
    return f"{written(axis.start, 'date')} to {written(axis.end, 'date')}"
