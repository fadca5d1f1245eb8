"""What pages are made of, as values: gate, stats, tables, timelines. The macros in `templates/parts.html` draw them.

Text is escaped when drawn; a `Markup` is taken as it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fleetloop.web.words import written


@dataclass(frozen=True)
class Badge:
    """A state by glyph and word beside a heading. ``full`` only for the page's own state when it is bad."""

    state: str
    word: str
    glyph: str = ""
    full: bool = False


@dataclass(frozen=True)
class Gate:
    """The one sentence that decides, and what stands behind it. ``stays``: sticks to the top."""

    state: str
    sentence: str
    detail: str = ""
    glyph: str = ""
    stays: bool = False


@dataclass(frozen=True)
class Stat:
    """One figure with its denominator and a note."""

    label: str
    figure: str
    of: str = ""
    note: str = ""


@dataclass(frozen=True)
class Col:
    """A column. ``kind``: `n` numbers right, `id` never wrapped, `text` wide, `wide` hidden on phones."""

    name: str
    kind: str = ""


@dataclass(frozen=True)
class Row:
    """The first cell is the row's header. ``hot``: the page is about this row."""

    cells: tuple[str, ...]
    hot: bool = False


@dataclass(frozen=True)
class Table:
    """A list, one line per thing; ``label`` names the scrolling region."""

    label: str
    cols: tuple[Col, ...]
    rows: tuple[Row, ...]
    wrap: bool = False


def table(label: str, heads: str, rows: Iterable[Sequence[str]]) -> Table:
    """``heads``: names with `|` between; a name's leading `#` means numbers, `!` never wrapped, `~` wide text."""
    kinds = {"#": "n", "!": "id", "~": "text"}
    cols = (Col(name.lstrip("#!~"), kinds.get(name[:1], "")) for name in heads.split("|"))
    return Table(label, tuple(cols), tuple(Row(tuple(row)) for row in rows))


@dataclass(frozen=True)
class Happening:
    """One line of a timeline. ``raw``: the exchange on the wire, folded. ``strong``: what the page is about."""

    at: float
    glyph: str
    text: str
    more: str = ""
    state: str = ""
    strong: bool = False
    raw: str = ""


@dataclass(frozen=True)
class Line:
    """A happening with the day printed once, above its first line."""

    day: str
    what: Happening


def days(happenings: Sequence[Happening]) -> list[Line]:
    """Newest first; each day named at its newest line."""
    ordered = sorted(happenings, key=lambda h: -h.at)
    names = [written(h.at, "dayonly") for h in ordered]
    before = [None, *names]
    return [Line("" if name == last else name, h) for h, name, last in zip(ordered, names, before, strict=False)]
