"""Pictures of pages, by a headless Chromium, from a server that the demo filled.

The browser asks a proxy on this machine that adds the session's cookie; so no profile, no script and no password is
given to the browser. Live updates are left out: a picture stands still.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOP = Path(__file__).resolve().parents[2]
PORT = 8489
PATIENCE_S = 900
SIZE = (1440, 815)


class NoPictureError(Exception):
    """The text says why."""


def _stopped(ask: Callable[[str], Any]) -> str:
    found = ask("/rollouts")
    rows = found["items"] if isinstance(found, dict) else found
    stopped = [r["id"] for r in rows if r["phase"] == "stopped"]
    if not stopped:
        raise NoPictureError("this server has no stopped rollout")
    return f"/rollouts/{stopped[-1]}"


SHOTS: dict[str, Callable[[Callable[[str], Any]], str]] = {"rollout-stopped": _stopped}
"""Name of the picture and the page that it shows; asked with the API."""


def take(folder: Path, names: list[str], server: str) -> None:
    """Raises `NoPictureError`."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise NoPictureError("chromium is missing; on Debian 12: apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        url, password = (server, os.environ.get("FLEETLOOP_PASSWORD", "")) if server else stack.enter_context(demo())
        token = _login(url, password)
        proxy = stack.enter_context(_proxy(url, token))
        for name in names:
            address = SHOTS[name](lambda path: _get(url, path, token))
            _shoot(browser, f"{proxy}{address}", folder / f"{name}.png")
            print(f"docs/pictures/{name}.png", file=sys.stderr)


@contextlib.contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """Play the demo; (address, the administrator's password) while its page is up."""
    with tempfile.TemporaryDirectory(prefix="fleetloop-docs.") as work:
        words = [sys.executable, "-m", "fleetloop", "demo", "--port", str(PORT), "--work", f"{work}/demo"]
        child = subprocess.Popen(words, cwd=TOP, stderr=subprocess.PIPE, text=True)
        timer = threading.Timer(PATIENCE_S, child.kill)
        timer.start()
        try:
            yield _page(child)
        finally:
            timer.cancel()
            child.send_signal(signal.SIGINT)
            threading.Thread(target=lambda: child.stderr and child.stderr.read(), daemon=True).start()
            child.wait()


def _page(child: "subprocess.Popen[str]") -> tuple[str, str]:
    for said in child.stderr or ():
        print(said, end="", file=sys.stderr)
        if found := re.search(r"page:\s+(https?://[^/\s]+)/\S*\s+\(name \S+, password (\S+)\)", said):
            return found[1], found[2]
    raise NoPictureError(f"the demo ended with {child.wait()} and showed no page")


def _login(url: str, password: str) -> str:
    body = json.dumps({"name": "admin", "password": password}).encode()
    request = urllib.request.Request(f"{url}/api/v1/login", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["token"]
    except OSError as error:
        raise NoPictureError(f"{url} lets nobody in: {error}; is FLEETLOOP_PASSWORD set?") from error


def _get(url: str, path: str, token: str) -> Any:
    request = urllib.request.Request(f"{url}/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@contextlib.contextmanager
def _proxy(url: str, token: str) -> Iterator[str]:
    place = urlsplit(url).netloc

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/live"):
                self.send_response(204)
                self.end_headers()
                return
            behind = http.client.HTTPConnection(place, timeout=30)
            behind.request("GET", self.path, headers={"Cookie": f"fleetloop_session={token}", "Host": place})
            answer = behind.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in {"content-length", "transfer-encoding", "connection", "set-cookie"}:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _look(address: str) -> None:
    """An error page is no picture."""
    try:
        with urllib.request.urlopen(address) as answer:
            if "/login" not in answer.geturl():
                return
    except OSError as error:
        raise NoPictureError(f"the page {urlsplit(address).path} does not work: {error}") from error
    raise NoPictureError(f"{address} shows the log-in page")


def _shoot(browser: str, address: str, target: Path) -> None:
    _look(address)
    with tempfile.TemporaryDirectory(prefix="fleetloop-browser.") as profile:
        words = [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            f"--user-data-dir={profile}", f"--window-size={SIZE[0]},{SIZE[1]}", f"--screenshot={target}", address,
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode or not target.exists():
        raise NoPictureError(f"{browser} failed: {done.stderr.strip()[-500:]}")
