"""The states a device or deployment is shown in: order, texture, glyph and word.

Texture tells the family (dotted or hollow: untouched; striped: claimed or under way; solid: proven; hatched: went wrong
or was ended); colour and glyph tell the state. The order is the same everywhere and never by size.
"""

from dataclasses import dataclass

from markupsafe import Markup

from fleetloop.web.svg import el, glyph


@dataclass(frozen=True)
class Look:
    """How one state looks. ``texture`` and ``glyph`` name parts of the sprite; no texture is solid."""

    word: str
    texture: str = ""
    glyph: str = ""


LOOKS: dict[str, Look] = {
    "confirmed": Look("confirmed"),
    "hurt": Look("hurt", "hatch"),
    "booted": Look("booted"),
    "installed": Look("installed", "stripe"),
    "installing": Look("installing", "stripe"),
    "downloaded": Look("downloaded", "stripe", "downloading"),
    "downloading": Look("downloading", "stripe"),
    "offered": Look("offered", "dots"),
    "waiting": Look("waiting", "dots"),
    "reverted": Look("reverted", "back"),
    "failed": Look("failed", "grid"),
    "timed-out": Look("timed out", "flat"),
    "declined": Look("declined", "grid"),
    "cancelled": Look("cancelled", "cross"),
    "superseded": Look("superseded", "cross", "cancelled"),
    "offline": Look("offline", "thin"),
    "held-back": Look("held back", "diamond"),
}
ORDER = tuple(LOOKS)
UNDER_WAY = ("offered", "downloading", "downloaded", "installing", "installed")


def key_of(state: str) -> str:
    """The state's key here, from the spelling of any room (`timed_out`, `held back`)."""
    return state.replace("_", "-").replace(" ", "-")


def look(state: str) -> Look:
    """How ``state`` looks. Raises `KeyError` for a state that has no look yet."""
    return LOOKS[key_of(state)]


def mark(state: str) -> Markup:
    """The state's glyph."""
    return glyph(look(state).glyph or key_of(state), key_of(state))


def state(name: str, text: str = "") -> Markup:
    """Glyph and word in a line: never colour alone."""
    return el("span", mark(name), el("span", text or look(name).word), class_=f"state {key_of(name)}")


def texture(name: str) -> str | None:
    """The fill of a state's texture, if it has one."""
    found = look(name).texture
    return f"url(#t-{found})" if found else None
