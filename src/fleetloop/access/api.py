"""Doors to people, tokens, gateways and the audit log.

``POST /login`` takes JSON, or the form of the log-in page; both get the session as a cookie, JSON gets it as text too.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from fleetloop.access.entry import FORM, SESSION_COOKIE, bearer, needs, who
from fleetloop.access.model import Account, ApiToken, Chain, Gateway, Line, Person, Role
from fleetloop.access.service import SESSION_S, Access
from fleetloop.core.errors import DeniedError, InputError, LimitError, LoginError

By = Annotated[Person, Depends(needs())]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
ASKED = [Depends(needs())]
LOGIN_PAGE = "/login"
LOGIN_BYTES = 8192


class Login(BaseModel):
    """Name and password; ``next``: the page to go on to, of this server only."""

    name: str
    password: str
    next: str = "/"


class NewPerson(BaseModel):
    """Somebody to add."""

    name: str
    role: Role
    password: str


class NewPassword(BaseModel):
    """Both are needed."""

    old: str
    new: str


class NewToken(BaseModel):
    """``role``: at most one's own; ``days``: until it is over, None for never."""

    name: str
    role: Role | None = None
    days: float | None = Field(default=None, gt=0, le=3650)


class NewGateway(BaseModel):
    """Devices it brings by itself belong to ``product`` and ``revision``."""

    name: str
    product: str = ""
    revision: str = ""


@dataclass(frozen=True)
class Me:
    """Who is asking."""

    name: str
    role: Role


@dataclass(frozen=True)
class TokenTold:
    """A token as listed, and its secret, told this once."""

    id: str
    name: str
    role: Role
    expires_at: float | None
    token: str


@dataclass(frozen=True)
class GatewayTold:
    """A gateway, and its secret, told this once."""

    name: str
    token: str


@dataclass(frozen=True)
class People:
    """All people."""

    items: list[Account]


@dataclass(frozen=True)
class ApiTokens:
    """All tokens that the asker may see."""

    items: list[ApiToken]


@dataclass(frozen=True)
class Gateways:
    """All gateways."""

    items: list[Gateway]


@dataclass(frozen=True)
class Lines:
    """A page of the audit log, newest first."""

    items: list[Line]
    next: str | None


