"""Small charts made on the server as inline SVG: bars of states, intervals in a cell, keys.

Shapes stretch, words do not: `x` and `width` are per cent, there is no `viewBox`, so textures and text keep their size.
Colours come by class. Every chart has role, title and a description that states the finding.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fleetloop.web.states import key_of, look, texture
from fleetloop.web.svg import NONE, el, join, pct
from fleetloop.web.words import count

LETTER, SMALL_LETTER = 2.1, 2.8
"""Width of one character in per cent of a bar on a phone; a word that would not fit there is left to the key."""
LEAST, MOST = 0.25, 32.0
"""Ends of the scale of ratios."""


@dataclass(frozen=True)
class Part:
    """One segment: ``devices`` in ``state``; ``word`` where it says more than the state does (`booted, soaking`)."""

    state: str
    devices: int
    word: str = ""

    @property
    def text(self) -> str:
        """`23 confirmed`."""
        return f"{count(self.devices)} {self.word or look(self.state).word}"


def bar(key: str, title: str, parts: Sequence[Part], height: int = 28, total: int = 0) -> Markup:
    """States of a group that add up to a known total. ``key`` makes the ids unique on the page."""
    shown = [part for part in parts if part.devices]
    total = total or sum(part.devices for part in shown)
    drawn, left = NONE, 0.0
    words = NONE
    for part in shown:
        width = 100 * part.devices / total
        drawn += _segment(part, left, width, height)
        words += _word(part, left, width, height)
        left += width
    edge = el("rect", class_="edge", width="100%", height=height)
    said = ", ".join(part.text for part in shown) or "none"
    return el("svg", *_told(key, title, said), drawn, edge, words, class_="bar", height=height, **_names(key))


def _told(key: str, title: str, desc: str) -> tuple[Markup, Markup]:
    return el("title", title, id=f"{key}-t"), el("desc", desc, id=f"{key}-d")


def _names(key: str) -> dict[str, object]:
    return {"role": "img", "aria_labelledby": f"{key}-t {key}-d"}


def _segment(part: Part, x: float, width: float, height: int) -> Markup:
    title = el("title", part.text)
    box: dict[str, object] = {"x": pct(x), "width": pct(width), "height": height}
    solid = el("rect", title, class_=key_of(part.state), **box)
    fill = texture(part.state)
    return solid + (el("rect", title, class_="tex", fill=fill, **box) if fill else NONE)


def _word(part: Part, x: float, width: float, height: int) -> Markup:
    letter = LETTER if height > 18 else SMALL_LETTER
    text = next((t for t in (part.text, count(part.devices)) if len(t) * letter <= width and height > 14), "")
    y = round(height / 2 + 4)
    spot = pct(x + width / 2)
    return el("text", text, class_=f"{key_of(part.state)} mid", x=spot, y=y) if text else NONE


def swatch(state: str) -> Markup:
    """The look of a state for a key."""
    fill = texture(state)
    full: dict[str, object] = {"width": "100%", "height": "100%"}
    over = el("rect", class_="tex", fill=fill, **full) if fill else NONE
    return el("svg", el("rect", **full) + over, class_=f"swatch {key_of(state)}", aria_hidden="true")


def key(states: Iterable[str]) -> Markup:
    """What the segments mean, in the order given."""
    items = (el("span", swatch(state), f" {look(state).word}", class_=key_of(state)) for state in states)
    return el("p", *items, class_="key")


def dot_key(new: str, held: str, note: str) -> Markup:
    """The key of a plot's dots: on a new device, on a held-back one, and a note."""
    dots = (el("circle", class_=f"dot {kind}", cx=10, cy=6, r=4) for kind in ("new", "old"))
    swatches = (el("svg", dot, class_="swatch", aria_hidden="true") for dot in dots)
    items = (el("span", drawn, f" {text}") for drawn, text in zip(swatches, (new, held), strict=True))
    return el("p", *items, el("span", note), class_="key small")


@dataclass(frozen=True)
class Ratio:
    """How many times as bad: interval ends that hold at every moment (5 % on each side) and the estimate, if any."""

    lower: float
    upper: float
    estimate: float | None = None


def log_place(value: float, low: float = LEAST, high: float = MOST) -> float:
    """Where ``value`` lies on a log axis, 0 to 1, clipped."""
    if value <= low:
        return 0.0
    return min(1.0, math.log(min(value, high) / low) / math.log(high / low))


def mini(label: str, ratio: Ratio) -> Markup:
    """An interval on the scale of ratios, for a table cell; the tick is x 1."""
    one, low, high = (pct(100 * log_place(v)) for v in (1.0, ratio.lower, ratio.upper))
    dot = NONE
    if ratio.estimate:
        dot = el("circle", class_="dot", cx=pct(100 * log_place(ratio.estimate)), cy=9, r=4.5)
    tick = el("line", class_="ref", x1=one, x2=one, y1=0, y2=18)
    whisker = el("line", class_="whisker", x1=low, x2=high, y1=9, y2=9)
    return el("svg", join(tick, whisker, dot), class_="mini", height=18, role="img", aria_label=label)


def mini_share(label: str, low: float, value: float, high: float, floor: float = 0.85) -> Markup:
    """A share with its interval, for a table cell; the scale runs from ``floor`` to all, the tick is all."""
    left, spot, right = (pct(100 * max(0.0, (v - floor) / (1 - floor))) for v in (low, value, high))
    tick = el("line", class_="ref", x1="100%", x2="100%", y1=0, y2=14)
    whisker = el("line", class_="whisker", x1=left, x2=right, y1=7, y2=7)
    dot = el("circle", class_="dot", cx=spot, cy=7, r=4)
    return el("svg", join(tick, whisker, dot), class_="mini", height=14, role="img", aria_label=label)
