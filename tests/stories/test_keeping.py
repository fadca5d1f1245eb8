"""What is kept stays: backup under load and restore, restarts, schemas of other programs, doors that are shut."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from tests.stories.hands import HOUR, Scene, scene

from fleetloop.app.stage import ServerProcess, free_port

FLEETLOOP = [sys.executable, "-m", "fleetloop"]


def run(*words: object, where: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*FLEETLOOP, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=where)


def told(s: Scene, number: int) -> Mapping[str, object]:
    """All that a restart or a restore must give back."""
    deployments = s.client.get(f"/rollouts/{number}/deployments")
    return {
        "rollout": s.stage.rollout(number),
        "record": s.client.text(f"/rollouts/{number}/record"),
        "deployments": sorted(deployments, key=lambda d: d["device"]),
        "devices": s.client.get("/devices"),
        "releases": s.client.get("/releases"),
        "timelines": [s.client.get(f"/devices/{hand}/timeline") for hand in s.hands],
    }


async def half_way(s: Scene) -> int:
    """A rollout in its first wave: some booted, some in mid-download, some held back."""
    hands = s.add(*[f"d{i:02}" for i in range(12)])
    s.publish("1.0")
    s.hour()
    number = s.roll_out("1.0", by_hand=False, waves=[50, 100])
    s.advance(HOUR - 1)
    work = s.offered(hands)
    for device in list(work)[:3]:
        s.hands[device].install(work[device])
        s.hands[device].restart("1.0")
    s.advance(1)
    s.hour()
    return number


@pytest.mark.slow
async def test_a_restart_loses_nothing(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database, process=True) as s:
        number = await half_way(s)
        before = told(s, number)
        await s.restart()
        assert told(s, number) == before
        await s.server.end()
        await s.server.restart()
        s.advance()
        assert told(s, number) == before


@pytest.mark.slow
async def test_a_backup_under_load_restores_to_what_was_acknowledged(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database, process=True) as s:
        number = await half_way(s)
        devices = list(s.hands.values())
        stop = threading.Event()
        beats = 0

        def load() -> None:
            nonlocal beats
            while not stop.is_set():
                for hand in devices:
                    hand.boots += 1
                    assert hand.beat() == 200
                    beats += 1

        worker = threading.Thread(target=load)
        worker.start()
        at = [*(("--database", database) if database else ()), "--dir", s.server.folder / "data"]
        saved = await asyncio.to_thread(run, "backup", *at, tmp_path / "saved.tar", "--json")
        stop.set()
        worker.join()
        assert saved.returncode == 0, saved.stderr
        assert beats > 12
        before = told(s, number)
        assert json.loads(saved.stdout)["bytes"] > 1000
        s.client.post(f"/rollouts/{number}/stop", {})
        await s.server.end()
        refused = run("restore", *at, tmp_path / "saved.tar")
        assert refused.returncode == 1
        assert "--yes" in refused.stderr
        restored = run("restore", *at, tmp_path / "saved.tar", "--yes")
        assert restored.returncode == 0, restored.stderr
        await s.server.restart()
        s.advance()
        after = told(s, number)
        for part in ("rollout", "record", "deployments", "releases"):
            assert after[part] == before[part], part


async def test_an_older_program_refuses_a_newer_schema(tmp_path: Path, database: str) -> None:
    folder = tmp_path / "server"
    server = ServerProcess(folder, time.time() // 3600 * 3600, database=database)
    await server.restart()
    await server.end()
    engine = sa.create_engine(database or f"sqlite:///{folder / 'data' / 'fleetloop.db'}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    engine.dispose()
    at = [*(("--database", database) if database else ()), "--dir", folder / "data", "--port", free_port()]
    refused = await asyncio.to_thread(run, "up", *at)
    assert refused.returncode == 1
    assert "9999" in refused.stderr
    assert "restore" in refused.stderr


async def test_two_servers_on_one_folder_are_refused(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "server", time.time() // 3600 * 3600)
    await server.restart()
    try:
        second = await asyncio.to_thread(run, "up", "--dir", tmp_path / "server" / "data", "--port", free_port())
    finally:
        await server.end()
    assert second.returncode == 1
    assert "another server runs on" in second.stderr


async def test_what_runs_keeps_its_port_and_its_folder(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "server", time.time() // 3600 * 3600)
    await server.restart()
    data, saved = tmp_path / "server" / "data", tmp_path / "one.tar"
    try:
        second = await asyncio.to_thread(run, "up", "--dir", tmp_path / "other", "--port", server.port)
        backup = await asyncio.to_thread(run, "backup", "--dir", data, saved)
        restore = await asyncio.to_thread(run, "restore", "--dir", data, saved, "--yes")
    finally:
        await server.end()
    assert (second.returncode, backup.returncode, restore.returncode) == (1, 0, 1)
    assert f"port {server.port} is in use on 127.0.0.1; choose another with --port [conflict]" in second.stderr
    assert "another server runs on" in restore.stderr
    restored = await asyncio.to_thread(run, "restore", "--dir", data, saved, "--yes", "--json")
    assert Path(json.loads(restored.stdout)["put_aside"]).name.startswith("data-before-restore-")
    assert "experimental" not in server.log.read_text()


def test_an_open_address_without_tls_is_refused(tmp_path: Path) -> None:
    refused = run("up", "--dir", tmp_path / "data", "--host", "0.0.0.0", "--port", free_port())
    assert refused.returncode == 1
    assert "--tls self" in refused.stderr
    assert "--behind-proxy" in refused.stderr
    assert not (tmp_path / "data").exists()


@contextlib.contextmanager
def served(folder: Path, *words: object) -> Iterator[str]:
    """`fleetloop up` in real time; its address."""
    port = free_port()
    command = [*FLEETLOOP, "up", "--dir", str(folder), "--port", str(port), *map(str, words)]
    with (folder.parent / "up.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(300):
            if process.poll() is not None or "First administrator" in (folder.parent / "up.log").read_text():
                break
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(20)


def test_tls_self_serves_https_and_nothing_in_the_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = tmp_path / "data" / "tls" / "self.crt"
    with served(tmp_path / "data", "--tls", "self") as address:
        _until_up(address)
        with httpx.Client(verify=ssl.create_default_context(cafile=str(certificate))) as http:
            answer = http.get(f"https://{address}/healthz")
            assert (answer.status_code, answer.text) == (200, "ok\n")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        refused = run("auth", "status", "--server", f"https://{address}")
        assert "its certificate is not trusted here" in refused.stderr
        assert "export FLEETLOOP_CA=PATH/self.crt" in refused.stderr
        monkeypatch.setenv("FLEETLOOP_CA", str(certificate))
        assert "[login-required]" in run("auth", "status", "--server", f"https://{address}").stderr  # so it was reached
        assert f"export FLEETLOOP_CA={certificate}" in (tmp_path / "up.log").read_text()
        with httpx.Client() as plain, pytest.raises(httpx.HTTPError):
            plain.get(f"http://{address}/healthz")


def _until_up(address: str) -> None:
    host, _, port = address.partition(":")
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection((host, int(port)), 1).close()
            return
        time.sleep(0.05)


def _patiently(http: httpx.Client, url: str) -> httpx.Response:
    for _ in range(100):
        with contextlib.suppress(httpx.ConnectError):
            return http.get(url)
        time.sleep(0.05)
    return http.get(url)


def test_a_real_time_server_is_ready_by_itself_and_tells_its_first_password_once(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    with served(tmp_path / "data") as address, httpx.Client() as http:
        assert _patiently(http, f"http://{address}/readyz").status_code == 200
        assert "fleetloop_" in http.get(f"http://{address}/metrics").text
        assert http.get(f"http://{address}/docs").status_code == 200
    assert len(re.findall("password", (tmp_path / "up.log").read_text())) == 1
    command = [*FLEETLOOP, "up", "--dir", str(tmp_path / "data"), "--port", str(free_port())]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    first = process.stderr.readline()
    os.kill(process.pid, signal.SIGTERM)
    rest = process.communicate(timeout=20)[1]
    assert "Fleetloop serves" in first
    assert "password" not in first + rest