def router(access: Access) -> APIRouter:
    """Everything under ``/api/v1`` that this room answers."""
    doors, api = _Doors(access), APIRouter(tags=["access"])
    api.add_api_route("/login", doors.login, methods=["POST"], openapi_extra=_login_body())
    api.add_api_route("/logout", doors.logout, methods=["POST"], status_code=204, response_class=Response)
    api.add_api_route("/me", doors.me, methods=["GET"])
    api.add_api_route("/me/password", doors.password, methods=["PUT"], status_code=204)
    api.add_api_route("/people", doors.people, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/people", doors.add_person, methods=["POST"], status_code=201)
    api.add_api_route("/people/{name}", doors.remove_person, methods=["DELETE"], status_code=204)
    api.add_api_route("/tokens", doors.tokens, methods=["GET"])
    api.add_api_route("/tokens", doors.add_token, methods=["POST"], status_code=201)
    api.add_api_route("/tokens/{id}", doors.revoke_token, methods=["DELETE"], status_code=204)
    api.add_api_route("/gateways", doors.gateways, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/gateways", doors.add_gateway, methods=["POST"], status_code=201)
    api.add_api_route("/gateways/{name}", doors.remove_gateway, methods=["DELETE"], status_code=204)
    api.add_api_route("/audit", doors.audit, methods=["GET"], dependencies=ASKED)
    api.add_api_route("/audit/chain", doors.chain, methods=["GET"], dependencies=ASKED)
    return api


class _Doors:
    def __init__(self, access: Access) -> None:
        self._access = access

    async def login(self, request: Request) -> Response:
        """Open a session."""
        form = request.headers.get("content-type", "").startswith(FORM)
        wanted = _read_login(await _short_body(request), form=form)
        if form:
            _check_origin(request)
        try:
            token, person = await self._access.login(wanted.name, wanted.password, _address(request))
        except (LoginError, LimitError) as error:
            if not form:
                raise
            return RedirectResponse(f"{LOGIN_PAGE}?error={error.code}&next={quote(_local(wanted.next))}", 303)
        told = {"token": token, "name": person.name, "role": person.role.value, "expires_in_s": SESSION_S}
        answer = RedirectResponse(_local(wanted.next), 303) if form else JSONResponse(told)
        secure = request.url.scheme == "https"
        answer.set_cookie(SESSION_COOKIE, token, int(SESSION_S), httponly=True, samesite="lax", secure=secure)
        return answer

    async def logout(self, request: Request) -> Response:
        """End the session one came with."""
        person = await who(request)
        await self._access.logout(bearer(request) or request.cookies[SESSION_COOKIE])
        by_form = request.headers.get("content-type", "").startswith(FORM) and bool(person.csrf)
        answer = RedirectResponse(LOGIN_PAGE, 303) if by_form else Response(status_code=204)
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    async def me(self, by: By) -> Me:
        """Who is asking."""
        return Me(by.name, by.role)

    async def password(self, by: By, body: NewPassword, request: Request) -> None:
        """Change one's own password; all sessions end."""
        await self._access.change_password(by, body.old, body.new, _address(request))

    async def people(self) -> People:
        """Everyone."""
        return People(await self._access.people())

    async def add_person(self, by: By, body: NewPerson) -> Account:
        """Add somebody."""
        return await self._access.add_person(by, body.name, body.role, body.password)

    async def remove_person(self, by: By, name: str) -> None:
        """Remove somebody, with sessions and tokens."""
        await self._access.remove_person(by, name)

    async def tokens(self, by: By) -> ApiTokens:
        """One's own tokens; an administrator sees all."""
        return ApiTokens(await self._access.tokens_of(by))

    async def add_token(self, by: By, body: NewToken) -> TokenTold:
        """Make a token; its secret is told this once."""
        token, secret = await self._access.add_token(by, body.name, body.role, body.days)
        return TokenTold(token.id, token.name, token.role, token.expires_at, secret)

    async def revoke_token(self, by: By, id: str) -> None:  # noqa: A002  the word in the path
        """The token is refused from now on."""
        await self._access.revoke_token(by, id)

    async def gateways(self) -> Gateways:
        """All gateways."""
        return Gateways(self._access.gateways())

    async def add_gateway(self, by: By, body: NewGateway) -> GatewayTold:
        """Add a gateway; its token is told this once."""
        gateway = Gateway(body.name, body.product, body.revision)
        return GatewayTold(body.name, await self._access.add_gateway(by, gateway))

    async def remove_gateway(self, by: By, name: str) -> None:
        """The gateway is refused from now on."""
        await self._access.remove_gateway(by, name)

    async def audit(self, limit: Limit = 100, cursor: Cursor = None) -> Lines:
        """Who did what, newest first."""
        found = await self._access.lines(cursor, limit)
        return Lines(found, str(found[-1].number) if len(found) == limit else None)

    async def chain(self, noted: str = "") -> Chain:
        """Whether the audit log is as it was written; ``noted``: an earlier head, which must still be in it."""
        return await self._access.chain(noted)


async def _short_body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LOGIN_BYTES:
            raise InputError(f"a log-in has at most {LOGIN_BYTES} bytes")
    return body


def _read_login(body: bytes, *, form: bool) -> Login:
    try:
        if not form:
            return Login.model_validate_json(body)
        return Login.model_validate({k: v[-1] for k, v in parse_qs(body.decode()).items()})
    except (ValidationError, UnicodeDecodeError) as e:
        raise InputError('expected {"name": "…", "password": "…"}, or the same as a form') from e


def _check_origin(request: Request) -> None:
    """A foreign page must not log somebody in as somebody else."""
    origin = request.headers.get("origin")
    if origin and origin != "null" and urlsplit(origin).netloc != request.headers.get("host"):
        raise DeniedError(f"this log-in form came from {origin}")


def _local(path: str) -> str:
    """Only a page of this server; two slashes of either kind lead elsewhere."""
    fine = path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isprintable()
    return path if fine else "/"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _login_body() -> dict[str, object]:
    schema = Login.model_json_schema()
    content = {kind: {"schema": schema} for kind in ("application/json", FORM)}
    return {"requestBody": {"required": True, "content": content}}
