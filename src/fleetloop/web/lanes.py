"""Many kinds of events on one time axis: one lane per kind, at most about nine; and a strip of phases.

A span is a stretch of time in a state (or a version, `v1` … `v5`), an event a glyph with its sentence as title.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fleetloop.web.plot import Axis, Mark
from fleetloop.web.states import LOOKS, texture
from fleetloop.web.svg import NONE, el, join

HIGH = 30
WORD_PCT = 0.94
"""Width of a character in per cent of a wide plot."""


@dataclass(frozen=True)
class Span:
    """``look``: a state's key, `on` for in contact, or `v1` to `v5` for versions."""

    start: float
    end: float
    look: str
    word: str = ""


@dataclass(frozen=True)
class Spot:
    """Something at an instant: a glyph of the sprite, in the colour of ``state``, and what it says."""

    at: float
    glyph: str
    says: str
    state: str = "x"


@dataclass(frozen=True)
class Lane:
    """One line of the picture. ``note``: words inside the lane, left of its first spot."""

    name: str
    spans: tuple[Span, ...] = ()
    spots: tuple[Spot, ...] = ()
    note: str = ""


def lane_plot(key: str, title: str, desc: str, axis: Axis, rows: Sequence[Lane], marks: Sequence[Mark] = ()) -> Markup:
    """All lanes on one axis, ticks below, ``marks`` across all of them."""
    height = HIGH * len(rows)
    drawn = join(*(_lane(axis, lane, n * HIGH) for n, lane in enumerate(rows)))
    grid = join(*(_grid(axis.x(at), word, n, height) for n, (at, word) in enumerate(axis.ticks())))
    lines = join(*(_across(axis.x(mark.at), mark, height) for mark in marks))
    told = (el("title", title, id=f"{key}-t"), el("desc", desc, id=f"{key}-d"))
    names = {"role": "img", "aria_labelledby": f"{key}-t {key}-d"}
    return el("figure", el("svg", *told, drawn, grid, lines, class_="plot lanes", height=height, **names))


def _lane(axis: Axis, lane: Lane, top: int) -> Markup:
    name = el("text", lane.name, class_="y", x=-8, y=top + 19)
    line = el("line", x1=0, x2="100%", y1=top + HIGH, y2=top + HIGH)
    spans = join(*(_span(axis, span, top) for span in lane.spans if span.end > axis.start and span.start < axis.end))
    spots = join(*(_spot(axis.x(spot.at), spot, top) for spot in lane.spots if axis.start <= spot.at <= axis.end))
    return name + line + spans + spots + _note(axis, lane, top)


def _note(axis: Axis, lane: Lane, top: int) -> Markup:
    if not lane.note:
        return NONE
    first = min((axis.x(spot.at) for spot in lane.spots), default=0.0)
    if first > 40:
        return el("text", lane.note, class_="fin wide", x=f"{first - 1.6:.2f}%", y=top + 19)
    return el("text", lane.note, class_="wide", x=4, y=top + 19)


def _span(axis: Axis, span: Span, top: int) -> Markup:
    x = max(axis.x(span.start), 0.0)
    width = min(axis.x(span.end), 100.0) - x
    box: dict[str, object] = {"x": f"{x:.2f}%", "width": f"{width:.2f}%", "y": top + 6, "height": 18}
    fill = texture(span.look) if span.look in LOOKS else None
    says = el("title", span.word or span.look)
    solid = el("rect", says, class_=span.look, rx=2, **box)
    return (
        solid + (el("rect", says, class_="tex", fill=fill, **box) if fill else NONE) + _span_word(span, x, width, top)
    )


def _span_word(span: Span, x: float, width: float, top: int) -> Markup:
    if not span.word or len(span.word) * WORD_PCT > width:
        return NONE
    if span.look in LOOKS:
        return el("text", span.word, class_=f"in {span.look} mid wide", x=f"{x + width / 2:.2f}%", y=top + 19)
    return el("text", span.word, class_="bare" if width > 12 else "bare wide", x=f"{x + 0.7:.2f}%", y=top + 19)


