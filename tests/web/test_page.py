import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError
from tests.web import sample as s
from tests.web.pages import all_pages

from fleetloop.fleet import view as fleet
from fleetloop.incidents import view as incidents
from fleetloop.insights import view as insights
from fleetloop.releases import view as releases
from fleetloop.rollouts import view as rollouts
from fleetloop.web import Frame, Holds, asset, headers, render
from fleetloop.web.page import POLICY

PAGES = {name: (template, frame, page) for name, template, frame, page in all_pages()}
EVIL = '"><script>alert(1)</script>'


def text_of(name: str) -> str:
    template, frame, page = PAGES[name]
    return render(template, frame, page=page)


class Outline(HTMLParser):
    """Ids, headings, tables and what hangs open."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.open: list[str] = []
        self.headings: list[int] = []
        self.wrong: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if name := found.get("id"):
            self.ids.append(name)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "th" and not found.get("scope"):
            self.wrong.append("th without scope")
        if found.get("role") == "img":
            self.pictures.append(found)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> out of order")


def outline(name: str) -> Outline:
    found = Outline()
    found.feed(text_of(name))
    return found


@pytest.mark.parametrize("name", list(PAGES))
def test_no_page_has_inline_style_or_script(name: str) -> None:
    text = text_of(name)
    assert not re.search(r"<[^>]*\sstyle=", text)
    assert "<style" not in text
    assert not re.search(r"<[^>]*\son\w+=", text)
    for script in re.findall(r"<script[^>]*>", text):
        assert re.fullmatch(r'<script src="/static/[\w.]+" defer>', script)
    assert "javascript:" not in text


@pytest.mark.parametrize("name", list(PAGES))
def test_every_page_is_well_formed_with_one_first_heading_and_ids_once(name: str) -> None:
    found = outline(name)
    assert found.wrong == []
    assert found.open == []
    assert found.headings.count(1) == 1
    assert found.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
    assert len(found.ids) == len(set(found.ids))


@pytest.mark.parametrize("name", list(PAGES))
def test_every_picture_is_named(name: str) -> None:
    found = outline(name)
    for picture in found.pictures:
        named = picture.get("aria-labelledby") or ""
        assert picture.get("aria-label") or (named and set(named.split()) <= set(found.ids))


@pytest.mark.parametrize("name", [name for name in PAGES if name != "login"])
def test_every_reference_inside_a_page_leads_somewhere(name: str) -> None:
    text = text_of(name)
    ids = set(outline(name).ids)
    used = re.findall(r'(?:url\(#|href="#|aria-labelledby="|aria-describedby="|for=")([\w -]+)', text)
    assert {word for group in used for word in group.split()} <= ids


def test_the_headers_allow_nothing_foreign() -> None:
    found = headers(Frame(s.PAGE_AT))
    assert found["content-security-policy"] == POLICY
    assert POLICY == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert found["x-fleetloop-as-of"] == "Wed 2026-11-11 03:19:40 UTC"


def test_the_navigation_is_the_loop_with_what_each_stage_holds() -> None:
    text = text_of("rollout")
    nav = text[text.index('<nav class="loop"') : text.index("</nav>")]
    assert re.findall(r"<span>(\w+)</span>", nav) == ["Overview", "Releases", "Rollouts", "Fleet", "Incidents"]
    assert '<a href="/rollouts" aria-current="page">' in nav
    assert '<b class="bad">1 stopped</b>' in nav
    assert nav.count("<b") == 2


def test_no_navigation_before_the_login() -> None:
    text = text_of("login")
    assert 'nav class="loop"' not in text
    assert 'role="search"' not in text


def test_a_device_name_is_text_wherever_it_stands() -> None:
    device = fleet.device_page(replace(s.DEVICE, id=EVIL, remark=EVIL), s.LATER)
    line = fleet.FleetLine(EVIL, EVIL, EVIL, None, state="failed", why=EVIL)
    listed = replace(s.FLEET, rows=(line,), query=EVIL, versions=((EVIL, 1),))
    hurt = replace(s.STOPPED, hurt=(replace(s.HURT[0], device=EVIL),), product=EVIL, incident="")
    events = replace(s.STOPPED_COMPARISON, events=(replace(s.BAD[0], device=EVIL),))
    for text in (
        render("fleet/device.html", s.frame(s.LATER), page=device),
        render("fleet/fleet.html", s.frame(s.LATER), page=listed),
        render(
            "rollouts/rollout.html",
            s.frame(s.LATER),
            page=rollouts.present(replace(hurt, comparison=events), s.PAGE_AT),
        ),
        render(
            "releases/release.html",
            s.frame(s.LATER),
            page=releases.release_page(replace(s.RELEASE, subject=EVIL), s.LATER),
        ),
        render(
            "incidents/incident.html", s.frame(s.LATER), page=incidents.present(replace(s.INCIDENT, line=EVIL), s.LATER)
        ),
        render(
            "insights/overview.html",
            replace(s.frame(s.LATER), person=EVIL, role=EVIL, holds={"fleet": Holds(EVIL)}),
            page=insights.present(replace(s.OVERVIEW, product=EVIL), s.LATER),
        ),
    ):
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("rollouts/rollout.html", s.frame(s.PAGE_AT))


def parts(text: str) -> list[str]:
    return re.findall(r'data-live="([^"]+)"', text)


@pytest.mark.parametrize(
    ("name", "room", "known"),
    [
        ("rollout", "rollouts", rollouts.PARTS), ("rollout-running", "rollouts", rollouts.PARTS), ("device", "fleet", fleet.DEVICE_PARTS),
        ("release", "releases", releases.RELEASE_PARTS), ("incident", "incidents", incidents.PARTS), ("overview", "insights", insights.PARTS),
    ],
)  # fmt: skip
def test_every_live_part_is_the_same_alone_as_in_its_page(name: str, room: str, known: tuple[str, ...]) -> None:
    _, frame, page = PAGES[name]
    text = text_of(name)
    for path in parts(text):
        part = path.rpartition("/part/")[2]
        assert part in known
        alone = render(f"{room}/_{part}.html", frame, page=page).strip()
        assert alone in text
        assert re.match(rf'<\w+ [^>]*id="{part}"[^>]*data-live="{re.escape(path)}"', alone)


def test_the_stop_button_is_outside_every_part_that_is_swapped() -> None:
    _, frame, page = PAGES["rollout-running"]
    assert text_of("rollout-running").count('class="button stop"') == 2
    for part in rollouts.PARTS:
        if f'part/{part}"' in text_of("rollout-running"):
            assert "button stop" not in render(f"rollouts/_{part}.html", frame, page=page)


def test_who_may_not_stop_sees_no_button_and_what_is_over_has_none() -> None:
    page = rollouts.present(replace(s.RUNNING, may_stop=False), s.RUNNING_AT)
    assert "button stop" not in render("rollouts/rollout.html", s.frame(s.RUNNING_AT), page=page)
    assert "button stop" not in text_of("rollout")


def test_every_form_that_changes_something_has_the_token() -> None:
    for name in PAGES:
        for form in re.findall(r'<form[^>]*method="post".*?</form>', text_of(name), re.DOTALL):
            if 'action="/api/v1/login"' not in form:
                assert 'name="csrf" value="t0k3n"' in form


def test_only_the_gate_speaks_up() -> None:
    assert text_of("rollout").count('role="status"') == 1


def test_red_is_kept_for_what_is_bad() -> None:
    calm = render("rollouts/rollout.html", s.frame(s.LATER, holds={}), page=rollouts.present(s.GOOD, s.LATER))
    assert 'class="bad"' not in calm
    assert "button first" not in calm
    assert 'class="gate confirmed"' in calm


def test_assets_are_addressed_by_content() -> None:
    assert asset("fleetloop.css") in text_of("overview")
    assert re.fullmatch(r"/static/live\.[0-9a-f]{12}\.js", asset("live.js"))
