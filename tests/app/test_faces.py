"""Every page over a small real house: who sees it, what it may load, and what is said when something fails."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from tests.rollouts.house import ANN, House, names

from fleetloop.access import SESSION_COOKIE, Role, csrf_of
from fleetloop.app.serve import Server
from fleetloop.core.clock import HOUR
from fleetloop.web.page import POLICY

HTML = {"Accept": "text/html,application/xhtml+xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EVIL = '"><script>alert(1)<'
PASSWORD = "long enough"


class Browser:
    """Somebody who looks at pages."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def login(self, name: str) -> None:
        self.http.cookies.clear()
        form = httpx.QueryParams({"name": name, "password": PASSWORD, "next": "/rollouts"})
        answer = await self.http.post("/api/v1/login", content=str(form), headers=FORM | HTML)
        assert (answer.status_code, answer.headers["location"]) == (303, "/rollouts")

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path, headers=HTML)

    async def submit(self, path: str, csrf: str | None = None, **fields: str) -> httpx.Response:
        word = csrf_of(self.http.cookies[SESSION_COOKIE]) if csrf is None else csrf
        return await self.http.post(path, content=str(httpx.QueryParams(fields | {"csrf": word})), headers=FORM | HTML)


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """1.0.0 everywhere; 1.1.0 crashes on b, is stopped and undone; 1.1.1 is on its way. One device has a wild name."""
    made = await House.open(tmp_path, database_url)
    await made.product("a", "b")
    await made.add(*names(24), revision="b")
    await made.add(*names(23, "e"), EVIL, revision="a")
    await made.confirmed("1.0.0")
    await made.publish("1.1.0", "a", "b")
    bad = await made.start("1.1.0", soak_s=24 * HOUR, waves=[25.0, 50.0, 80.0])
    await crashing(made)
    await made.over(bad.id)
    await made.until(lambda: undone(made))
    await made.publish("1.1.1", "a", "b")
    await made.start("1.1.1", soak_s=6 * HOUR)
    await made.live(3 * HOUR)
    for role in Role:
        await made.rooms.access.add_person(ANN, role.value, role, PASSWORD)
    yield made
    await made.close()


async def crashing(house: House) -> None:
    """After a while those on b that have the new release crash again and again."""
    await house.live(6 * HOUR)
    for unit in house.units.values():
        unit.crash_on = frozenset({"1.1.0"}) if unit.revision == "b" else frozenset()


async def undone(house: House) -> bool:
    return (await house.rooms.rollouts.all())[0].phase.value == "rollback done"


@pytest.fixture
async def browser(house: House) -> AsyncIterator[Browser]:
    app = Server(house.rooms)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://house") as http:
        yield Browser(http)


PAGES = [
    "/", "/releases", "/releases/cell/1.0.0", "/releases/cell/1.1.0", "/releases/cell/1.1.1", "/rollouts", "/rollouts/1",
    "/rollouts/2", "/rollouts/3", "/rollouts/4", "/fleet", "/fleet?q=d00", "/fleet?version=1.1.1", "/fleet/d001",
    f"/fleet/{quote(EVIL, safe='')}", "/incidents", "/incidents/INC-1",
]  # fmt: skip


async def test_every_page_and_part_stands_under_the_strict_policy(browser: Browser) -> None:
    await browser.login("viewer")
    parts: set[str] = set()
    for path in PAGES:
        answer = await browser.get(path)
        assert answer.status_code == 200, (path, answer.text[-300:])
        strict(answer)
        parts.update(re.findall(r'data-live="([^"]+)"', answer.text))
    assert len(parts) > 30
    for path in sorted(parts):
        answer = await browser.get(path.replace("&#34;", '"'))
        assert answer.status_code == 200, path
        strict(answer)


def strict(answer: httpx.Response) -> None:
    """Nothing inline, nothing foreign, nothing kept."""
    text = answer.text
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert "<script>alert" not in text
    assert not re.search(r"<[^>]*\s(style|on\w+)=", text)
    assert "<style" not in text
    for script in re.findall(r"<script[^>]*>", text):
        assert re.fullmatch(r'<script src="/static/[\w.]+" defer>', script)


async def test_links_inside_pages_lead_somewhere(browser: Browser) -> None:
    await browser.login("admin")
    found: set[str] = set()
    for path in PAGES:
        found.update(re.findall(r'href="(/[^"#]*)"', (await browser.get(path)).text))
    assert any(path.endswith("/bundle") for path in found)
    assert f"/fleet/{quote(EVIL, safe='')}" in found
    for path in sorted(found):
        if not path.startswith("/static/"):
            answer = await browser.get(path.replace("&amp;", "&"))
            assert answer.status_code == 200, path


