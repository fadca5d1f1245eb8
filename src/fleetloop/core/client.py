"""How the command line, the demo and simulated people reach a server: JSON over HTTP, errors raised as they were.

The server and the token come from the flag, then ``FLEETLOOP_SERVER`` and ``FLEETLOOP_TOKEN``, then the file that
``fleetloop login`` wrote (mode 0600).
"""

import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self, cast

import httpx

from fleetloop.core.errors import InputError, LoginError, UnavailableError
from fleetloop.core.problem import error_of

DEFAULT_SERVER = "http://127.0.0.1:8480"
TIMEOUT_S = 60.0


def settings_file() -> Path:
    """Where the login is kept."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "fleetloop" / "login.json"


def remember(server: str, token: str, name: str) -> None:
    """Keep a login for the next command; readable by its owner only."""
    path = settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"server": server, "token": token, "name": name}, file)


class Client:
    """One server. ``token``: a person's API token or session; empty for none."""

    def __init__(self, server: str, token: str = "", verify: str = "") -> None:
        """``verify``: a file of certificates to trust instead of the system's. Raises `InputError` if it is none."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.server = server.rstrip("/")
        self._http = httpx.Client(base_url=self.server, headers=headers, timeout=TIMEOUT_S, verify=_trust(verify))

    @classmethod
    def configured(cls, server: str = "", token: str = "") -> Self:
        """From flag, environment or the kept login."""
        kept: dict[str, str] = {}
        if (path := settings_file()).exists():
            kept = json.loads(path.read_text())
        chosen = server or os.environ.get("FLEETLOOP_SERVER") or kept.get("server") or DEFAULT_SERVER
        own = kept.get("token", "") if chosen == kept.get("server") else ""
        verify = os.environ.get("FLEETLOOP_CA", "")
        return cls(chosen, token or os.environ.get("FLEETLOOP_TOKEN") or own, verify)

    def call(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        """The answer's JSON. Raises what the server raised, `UnavailableError` if it cannot be reached."""
        if body is not None:
            options["json"] = body
        answer = self._send(method, path, **options)
        return answer.json() if answer.content else None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, f"/api/v1{path}", **options)
        except httpx.HTTPError as e:
            if doubt := _doubt(e):
                raise UnavailableError(f"{self.server} answers, but {doubt}") from e
            raise UnavailableError(f"{self.server} cannot be reached ({e}); is `fleetloop up` running there?") from e
        if answer.is_success:
            return answer
        raise self._error(answer)

    def get(self, path: str, **query: Any) -> Any:
        """GET; every page of a list is fetched."""
        query = {k: v for k, v in query.items() if v is not None}
        found = self.call("GET", path, params=query)
        paged = isinstance(found, dict) and "items" in found
        return list(self._pages(path, query, cast("dict[str, Any]", found))) if paged else cast("Any", found)

    def text(self, path: str) -> str:
        """A document that is not JSON."""
        answer = self._send("GET", path)
        return answer.text

    def post(self, path: str, body: object = None, **options: Any) -> Any:
        """POST."""
        return self.call("POST", path, {} if body is None and not options else body, **options)

    def _pages(self, path: str, query: dict[str, Any], page: dict[str, Any]) -> Iterator[Any]:
        yield from page["items"]
        while cursor := page.get("next"):
            page = self.call("GET", path, params=query | {"cursor": cursor})
            yield from page["items"]

    def _error(self, answer: httpx.Response) -> Exception:
        try:
            body: dict[str, object] = answer.json()
        except ValueError:
            body = {"detail": f"{self.server} answered {answer.status_code}: {answer.text[:200]}"}
        if answer.status_code == LOGIN and not body.get("detail"):
            return LoginError()
        return error_of(answer.status_code, body)


def _trust(file: str) -> ssl.SSLContext | bool:
    if not file:
        return True
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as e:  # ssl.SSLError is one
        raise InputError(f"FLEETLOOP_CA is {file}, which is no file of certificates in PEM form: {e.strerror}") from e


def _doubt(error: BaseException | None) -> str:
    """What is wrong with the server's certificate, and what to do; empty if that is not why."""
    while error and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    if error is None:
        return ""
    if error.verify_code in OTHER_NAME:
        return f"its certificate is for another name ({error.verify_message}); use a name that is in it"
    return (
        f"its certificate is not trusted here ({error.verify_message}); if the server made it (`up --tls self`), copy "
        "tls/self.crt from the server's folder and name it: export FLEETLOOP_CA=PATH/self.crt"
    )


LOGIN = 401
OTHER_NAME = (62, 64)
"""OpenSSL's codes for a certificate that does not hold the name, or the address, that was asked for."""
