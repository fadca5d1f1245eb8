import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from fleetloop.core.client import Client, remember, settings_file
from fleetloop.core.errors import ConflictError, FleetloopError, LoginError, UnavailableError


class Answers(BaseHTTPRequestHandler):
    """Pages of a list, errors of each kind, and what came."""

    came: ClassVar[list[tuple[str, str, str]]] = []

    def do_GET(self) -> None:
        self.came.append((self.command, self.path, self.headers.get("authorization", "")))
        page = {
            "/api/v1/things": {"items": [1, 2], "next": "2"},
            "/api/v1/things?cursor=2": {"items": [3], "next": None},
        }
        if self.path in page:
            self.reply(200, json.dumps(page[self.path]))
        elif self.path == "/api/v1/taken":
            self.reply(409, json.dumps({"detail": "there already", "code": "version-exists"}))
        elif self.path == "/api/v1/nobody":
            self.reply(401, "{}")
        elif self.path == "/api/v1/proxy":
            self.reply(502, "<html>bad gateway")
        else:
            self.reply(204, "")

    do_POST = do_GET

    def reply(self, status: int, body: str) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    Answers.came.clear()
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("FLEETLOOP_SERVER", "FLEETLOOP_TOKEN", "FLEETLOOP_CA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_every_page_of_a_list_is_fetched(server: str) -> None:
    assert Client(server, "tok").get("/things", product=None) == [1, 2, 3]
    assert {authorization for _, _, authorization in Answers.came} == {"Bearer tok"}


def test_nothing_is_an_answer(server: str) -> None:
    assert Client(server).post("/thing") is None
    assert Answers.came == [("POST", "/api/v1/thing", "")]


def test_errors_are_raised_as_they_were(server: str) -> None:
    client = Client(server)
    with pytest.raises(ConflictError, match="there already") as caught:
        client.post("/taken", {})
    assert caught.value.code == "version-exists"
    with pytest.raises(LoginError, match="."):
        client.get("/nobody")
    with pytest.raises(FleetloopError, match="answered 502: <html>bad gateway"):
        client.get("/proxy")


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(UnavailableError, match="is `fleetloop up` running there"):
        Client("http://127.0.0.1:9").get("/things")


def test_a_login_is_kept_for_its_owner_only() -> None:
    remember("http://house:1", "secret", "ann")
    assert settings_file().stat().st_mode & 0o777 == 0o600
    assert json.loads(settings_file().read_text())["name"] == "ann"


def chosen(server: str = "", token: str = "") -> tuple[str, str]:
    made = Client.configured(server, token)
    return made.server, made._http.headers.get("authorization", "")


def test_where_server_and_token_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen() == ("http://127.0.0.1:8480", "")
    remember("http://kept:1", "kept", "ann")
    assert chosen() == ("http://kept:1", "Bearer kept")
    monkeypatch.setenv("FLEETLOOP_TOKEN", "env")
    assert chosen() == ("http://kept:1", "Bearer env")
    assert chosen(token="flag") == ("http://kept:1", "Bearer flag")
    monkeypatch.delenv("FLEETLOOP_TOKEN")
    assert chosen("http://other:2/") == ("http://other:2", "")  # a token goes to no other server than its own
    monkeypatch.setenv("FLEETLOOP_SERVER", "http://env:3")
    assert chosen() == ("http://env:3", "")
