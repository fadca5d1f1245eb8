import pytest
from markupsafe import Markup

from fleetloop.web.svg import el, glyph, join


def test_text_and_attributes_are_escaped_and_markup_is_not() -> None:
    made = el("p", '<script>alert("x")</script>', Markup("<b>y</b>"), title='"><img>')
    assert made == ('<p title="&#34;&gt;&lt;img&gt;">&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;<b>y</b></p>')


def test_names_of_attributes() -> None:
    assert el("svg", class_="bar", aria_hidden="true", view_box="0 0 1 1", x=None, hidden=True) == (
        '<svg class="bar" aria-hidden="true" viewBox="0 0 1 1" hidden/>'
    )


@pytest.mark.parametrize("name", ["style", "onclick", "onload"])
def test_style_and_handlers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"no {name} attribute"):
        el("rect", **{name: "x"})


def test_a_glyph_is_hidden_from_screen_readers() -> None:
    assert glyph("stop", "hurt") == '<svg class="g hurt" aria-hidden="true"><use href="#g-stop"/></svg>'


def test_joining_escapes_text() -> None:
    assert join("<", Markup("<b>")) == "&lt;<b>"
