"""Pages: the frame, the rooms' templates, and the headers that keep foreign code out.

    render("rollouts/rollout.html", frame, page=present(rollout, now))   # the whole page
    render("rollouts/_waves.html", frame, page=...)                      # one part of it, for live updates

`rollouts/rollout.html` lies in `fleetloop/rollouts/templates/`. Everything is escaped, an unknown name is an error. The
frame is handed the person: it looks nobody up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from fleetloop.web import chart, evidence, parts, states, svg, waves, words
from fleetloop.web.assets import asset

ROOT = Path(__file__).parents[1]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Of every page and part."""


@dataclass(frozen=True)
class Stage:
    """One stage of the loop: its key, address, name and glyph."""

    key: str
    path: str
    name: str
    glyph: str


STAGES = (
    Stage("overview", "/", "Overview", "loop"),
    Stage("releases", "/releases", "Releases", "key"),
    Stage("rollouts", "/rollouts", "Rollouts", "booted"),
    Stage("fleet", "/fleet", "Fleet", "confirmed"),
    Stage("incidents", "/incidents", "Incidents", "hurt"),
)
"""In the loop's order; only stages that exist."""


@dataclass(frozen=True)
class Holds:
    """What a stage holds, for the navigation: `1 stopped`. Nothing to do is no entry at all."""

    text: str
    bad: bool = False


@dataclass(frozen=True)
class Frame:
    """Everything around a page. ``now`` is the serving clock; ``holds`` by stage key; ``stage`` the present one.

    ``product`` is printed beside the role; ``note`` stands in the footer; ``theme``: light, dark or their own.
    """

    now: float
    stage: str = ""
    person: str = ""
    role: str = ""
    product: str = ""
    holds: Mapping[str, Holds] = field(default_factory=dict[str, Holds])
    csrf: str = ""
    note: str = ""
    theme: str = ""


def headers(frame: Frame) -> dict[str, str]:
    """Of a page or part made for ``frame``; the script reads from it as of when a part is."""
    return {**HEADERS, "x-fleetloop-as-of": words.written(frame.now, "full")}


@cache
def environment() -> Environment:
    """The templates of every room that has some, by folder name; nothing is imported."""
    rooms = {folder.parent.name: FileSystemLoader(folder) for folder in sorted(ROOT.glob("*/templates"))}
    jinja = Environment(
        loader=PrefixLoader(rooms), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    cast("dict[str, object]", jinja.globals).update(_words())
    return jinja


def _words() -> dict[str, object]:
    """What templates may call."""
    said = {name: getattr(words, name) for name in ("when", "near", "relative", "written", "iso", "duration", "span",
            "count", "of", "things", "size", "cut")}  # fmt: skip
    drawn = {"glyph": svg.glyph, "href": svg.href, "mark": states.mark, "state": states.state,
             "swatch": chart.swatch, "days": parts.days, "wave_bar": waves.wave_bar, "wave_key": waves.wave_key,
             "wave_words": waves.wave_words, "wave_table": waves.wave_table,
             "e_value": words.e_value, "scale": evidence.scale,
             "asset": asset, "STAGES": STAGES}  # fmt: skip
    return {**said, **drawn}


def render(template: str, frame: Frame, **values: object) -> str:
    """The text of ``template`` (`room/file.html`). Raises `jinja2.UndefinedError` for a value that is missing."""
    return environment().get_template(template).render(frame=frame, **values)
