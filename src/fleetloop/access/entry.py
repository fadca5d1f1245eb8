"""The one way into an operation: `needs` finds who is asking, and the table of `policy` says whether they may.

    By = Annotated[Person, Depends(needs())]

People come with ``Authorization: Bearer TOKEN`` (an API token or a session) or with the session cookie. Whoever comes
with the cookie and changes something also sends `csrf_of` their session, as header ``X-CSRF`` or form field ``csrf``: a
foreign page can make a browser send the cookie, but cannot read what goes with it.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.requests import Request

from fleetloop.access.model import Person
from fleetloop.access.policy import API, needed
from fleetloop.core.errors import DeniedError, LoginError

if TYPE_CHECKING:
    from fleetloop.access.service import Access
    from fleetloop.web import Frame

SESSION_COOKIE = "fleetloop_session"
CSRF_HEADER = "X-CSRF"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORM = "application/x-www-form-urlencoded"
Frames = Callable[[Person, str], Awaitable["Frame"]]
"""Makes the frame of a page for a person and a stage of the loop; `app` hands it to every room's pages."""


def csrf_of(session: str) -> str:
    """What must come along with the cookie of ``session``; nothing more is stored for it."""
    return hmac.new(session.encode(), b"fleetloop csrf", "sha256").hexdigest()


def bearer(request: Request) -> str:
    """The token of the ``Authorization`` header; empty if there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def needs(role: str = "") -> Callable[[Request], Awaitable[Person]]:
    """A dependency that gives the person. ``role`` may repeat for the reader what the table says; it must agree.

    It raises `LoginError` for nobody we know, `DeniedError` for too low a role, a missing CSRF word or no cell.
    """

    async def enter(request: Request) -> Person:
        operation = template(request)
        try:
            wanted = needed(request.method, operation)
        except KeyError as e:
            raise DeniedError(f"{request.method} {operation} stands in no table of roles; nobody may") from e
        if wanted is None or (role and role != wanted.value):
            raise DeniedError(f"{request.method} {operation}: the table of roles says otherwise than its door")
        person = await who(request)
        if not person.role.covers(wanted):
            raise DeniedError(f"this needs the role {wanted.value}; {person.name} is {person.role.value}")
        return person

    return enter


def may(person: Person, method: str, path: str) -> bool:
    """Whether the table lets ``person`` do this: for buttons that are there only for those who may."""
    wanted = needed(method, path)
    return wanted is None or person.role.covers(wanted)


def template(request: Request) -> str:
    """The route's path with its place-holders, the prefix under which the door was mounted included."""
    path: str = getattr(request.scope.get("route"), "path", request.scope["path"])
    mounted = request.scope["path"].startswith(f"{API}/") and not path.startswith(f"{API}/")
    return f"{API}{path}" if mounted else path


async def who(request: Request) -> Person:
    """Who is asking. Raises `LoginError`; `DeniedError` for a change by cookie without its CSRF word."""
    access: Access = request.app.state.access
    if token := bearer(request):
        return await access.who(token)
    if not (session := request.cookies.get(SESSION_COOKIE, "")):
        raise LoginError("nobody is logged in; use `fleetloop login`, or the log-in page")
    person = replace(await access.who(session), csrf=csrf_of(session))
    if request.method not in SAFE and not hmac.compare_digest(await _said(request), person.csrf.encode()):
        raise DeniedError(f"a change from a page must carry {CSRF_HEADER} or the field csrf; load the page again")
    return person


async def _said(request: Request) -> bytes:
    word = request.headers.get(CSRF_HEADER, "")
    if not word and request.headers.get("content-type", "").startswith(FORM):
        word = str((await request.form()).get("csrf", ""))
    return word.encode()
