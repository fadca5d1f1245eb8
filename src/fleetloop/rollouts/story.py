"""What happened to a rollout, newest first: its journal, and the first bad events of both arms."""

from collections.abc import Iterator

from fleetloop import web
from fleetloop.rollouts.cases import Entry
from fleetloop.rollouts.glance import Glance
from fleetloop.rollouts.model import Phase

GLYPHS = {
    "start": ("key", "x"),
    "wave": ("offered", "offered"),
    "soak": ("booted", "booted"),
    "hold": ("waiting", "waiting"),
    "stop": ("stop", "stop"),
    "rollback": ("reverted", "reverted"),
    "person": ("person", "x"),
    "ask": ("person", "x"),
}
"""Glyph and state of each kind of entry; an end's follow how it ended."""
ENDS = {
    Phase.GOOD_ENOUGH: ("confirmed", "confirmed"),
    Phase.ROLLED_BACK: ("confirmed", "confirmed"),
    Phase.INCONCLUSIVE: ("note", "x"),
}


def happened(seen: Glance, comparison: web.Comparison | None) -> tuple[web.Happening, ...]:
    """All of it."""
    told = [_told(seen, entry) for entry in seen.journal]
    return (*told, *(_events(seen, comparison) if comparison else ()))


def _told(seen: Glance, entry: Entry) -> web.Happening:
    glyph, state = GLYPHS.get(entry.kind) or ENDS.get(seen.case.phase, ("cancelled", "cancelled"))
    more = entry.text.partition(". ")[0] if entry.kind == "start" else _unsaid(entry)
    title = _named(seen, entry.title) if entry.kind == "soak" else entry.title
    return web.Happening(entry.at, glyph, title, more, state, strong=entry.kind in ("stop", "end"))


def _unsaid(entry: Entry) -> str:
    """The text without the word that the title begins with too: `Held: evidence 2.5` and `Held: 1 of 2 …`."""
    word, _, rest = entry.text.partition(": ")
    said = rest if rest and word.lower() in entry.title.lower() else entry.text
    return f"{said[:1].upper()}{said[1:]}"


def _named(seen: Glance, title: str) -> str:
    """The last wave of held-back devices has a number in the record and a name for people."""
    late = next((w.number for w in seen.waves if w.kind == "remainder"), None)
    return title if late is None else title.replace(f"of wave {late} ", "of the remainder ")


def _events(seen: Glance, comparison: web.Comparison) -> Iterator[web.Happening]:
    """The first on each side."""
    for new in (True, False):
        event = next((e for e in comparison.events if e.new is new), None)
        if event is None:
            continue
        link = web.el("a", event.device, href=web.href("fleet", event.device))
        arm = "a new" if new else "a held-back"
        text = web.join(f"First bad event on {arm} device: ", link, f", {web.board(event.revision)}")
        more = event.what if new else f"{event.what}; counts for the comparison, not against {seen.case.version}"
        yield web.Happening(event.at, "hurt" if new else "held-back", text, more)
