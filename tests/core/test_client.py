import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from fleetloop.app.certificate import files
from fleetloop.core.client import Client, remember, settings_file
from fleetloop.core.errors import ConflictError, FleetloopError, InputError, LoginError, UnavailableError


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


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server on 127.0.0.1 and on 127.0.0.2, of which its certificate names the first. (port, certificate)"""
    pair = files("self", tmp_path, "127.0.0.1")
    assert pair
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    made = ThreadingHTTPServer(("0.0.0.0", 0), Answers)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    made.handle_error = lambda *_: None  # type: ignore[method-assign]  a refused certificate ends the connection
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made.server_port, pair[0]
    made.shutdown()
    made.server_close()
    thread.join()


def test_a_certificate_that_the_server_made_itself(secured: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    port, certificate = secured
    with pytest.raises(UnavailableError, match=r"answers, but its certificate is not trusted here .*FLEETLOOP_CA="):
        Client.configured(f"https://127.0.0.1:{port}").get("/things")
    monkeypatch.setenv("FLEETLOOP_CA", str(certificate))
    for name in ("127.0.0.1", "localhost"):
        client = Client.configured(f"https://{name}:{port}")
        assert client.get("/things") == [1, 2, 3]
        client._http.close()
    with pytest.raises(UnavailableError, match="its certificate is for another name"):
        Client.configured(f"https://127.0.0.2:{port}").get("/things")
    for wrong in ("/none.pem", __file__):
        monkeypatch.setenv("FLEETLOOP_CA", wrong)
        with pytest.raises(InputError, match="which is no file of certificates in PEM form"):
            Client.configured()


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
