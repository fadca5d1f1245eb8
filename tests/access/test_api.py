from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from fleetloop.access import CSRF_HEADER, SESSION_COOKIE, Access, Person, Role, csrf_of
from fleetloop.access.api import router
from fleetloop.core.db import Database
from fleetloop.core.errors import FleetloopError
from fleetloop.core.problem import document, edge

ADMIN = Person("admin", Role.ADMIN)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def http(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.access = access = Access(db)
    app.include_router(router(access), prefix="/api/v1")

    async def problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, FleetloopError)
        return JSONResponse(document(error), edge(error)[0])

    app.add_exception_handler(FleetloopError, problem)
    for role in Role:
        await access.add_person(ADMIN, role.value, role, "long enough")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://house/api/v1") as client:
        yield client


async def token(http: httpx.AsyncClient, name: str) -> dict[str, str]:
    answer = await http.post("/login", json={"name": name, "password": "long enough"})
    http.cookies.clear()
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_log_in_and_who_am_i(http: httpx.AsyncClient) -> None:
    assert (await http.get("/me")).status_code == 401
    told = (await http.get("/me", headers=await token(http, "operator"))).json()
    assert told == {"name": "operator", "role": "operator"}
    wrong = await http.post("/login", json={"name": "operator", "password": "wrong"})
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "wrong name or password")
    assert (await http.post("/login", content=b"{")).status_code == 400
    assert (await http.post("/login", content=b"x" * 9000)).status_code == 400


async def test_roles(http: httpx.AsyncClient) -> None:
    statuses = [(await http.get("/people", headers=await token(http, role.value))).status_code for role in Role]
    assert statuses == [403, 403, 403, 200]


async def test_a_person_is_added_over_http(http: httpx.AsyncClient) -> None:
    admin = await token(http, "admin")
    body = {"name": "ann", "role": "operator", "password": "long enough"}
    told = await http.post("/people", json=body, headers=admin)
    assert told.status_code == 201
    assert "password" not in told.text
    assert (await http.post("/people", json=body, headers=admin)).status_code == 409
    assert (await http.delete("/people/ann", headers=admin)).status_code == 204
    assert (await http.delete("/people/ann", headers=admin)).status_code == 404


async def test_a_cookie_changes_things_only_with_its_csrf_word(http: httpx.AsyncClient) -> None:
    answer = await http.post("/login", json={"name": "admin", "password": "long enough"})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    body = {"name": "dock"}
    assert (await http.get("/me")).status_code == 200
    assert (await http.post("/gateways", json=body)).status_code == 403
    assert (await http.post("/gateways", json=body, headers={CSRF_HEADER: "wrong"})).status_code == 403
    word = csrf_of(http.cookies[SESSION_COOKIE])
    assert (await http.post("/gateways", json=body, headers={CSRF_HEADER: word})).status_code == 201
    assert (await http.post("/logout")).status_code == 403
    out = await http.post("/logout", content=f"csrf={word}", headers=FORM)
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert (await http.get("/me")).status_code == 401


async def test_https_makes_the_cookie_secure(http: httpx.AsyncClient) -> None:
    answer = await http.post("https://house/api/v1/login", json={"name": "admin", "password": "long enough"})
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("next_", "goes"), [("/rollouts", "/rollouts"), ("//evil", "/"), ("/\\evil", "/"), ("https://evil", "/")]
)
async def test_the_form_goes_on_to_a_page_of_this_server(http: httpx.AsyncClient, next_: str, goes: str) -> None:
    form = httpx.QueryParams({"name": "admin", "password": "long enough", "next": next_})
    answer = await http.post("/login", content=str(form), headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, goes)
    assert SESSION_COOKIE in http.cookies


async def test_a_wrong_form_goes_back_and_a_foreign_one_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/login", content="name=admin&password=wrong&next=/rollouts", headers=FORM)
    assert answer.headers["location"] == "/login?error=login-required&next=/rollouts"
    foreign = await http.post(
        "/login", content="name=admin&password=long+enough", headers=FORM | {"Origin": "https://evil"}
    )
    assert foreign.status_code == 403


async def test_tokens_and_audit(http: httpx.AsyncClient) -> None:
    admin = await token(http, "admin")
    told = (await http.post("/tokens", json={"name": "ci", "role": "viewer"}, headers=admin)).json()
    assert (await http.get("/me", headers={"Authorization": f"Bearer {told['token']}"})).json()["role"] == "viewer"
    listed = await http.get("/tokens", headers=admin)
    assert told["token"] not in listed.text
    assert (await http.delete(f"/tokens/{told['id']}", headers=admin)).status_code == 204
    page = (await http.get("/audit?limit=2", headers=admin)).json()
    assert [line["act"] for line in page["items"]] == ["token revoke", "token add"]
    rest = (await http.get(f"/audit?cursor={page['next']}", headers=admin)).json()
    assert [line["act"] for line in rest["items"]] == ["person add"] * 4
    assert (await http.get("/audit/chain", headers=admin)).json()["intact"] is True


async def test_password_change(http: httpx.AsyncClient) -> None:
    viewer = await token(http, "viewer")
    body = {"old": "long enough", "new": "another long one"}
    assert (await http.put("/me/password", json=body, headers=viewer)).status_code == 204
    assert (await http.get("/me", headers=viewer)).status_code == 401
