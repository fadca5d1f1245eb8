"""The command line against a real server: logins, documents, exit codes, and the verdict computed again."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.stories.bundles import FAULTY, FIRST, Bundles
from tests.stories.hands import HOUR, Scene, scene
from tests.stories.theatre import FIRST_PLAN, PLAN, theatre

from fleetloop.app.stage import Cast, Play

READS = (
    ("auth", "status"), ("person", "list"), ("token", "list"), ("gateway", "list"), ("audit", "list"),
    ("product", "list"), ("revision", "list", "cell"), ("device", "list"), ("device", "show", "d00"),
    ("trust", "list", "cell"), ("release", "list"), ("release", "show", "cell", "1.0"), ("rollout", "list"),
    ("rollout", "show", "1"), ("incident", "list"), ("config", "show"),
)  # fmt: skip


class Shell:
    """`fleetloop` with a home of its own."""

    def __init__(self, home: Path, server: str) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("FLEETLOOP_")}
        self.env = clean | {"XDG_CONFIG_HOME": str(home), "FLEETLOOP_SERVER": server, "NO_COLOR": "1"}

    def __call__(self, *words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fleetloop", *words], input=stdin, capture_output=True, text=True, timeout=60,
            check=False, env=self.env | env,
        )  # fmt: skip


@pytest.mark.slow
async def test_logins_documents_and_exit_codes(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        s.add(*[f"d{i:02}" for i in range(20)])
        s.publish("1.0")
        s.hour()
        s.roll_out("1.0")
        s.advance(HOUR)
        shell = Shell(tmp_path / "home", s.server.url)
        assert shell("device", "list").returncode == 4, "not logged in"
        assert shell("login", "--name", "admin", "--password-stdin", stdin="wrong\n").returncode == 4
        good = shell("login", "--name", "admin", "--password-stdin", stdin=s.server.password() + "\n")
        assert good.returncode == 0, good.stderr
        for words in READS:
            told = shell(*words, "--json")
            assert told.returncode == 0, (words, told.stderr)
            json.loads(told.stdout)
            plain = shell(*words)
            assert plain.returncode == 0, (words, plain.stderr)
            assert plain.stdout.strip()
            assert "\x1b" not in plain.stdout + plain.stderr
        made = shell("token", "add", "ci", "--role", "viewer", "--json")
        secret = json.loads(made.stdout)["token"]
        other = Shell(tmp_path / "ci", s.server.url)
        assert other("device", "list", FLEETLOOP_TOKEN=secret).returncode == 0
        assert other("rollout", "stop", "1", FLEETLOOP_TOKEN=secret).returncode == 4, "a viewer may not"
        assert other("login", "--token-stdin", stdin=secret + "\n").returncode == 0
        assert other("device", "list").returncode == 0
        _codes(shell)
        assert shell("logout").returncode == 0
        assert shell("device", "list").returncode == 4


def _codes(shell: Shell) -> None:
    assert shell("rollout", "show", "99").returncode == 1
    assert shell("rollout", "shwo", "1").returncode == 2
    assert shell("rollout", "start").returncode == 2
    assert shell("rollout", "verdict").returncode == 2
    timed_out = shell("rollout", "watch", "1", "--timeout", "0.1")
    assert timed_out.returncode == 3
    assert "rollout watch 1" in timed_out.stderr
    nobody = shell("rollout", "show", "1", FLEETLOOP_SERVER="http://127.0.0.1:1")
    assert nobody.returncode == 1
    assert "fleetloop up" in nobody.stderr


async def test_waiting_for_a_rollout_that_is_stopped_says_5(tmp_path: Path, database: str) -> None:
    async with scene(tmp_path, database) as s:
        s.add(*[f"d{i:02}" for i in range(6)])
        s.publish("1.0")
        s.hour()
        shell = Shell(tmp_path / "home", s.server.url)
        assert shell("login", "--name", "admin", stdin=s.server.password() + "\n").returncode == 0
        plan = tmp_path / "plan.toml"
        plan.write_text("waves = [50.0, 100.0]\nby_hand = false\nsoak_s = 7200\n")
        with _later(lambda: shell("rollout", "start", "cell", "1.0", "--plan", str(plan), "--wait", "--json")) as done:
            _until_started(s)
            s.client.post("/rollouts/1/stop", {"reason": "a bad smell"})
        assert done[0].returncode == 5, done[0].stderr
        assert json.loads(done[0].stdout)["phase"] == "stopped"
        assert "a bad smell" in done[0].stderr


def _until_started(s: Scene) -> None:
    for _ in range(200):
        if s.client.get("/rollouts"):
            return
        threading.Event().wait(0.05)
    raise AssertionError("the command started no rollout")


class _later:  # noqa: N801  reads as a word
    """Runs a command beside; its result is there when the block ends."""

    def __init__(self, work: object) -> None:
        self._done: list[subprocess.CompletedProcess[str]] = []
        self._thread = threading.Thread(target=lambda: self._done.append(work()))  # type: ignore[operator]

    def __enter__(self) -> list[subprocess.CompletedProcess[str]]:
        self._thread.start()
        return self._done

    def __exit__(self, *_: object) -> None:
        self._thread.join(30)


@pytest.mark.slow
async def test_the_verdict_is_computed_again_from_its_record(tmp_path: Path, database: str, usual: Bundles) -> None:
    async with theatre(tmp_path, usual, Cast({"a": 8, "b": 14, "c": 8}), database) as house:

        async def script(play: Play) -> None:
            await house.release(play, FIRST, FIRST_PLAN)
            await house.release(play, FAULTY, PLAN)

        await house.play(script)
        shell = Shell(tmp_path / "home", house.server.url)
        assert shell("login", "--name", "admin", stdin=house.server.password() + "\n").returncode == 0
        for number in (1, 2, 3):
            record = shell("rollout", "record", str(number))
            assert record.stdout == house.record(number)
            again = shell(
                "rollout", "verdict", "--log", "-", stdin=record.stdout, FLEETLOOP_SERVER="http://127.0.0.1:1"
            )
            assert again.returncode == 0, again.stderr
            found, evidence = json.loads(again.stdout), house.stage.rollout(number)["evidence"]
            assert found["e_value"] == pytest.approx(evidence["e_value"])
            assert found["verdict"] == evidence["verdict"]
            assert found["hr_interval"] == evidence["hr_interval"]
        assert house.stage.rollout(2)["evidence"]["verdict"] == "stop"
        shown = shell("incident", "list", "--json")
        assert [i["version"] for i in json.loads(shown.stdout)] == [FAULTY]