async def test_nobody_is_sent_to_the_log_in_page_and_back(browser: Browser) -> None:
    answer = await browser.get("/rollouts/2?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/rollouts/2%3Fx%3D1")
    page = await browser.get(answer.headers["location"])
    assert page.status_code == 200
    strict(page)
    assert 'name="next" value="/rollouts/2?x=1"' in page.text
    wrong = await browser.get("/login?error=login-required&next=/fleet")
    assert "not the password" in wrong.text
    for path in PAGES:
        assert (await browser.get(path)).status_code == 303
    for path in ("/rollouts/2/stop", "/rollouts/2/decide"):
        assert (await browser.http.post(path, headers=HTML)).status_code == 303


async def test_programs_keep_their_problems(browser: Browser) -> None:
    answer = await browser.http.get("/rollouts/2")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    await browser.login("viewer")
    for path in ("/api/v1/rollouts/99", "/api/v1/devices/nobody/timeline"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


NOWHERE = [
    "/nowhere", "/rollouts/99", "/rollouts/2/part/nothing", "/fleet/nobody", "/incidents/INC-9", "/incidents/x",
    "/releases/cell/9.9", "/part/nothing", "/incidents/INC-1/part/x", "/fleet/d001/part/x",
]  # fmt: skip


async def test_what_is_not_there_is_a_page_too(browser: Browser) -> None:
    await browser.login("viewer")
    for path in NOWHERE:
        answer = await browser.get(path)
        assert answer.status_code == 404, path
        strict(answer)
        assert "This did not work" in answer.text
        assert path != "/nowhere" or "This server has no page at /nowhere." in answer.text
        assert "not-found" in answer.text
        assert 'nav class="loop"' in answer.text


async def test_the_stop_button_needs_its_word_and_the_role(house: House, browser: Browser) -> None:
    await browser.login("viewer")
    assert "button stop" not in (await browser.get("/rollouts/4")).text
    assert (await browser.submit("/rollouts/4/stop")).status_code == 403
    await browser.login("operator")
    assert "button stop" in (await browser.get("/rollouts/4")).text
    foreign = await browser.submit("/rollouts/4/stop", csrf="x" * 64)
    assert foreign.status_code == 403
    assert "load the page again" in foreign.text
    assert (await house.get(4)).ended_at is None
    answer = await browser.submit("/rollouts/4/stop")
    assert (answer.status_code, answer.headers["location"]) == (303, "/rollouts/4")
    page = (await browser.get("/rollouts/4")).text
    assert "by operator" in page
    assert "button stop" not in page
    again = await browser.submit("/rollouts/4/stop")
    assert (again.status_code, again.headers["location"]) == (303, "/rollouts/4")


async def test_the_footer_names_the_clock_and_logging_out_works(house: House, browser: Browser) -> None:
    await browser.login("operator")
    text = (await browser.get("/")).text
    assert "Virtual time" in text
    assert "Logged in as operator (operator)" in text
    answer = await browser.submit("/api/v1/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await browser.get("/")).status_code == 303


async def test_the_navigation_says_what_each_stage_holds(house: House, browser: Browser) -> None:
    await browser.login("operator")
    assert "<b>1 running</b>" in (await browser.get("/fleet")).text
    await browser.submit("/rollouts/4/stop")
    assert '<b class="bad">1 stopped</b>' in (await browser.get("/fleet")).text


async def test_a_bundle_comes_back_as_it_was_signed(house: House, browser: Browser, tmp_path: Path) -> None:
    from fleetloop.releases import measure, read, unpack

    await browser.login("viewer")
    answer = await browser.http.get("/api/v1/releases/cell/1.1.0/bundle")
    assert answer.headers["content-type"] == "application/x-tar"
    (tmp_path / "back.tar").write_bytes(answer.content)
    with (tmp_path / "back.tar").open("rb") as stream:
        back = unpack(stream, tmp_path / "back")
    assert back.files == read(house.folder / "bundle-1.1.0").files
    assert measure(back.path("release.json")) == back.files["release.json"]


async def test_only_what_changed_is_told(house: House) -> None:
    told: list[set[str]] = []
    house.rooms.live.publish = lambda *topics: told.append(set(topics))  # type: ignore[method-assign]
    await house.step(house.now + 60)
    told.clear()
    await house.step(house.now + 60)
    assert told == [set()]
    before = await house.get(4)
    await house.live(8 * HOUR)
    assert {"rollout/4"} <= set().union(*told), (before, await house.get(4), await house.happened(4))
    assert not any(topic.startswith("rollout/") and topic != "rollout/4" for topic in set().union(*told))


async def test_an_empty_server_says_what_to_type(tmp_path: Path, database_url: str) -> None:
    house = await House.open(tmp_path, database_url)
    await house.rooms.access.add_person(ANN, "viewer", Role.VIEWER, PASSWORD)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Server(house.rooms)), base_url="http://house") as http:
        browser = Browser(http)
        await browser.login("viewer")
        for path, words in (
            ("/", "Nothing here yet"), ("/releases", "No release yet"), ("/rollouts", "No rollout yet"),
            ("/fleet", "No device yet"), ("/incidents", "No incident"), ("/part/gate", "Nothing is watched yet"),
        ):  # fmt: skip
            answer = await browser.get(path)
            assert answer.status_code == 200
            assert words in answer.text
    await house.close()