def _spot(x: float, spot: Spot, top: int) -> Markup:
    use = el("use", href=f"#g-{spot.glyph}", x=-8, y=-8, width=16, height=16)
    place: dict[str, object] = {"x": f"{x:.2f}%", "y": top + 15, "width": 16, "height": 16, "overflow": "visible"}
    return el("svg", el("title", spot.says), use, class_=f"ev {spot.state}", **place)


def _grid(x: float, word: str, number: int, height: int) -> Markup:
    spot = f"{x:.2f}%"
    line = el("line", class_="when", x1=spot, x2=spot, y1=0, y2=height)
    return line + el("text", word, class_="mid wide" if number % 2 else "mid", x=spot, y=height + 16)


def _across(x: float, mark: Mark, height: int) -> Markup:
    line = el("line", class_=mark.kind, x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1=0, y2=height)
    left = x > 50
    spot = f"{x + (-0.6 if left else 0.6):.2f}%"
    word = el("text", mark.word, class_="say fin wide" if left else "say wide", x=spot, y=height - 11)
    return line + (word if mark.word else NONE)


@dataclass(frozen=True)
class Phase:
    """A stretch of an incident, in the colour of ``look``. ``ends``: what happened at its end."""

    start: float
    end: float
    look: str
    name: str
    took: str
    ends: str


def strip(
    key: str, title: str, desc: str, phases: Sequence[Phase], begins: str, dots: Sequence[tuple[float, str]] = ()
) -> Markup:
    """Phases end to end with the bad events as dots above: from the first crash to all well."""
    length = max(phases[-1].end - phases[0].start, 1.0)
    axis = Axis(phases[0].start - 0.04 * length, phases[-1].end + 0.03 * length)
    bars = join(*(_phase(axis, phase) for phase in phases))
    crashes = join(
        *(el("circle", el("title", says), class_="dot new", cx=f"{axis.x(at):.2f}%", cy=9, r=4) for at, says in dots)
    )
    ends = _ends(axis, phases, WORD_PCT * len(begins))
    start = f"{axis.x(phases[0].start):.2f}%"
    begin = el("line", class_="ref", x1=start, x2=start, y1=16, y2=52) + el("text", begins, x=start, y=68)
    told = (el("title", title, id=f"{key}-t"), el("desc", desc, id=f"{key}-d"))
    names = {"role": "img", "aria_labelledby": f"{key}-t {key}-d"}
    return el("figure", el("svg", *told, bars, crashes, begin, ends, class_="plot flat", height=72, **names))


def _phase(axis: Axis, phase: Phase) -> Markup:
    x, width = axis.x(phase.start), axis.x(phase.end) - axis.x(phase.start)
    rect = el(
        "rect",
        el("title", f"{phase.name} {phase.took}"),
        class_=phase.look,
        x=f"{x:.2f}%",
        width=f"{width:.2f}%",
        y=22,
        height=26,
    )
    more = (
        el("tspan", f" {phase.took}", class_="wide")
        if width > WORD_PCT * (len(phase.name) + len(phase.took) + 2)
        else NONE
    )
    word = el("text", phase.name, more, class_=f"in {phase.look} mid", x=f"{x + width / 2:.2f}%", y=40)
    return rect + (word if width > 2.4 * len(phase.name) else NONE)


def _ends(axis: Axis, phases: Sequence[Phase], taken: float) -> Markup:
    """What happened at the end of each; a word is left out where it would run into another (the table has it).

    ``taken``: per cent at the left that the first word needs.
    """
    free = 100 - WORD_PCT * len(phases[-1].ends)
    drawn: list[Markup] = []
    for phase in phases:
        x, half, last = axis.x(phase.end), WORD_PCT * len(phase.ends) / 2, phase is phases[-1]
        fits = last or taken < x - half - 1 < x + half + 1 < free
        taken = x + half if fits else taken
        drawn.append(_end(x, phase.ends if fits else "", last=last))
    return join(*drawn)


def _end(x: float, word: str, *, last: bool) -> Markup:
    line = el("line", class_="ref", x1=f"{x:.2f}%", x2=f"{x:.2f}%", y1=16, y2=52)
    return line + el("text", word, class_="fin" if last else "mid wide", x=f"{x:.2f}%", y=68)
