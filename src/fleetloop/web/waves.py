"""Groups of devices by state that add up to a known total: the bar, the words beside it, the table below.

A device is in one segment of a bar and *hurt* wins there; words and table count a device that was confirmed and later
hurt as both. Offline and held back are always drawn: leaving them out turns silence into success.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fleetloop.web.chart import Part, bar, key
from fleetloop.web.parts import Col, Row, Table
from fleetloop.web.states import ORDER, UNDER_WAY, key_of, look
from fleetloop.web.svg import el, join
from fleetloop.web.words import count, of

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MOST_WORDS = 5


@dataclass(frozen=True)
class Count:
    """``devices`` in ``state`` (any room's spelling), of these ``hurt``."""

    state: str
    devices: int
    hurt: int = 0


@dataclass(frozen=True)
class Wave:
    """One wave. ``note`` stands below its name (`5 %, opened Mon 04:05`); ``booted`` says more than booted does."""

    name: str
    counts: tuple[Count, ...]
    note: str = ""
    booted: str = ""

    @property
    def devices(self) -> int:
        """All of it."""
        return sum(c.devices for c in self.counts)

    @property
    def hurt(self) -> int:
        """Hurt in any state."""
        return sum(c.hurt for c in self.counts)

    @property
    def confirmed_hurt(self) -> int:
        """Hurt and confirmed: in words and tables both, in the bar hurt."""
        return sum(c.hurt for c in self.counts if key_of(c.state) == "confirmed")

    def of(self, *states: str) -> int:
        """Devices in ``states``, hurt or not."""
        return sum(c.devices for c in self.counts if key_of(c.state) in states)

    @property
    def slug(self) -> str:
        """For ids: `wave-1`."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())


def whole(waves: Sequence[Wave], name: str = "All") -> Wave:
    """All waves as one group."""
    sums = {s: [0, 0] for s in ORDER}
    for c in (c for wave in waves for c in wave.counts):
        sums[key_of(c.state)][0] += c.devices
        sums[key_of(c.state)][1] += c.hurt
    return Wave(name, tuple(Count(s, n, h) for s, (n, h) in sums.items() if n))


def parts(wave: Wave) -> list[Part]:
    """The segments, in the order of states."""
    unhurt = {key_of(c.state): c.devices - c.hurt for c in wave.counts} | {"hurt": wave.hurt}
    words = {"booted": wave.booted}
    return [Part(s, unhurt[s], words.get(s, "")) for s in ORDER if unhurt.get(s)]


def wave_bar(wave: Wave, prefix: str = "", height: int = 28) -> Markup:
    """The wave's bar; ``prefix`` keeps ids apart where a wave is drawn twice on a page."""
    return bar(f"{prefix}{wave.slug}", f"{wave.name}, {count(wave.devices)} devices", parts(wave), height)


def wave_key(waves: Sequence[Wave]) -> Markup:
    """The key of all states that these bars show."""
    there = {part.state for wave in waves for part in parts(wave)}
    return key(s for s in ORDER if s in there)


def wave_words(wave: Wave, *, alarm: bool = False) -> Markup:
    """`23 of 25 confirmed, 1 failed, 1 offline`. ``alarm``: the release was shown to be bad, so hurt is red."""
    if wave.of("held-back") == wave.devices:
        return join(el("b", of(wave.devices, wave.devices)), " held back")
    first = join(el("b", of(wave.of("confirmed"), wave.devices)), " confirmed")
    said = f"{count(wave.hurt)} hurt"
    hurt = [el("b", said, class_="bad") if alarm else said] if wave.hurt else []
    return Markup(", ").join([first, *hurt, *_others(wave, MOST_WORDS - len(hurt))])


def _others(wave: Wave, most: int) -> list[str]:
    """States beside confirmed and hurt; small ones are summed up where there are too many to read."""
    found = [p for p in parts(wave) if p.state not in {"confirmed", "hurt"}]
    under_way = sum(p.devices for p in found if p.state in UNDER_WAY)
    kinds = [p for p in found if p.state in UNDER_WAY]
    if len(kinds) > 1:
        at = found.index(kinds[0])
        found = [p for p in found if p.state not in UNDER_WAY]
        found.insert(at, Part("offered", under_way, "under way"))
    if len(found) <= most:
        return [_named(p) for p in found]
    large = sorted(found, key=lambda p: -p.devices)[: most - 2]
    small = [p for p in found if p not in large]
    named = NUMBERS[len(small)] if len(small) < len(NUMBERS) else str(len(small))
    said = [_named(p) for p in found if p in large]
    return [*said, f"{count(sum(p.devices for p in small))} in {named} other states"]


def _named(part: Part) -> str:
    return f"{count(part.devices)} {'under way' if part.word == 'under way' else look(part.state).word}"


def wave_table(waves: Sequence[Wave], label: str = "Waves by state", first: str = "wave") -> Table:
    """The numbers of the bars. Confirmed counts the hurt among them; `hurt` are those who were not confirmed."""
    rows = [*waves, whole(waves)] if len(waves) > 1 else list(waves)
    there = whole(waves)
    columns = [(name, pick) for name, pick in _columns() if _picked(there, pick)]
    cells = (Row((w.name, count(w.devices), *(count(_picked(w, pick)) for _, pick in columns))) for w in rows)
    heads = (Col(first), Col("devices", "n"), *(Col(name, "n") for name, _ in columns))
    return Table(label, heads, tuple(cells))


def _columns() -> list[tuple[str, str]]:
    plain = [(look(s).word, s) for s in ORDER if s not in {"confirmed", "hurt"}]
    return [("confirmed", "confirmed"), ("of these hurt", "+hurt"), ("hurt", "hurt"), *plain]


def _picked(wave: Wave, pick: str) -> int:
    if pick == "confirmed":
        return wave.of("confirmed")
    if pick == "+hurt":
        return wave.confirmed_hurt
    if pick == "hurt":
        return wave.hurt - wave.confirmed_hurt
    return sum(c.devices - c.hurt for c in wave.counts if key_of(c.state) == pick)
