"""Elements of HTML and SVG as text: everything that is not `Markup` is escaped, nothing may carry style or script."""

from urllib.parse import quote

from markupsafe import Markup, escape

NONE = Markup()


def el(name: str, *children: str, **attributes: object) -> Markup:
    """One element; ``None`` and ``False`` attributes are left out, ``True`` stands alone, ``_`` in a name reads ``-``.

    A trailing ``_`` is dropped, so that ``class_`` and ``for_`` can be said. ``view_box`` keeps SVG's spelling.
    """
    words = [_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False]
    start = Markup("<") + name + Markup().join(words)
    if not children and name not in {"p", "div", "span", "td", "th", "title", "desc", "time"}:
        return start + Markup("/>")
    return start + Markup(">") + Markup().join(children) + Markup("</") + name + Markup(">")


def _attribute(key: str, value: object) -> Markup:
    name = {"view_box": "viewBox", "aspect": "preserveAspectRatio"}.get(key, key.rstrip("_").replace("_", "-"))
    if name == "style" or name.startswith("on"):
        raise ValueError(f"no {name} attribute: geometry goes into attributes, colour into classes (LOOK.md section 5)")
    return Markup(" ") + name if value is True else Markup(' {}="{}"').format(name, value)


def join(*parts: str) -> Markup:
    """Parts one after the other, each escaped unless it is markup."""
    return Markup().join(escape(part) for part in parts)


def href(*names: str) -> str:
    """An address of this server: names may hold what an address would take for its own."""
    return "".join(f"/{quote(name, safe='')}" for name in names)


def glyph(name: str, state: str = "") -> Markup:
    """A glyph of the sprite in the colour of ``state``; always beside a word, so hidden from screen readers."""
    return el("svg", el("use", href=f"#g-{name}"), class_=f"g {state or name}", aria_hidden="true")


def pct(value: float) -> str:
    """A position in per cent, as attributes want it."""
    return f"{value:.3f}%"
