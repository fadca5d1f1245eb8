"""The sample product's gateway as a process: real boards (a host process, QEMU), a real HTTP server, a house in memory."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.wire.house import MemoryHouse
from tests.wire.live import Live

PRODUCT = Path(__file__).parents[2] / "examples" / "coldcell"
START = 1_760_000_400.0
HOUR = 3600
DAY = 86_400
DEVICE = "cell-0001"
SIGN = """\
import struct, sys
from pathlib import Path
from gateway.board import Machine
from gateway.image import HEADER_SIZE, LOAD_ADDRESS, make_key, sign

work, machine = Path(sys.argv[1]), sys.argv[2]
app = (work / "app.bin").read_bytes()
assert b"1.0.0" in app
make_key(work / "foreign.pem")
broken = b"not a program"
if machine == "qemu":  # an undefined instruction at its entry
    at = struct.unpack_from("<I", app, 4)[0] - LOAD_ADDRESS - HEADER_SIZE - 1
    broken = app[:at] + b"\\xff\\xde" + app[at + 2:]
key, (old, new) = work.parent / "image.pem", (app.replace(b"1.0.0", v) for v in (b"0.9.0", b"1.0.0"))
for name, image in {
    "old": sign(old, key, "0.9.0", "b"),
    "new": sign(new, key, "1.0.0", "b"),
    "broken": sign(broken, key, "1.0.0", "b"),
    "foreign": sign(new, work / "foreign.pem", "1.0.0", "b"),
}.items():
    (work / f"{name}.img").write_bytes(image)
"""


@dataclass(frozen=True)
class Kit:
    """A folder with boot.elf and signed images: old, new, broken, foreign; ``board`` is what the evidence calls it."""

    machine: str
    folder: Path

    @property
    def board(self) -> str:
        return "qemu" if self.machine == "qemu" else "host process"

    def image(self, name: str) -> bytes:
        return (self.folder / f"{name}.img").read_bytes()


def run(*argv: object, cwd: Path = PRODUCT, **env: str) -> None:
    words = [str(word) for word in argv]
    full = os.environ | {"PYTHONPATH": str(PRODUCT)} | env
    done = subprocess.run(words, cwd=cwd, env=full, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"


def have_qemu() -> bool:
    return bool(shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc"))


@pytest.fixture(scope="module")
def kits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kit]:
    """By machine; and ``faulty``: the host board with the release whose counter wraps after 65,536 s."""
    work = tmp_path_factory.mktemp("kits")
    cache = os.environ.get("COLDCELL_CACHE") or str(work / "cache")
    key = "from gateway.image import make_key; from pathlib import Path; make_key(Path('image.pem'))"
    run(sys.executable, "-c", key, cwd=work)
    run("sh", "fetch.sh", cache, work)  # once, before builds run side by side
    faulty = work / "repository"
    run(sys.executable, PRODUCT / "history" / "replay.py", faulty, "--upto", "1.1.0")

    def build(machine: str, what: str, source: Path = PRODUCT) -> Kit:
        out = work / machine
        run("sh", "build.sh", what, "b", out, "1.0.0", work / "image.pub", cache, cwd=source)
        run(sys.executable, "-c", SIGN, out, machine)
        return Kit(machine, out)

    jobs: list[tuple[Any, ...]] = [("host", "host-board"), ("faulty", "host-board", faulty)]
    jobs += [("qemu", "image")] if have_qemu() else []
    with ThreadPoolExecutor(2) as pool:
        return {kit.machine: kit for kit in pool.map(lambda job: build(*job), jobs)}


@pytest.fixture(params=["host", "qemu"])
def kit(request: pytest.FixtureRequest, kits: dict[str, Kit]) -> Kit:
    if request.param not in kits:
        pytest.skip("qemu-system-arm or arm-none-eabi-gcc is not installed")
    return kits[request.param]


@pytest.fixture
def house(tmp_path: Path) -> MemoryHouse:
    (tmp_path / "house").mkdir()
    house = MemoryHouse(tmp_path / "house", poll_s=HOUR)
    house.asked.add(DEVICE)
    return house


@pytest.fixture
def server(house: MemoryHouse) -> Iterator[str]:
    with Live(house.devices) as url:
        yield url


class Gateway:
    """The process."""

    def __init__(self, config: Path, *words: str, **env: str) -> None:
        self.config = config
        self._log = (config.parent / "log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "--config", str(config), *words],
            cwd=config.parent,
            env=os.environ | {"PYTHONPATH": str(PRODUCT)} | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.at = START
        self.due = 0.0

    def heard(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.log()
        return json.loads(line)

    def begin(self) -> None:
        self.due = self.heard()["next"]

    def step(self, to: float | None = None, *, away: bool = False) -> float:
        """One order of the conductor, to where it is due."""
        to = self.due if to is None else to
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"from": self.at, "run": to, "away": away}) + "\n")
        self.process.stdin.flush()
        answer = self.heard()
        assert "next" in answer, answer
        self.at, self.due = to, answer["next"]
        return self.due

    def end(self) -> dict[str, Any]:
        """By the end of its stdin; its device's record."""
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(10) == 0, self.log()
        return self.record()

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self._log):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def record(self) -> dict[str, Any]:
        (line,) = (self.config.parent / "records.jsonl").read_text().splitlines()
        return json.loads(line)

    def log(self) -> str:
        return (self.config.parent / "log").read_text()


Launch = Callable[..., Gateway]
Start = Callable[..., Gateway]


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Gateways that do not outlive the test."""
    with contextlib.ExitStack() as stack:

        def go(config: Path, *words: str, **env: str) -> Gateway:
            gateway = Gateway(config, *words, **env)
            stack.callback(gateway.stop)
            return gateway

        yield go


@pytest.fixture
def start(tmp_path: Path, house: MemoryHouse, server: str, launch: Launch) -> Iterator[Start]:
    """``start(kit)``: a conducted gateway whose board left the factory with 0.9.0; again on the same flash."""
    token = house.gateway()

    def go(kit: Kit, *, scale: object = "stepped", words: tuple[str, ...] = ("--conducted",), **board: Any) -> Gateway:
        factory = {"image": str(kit.folder / "old.img"), "revision": "b", "scale": scale}
        unit = {
            "device": DEVICE,
            "machine": "qemu" if kit.machine == "qemu" else "host",
            "boot-loader": str(kit.folder / "boot.elf"),
            "flash": "flash.bin",
            "factory": factory,
            **board,
        }
        config = {
            "server": server,
            "gateway-token": token,
            "boards": [unit],
            "start": START,
            "records": "records.jsonl",
        }
        (tmp_path / "gateway.json").write_text(json.dumps(config))
        made = launch(tmp_path / "gateway.json", *words)
        if words:
            made.begin()
        return made

    yield go
    (tmp_path / "flash.bin").unlink(missing_ok=True)


def said(house: MemoryHouse, action: int) -> list[str]:
    return [f"{r.execution.value}/{r.finished.value}" for r in house.attempts[action].reports]


def last(house: MemoryHouse, action: int) -> tuple[str, ...]:
    return house.attempts[action].reports[-1].details


def boards(flash: Path) -> list[int]:
    """Processes that are a board with this flash."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"FLASH={flash}\0".encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
    return found


def wait(ready: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.01)


# ---- updates ----


def test_an_update_and_the_way_back(kit: Kit, start: Start, house: MemoryHouse) -> None:
    """Installed on trial, watched, confirmed, told; then sent back to what it was confirmed with, without an upload."""
    gateway = start(kit)
    poll = gateway.due
    assert START <= poll < START + HOUR
    assert (poll - START) % 300 == 0
    assert gateway.step() == poll + HOUR
    beat = house.beats[DEVICE]
    assert (beat.version, beat.hardware_revision, beat.reset) == ("0.9.0", "b", "power")
    assert (beat.crashes, beat.self_test, beat.uptime_s) == (0, True, poll - START)
    assert house.facts[DEVICE] == {"version": "0.9.0", "board": kit.board, "clock": "stepped"}

    new = house.offer(DEVICE, data=kit.image("new"), version="1.0.0")
    assert gateway.step() == gateway.at + 30
    assert said(house, new) == ["downloaded/none", "proceeding/none"]
    assert house.beats[DEVICE].version == "0.9.0"
    assert gateway.step() == poll + 2 * HOUR
    assert said(house, new)[2:] == ["closed/success"]
    assert (house.beats[DEVICE].version, house.beats[DEVICE].uptime_s) == ("1.0.0", 30)
    assert house.facts[DEVICE]["version"] == "1.0.0"
    assert house.disk.index(("report", DEVICE, new, "closed", "success")) < house.disk.index(
        ("heartbeat", DEVICE, "1.0.0", house.beats[DEVICE].boot_id)
    )

    back = house.offer(DEVICE, data=kit.image("old"), version="0.9.0")
    assert gateway.step() == poll + 3 * HOUR
    assert said(house, back) == ["downloaded/none", "proceeding/none", "closed/success"]
    assert (house.beats[DEVICE].version, house.beats[DEVICE].reset) == ("0.9.0", "software")
    record = gateway.end()
    assert [b["version"] for b in record["boots"]] == ["0.9.0", "1.0.0", "0.9.0"]
    assert record["boots"][0]["hash"] == record["boots"][2]["hash"] != record["boots"][1]["hash"]
    assert [r["acknowledged"] is not None for r in record["reports"]] == [True] * 6
    assert (record["crashes"], record["board"], record["clock"]) == ([], kit.board, "stepped")


def test_images_that_the_board_does_not_keep(kit: Kit, start: Start, house: MemoryHouse) -> None:
    gateway = start(kit)
    gateway.step()
    broken = house.offer(DEVICE, data=kit.image("broken"), version="1.0.0")
    gateway.step()
    assert said(house, broken)[-1] == "closed/failure"
    assert last(house, broken) == ("fell back; the board runs 0.9.0", "other=fell-back", "reset=fault")
    beat = house.beats[DEVICE]
    assert (beat.version, beat.crashes, beat.reset) == ("0.9.0", 1, "fault")
    foreign = house.offer(DEVICE, data=kit.image("foreign"), version="1.0.0")
    gateway.step()
    assert last(house, foreign) == ("refused; the board runs 0.9.0", "other=bad-signature", "reset=software")
    record = gateway.end()
    assert [(c["version"], c["fault"]) for c in record["crashes"]] == [("1.0.0", "fault")]


def test_orders_that_are_refused_before_the_board_has_them(
    kits: dict[str, Kit], start: Start, house: MemoryHouse
) -> None:
    gateway = start(kits["host"])
    gateway.step()
    edited = house.offer(DEVICE, data=kits["host"].image("new"))
    house.attempts[edited].path.write_bytes(kits["host"].image("new")[:-1] + b"?")
    gateway.step()
    assert said(house, edited) == ["closed/failure"]
    assert "SHA-256" in last(house, edited)[0]
    other = house.offer(DEVICE, data=b"no image " * 99)
    gateway.step()
    assert "MCUboot" in last(house, other)[0]
    large = house.offer(DEVICE, data=bytes(300_000))
    gateway.step()
    assert last(house, large) == ("app.img has 300000 bytes; a slot has room for 262144",)
    assert len(gateway.end()["boots"]) == 1


def test_a_cancel_before_and_after_the_board_has_it(kits: dict[str, Kit], start: Start, house: MemoryHouse) -> None:
    gateway = start(kits["host"])
    gateway.step()
    early = house.offer(DEVICE, data=kits["host"].image("new"))
    house.cancel(early)
    gateway.step()
    assert said(house, early) == ["closed/success"]
    assert house.attempts[early].word == "CANCELED"
    late = house.offer(DEVICE, data=kits["host"].image("new"))
    gateway.step()
    house.cancel(late)  # while it is on trial: what the board did wins
    gateway.step()
    assert (said(house, late)[-1], house.attempts[late].word) == ("closed/success", "FINISHED")
    house.attempts[late].open, house.attempts[late].cancel = True, "asked"  # a server that forgot
    house.current[DEVICE] = late
    gateway.step()
    assert said(house, late)[-1] == "rejected/success"
    gateway.step()
    assert (said(house, late)[-1], house.attempts[late].word) == ("closed/success", "FINISHED")


# ---- time ----


def test_stepping_over_a_crash(kits: dict[str, Kit], start: Start, house: MemoryHouse) -> None:
    """A day at once on the release whose counter wraps: the rest of the day is lived after the restart."""
    gateway = start(kits["faulty"])
    gateway.step()
    up, before = gateway.at - START, house.beats[DEVICE]
    gateway.step(gateway.at + DAY)
    beat = house.beats[DEVICE]
    assert (beat.crashes, beat.reset) == (before.crashes + 1, "fault")
    assert beat.uptime_s == up + DAY - 65_536
    assert beat.boot_id != before.boot_id
    (crash,) = gateway.end()["crashes"]
    assert (crash["up"], crash["at"], crash["fault"]) == (65_536, START + 65_536, "fault")


def test_a_trial_is_judged_in_time_though_the_server_is_away(
    kits: dict[str, Kit], start: Start, house: MemoryHouse
) -> None:
    gateway = start(kits["host"])
    gateway.step()
    new = house.offer(DEVICE, data=kits["host"].image("new"))
    due = gateway.step() + 2 * HOUR
    token, house.guard.gateways = house.guard.gateways, set()
    gateway.step(due)  # two hours late, and nobody listens: the board confirms by its own health
    assert said(house, new)[-1] == "proceeding/none"
    house.guard.gateways = token
    gateway.step()
    assert said(house, new)[-1] == "closed/success"
    record = gateway.end()
    assert [b["reset"] for b in record["boots"]] == ["power", "software"]
    assert record["failures"] == [{"at": due, "why": "feedback: status 401"}]


def test_real_time(kits: dict[str, Kit], start: Start, house: MemoryHouse, tmp_path: Path) -> None:
    """The board's clock at an hour a second; ended by SIGTERM."""
    new = house.offer(DEVICE, data=kits["host"].image("new"))
    gateway = start(kits["host"], scale=3600, words=(), **{"health-s": 1})
    wait(lambda: said(house, new)[-1:] == ["proceeding/none"])
    assert boards(tmp_path / "flash.bin")
    wait(lambda: said(house, new)[-1:] == ["closed/success"])
    wait(lambda: house.beats[DEVICE].version == "1.0.0")
    assert house.beats[DEVICE].uptime_s > HOUR
    assert house.facts[DEVICE]["clock"] == "scale 3600"
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(10) == 0
    assert not boards(tmp_path / "flash.bin")
    assert [b["version"] for b in gateway.record()["boots"]] == ["0.9.0", "1.0.0"]


# ---- restarts and ends ----


@pytest.mark.parametrize("moment", ["upload", "trial"])
def test_a_gateway_that_is_killed_in_an_install(
    kits: dict[str, Kit], moment: str, start: Start, house: MemoryHouse, tmp_path: Path
) -> None:
    """The next one reads from the board what became of it, and goes on from there."""
    machine = "qemu" if moment == "upload" else "host"
    if machine not in kits:
        pytest.skip("qemu-system-arm or arm-none-eabi-gcc is not installed")
    first = start(kits[machine])
    first.step()
    new = house.offer(DEVICE, data=kits[machine].image("new"))
    if moment == "trial":
        first.step()
    else:
        assert first.process.stdin
        first.process.stdin.write(json.dumps({"from": first.at, "run": first.due}) + "\n")
        first.process.stdin.flush()
        wait(lambda: said(house, new)[-1:] == ["proceeding/none"])
    first.process.kill()
    first.process.wait()
    wait(lambda: not boards(tmp_path / "flash.bin"))
    second = start(kits[machine])
    second.at = first.at
    second.step(first.due)
    assert house.beats[DEVICE].version == "0.9.0"
    assert house.beats[DEVICE].reset == "power"
    assert second.due == second.at + 30
    second.step()
    assert said(house, new)[-1] == "closed/success"
    assert house.beats[DEVICE].version == "1.0.0"
    assert house.beats[DEVICE].crashes == 0


def test_a_server_that_is_stopped_on_purpose(kits: dict[str, Kit], start: Start, launch: Launch) -> None:
    gateway = start(kits["host"])
    config = json.loads(gateway.config.read_text())
    gateway.config.write_text(json.dumps(config | {"server": "http://127.0.0.1:9"}))
    alone = launch(gateway.config, "--conducted")
    alone.begin()
    first = alone.due
    assert alone.step(away=True) == first + HOUR
    assert alone.end()["failures"] == [{"at": first, "why": "server away"}]


def test_what_cannot_be_had_is_infrastructure(kits: dict[str, Kit], start: Start, launch: Launch) -> None:
    gateway = start(kits["host"])
    config = json.loads(gateway.config.read_text())
    config["boards"][0]["machine"] = "qemu"
    gateway.config.write_text(json.dumps(config))
    (gateway.config.parent / "log").write_text("")
    broken = launch(gateway.config, "--conducted", QEMU="/nowhere/qemu")
    broken.begin()
    with pytest.raises(AssertionError, match="cannot start /nowhere/qemu"):
        broken.step()
    assert broken.process.wait(10) == 70
    assert broken.log().splitlines()[-1].startswith("gateway: cannot start /nowhere/qemu")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"servr": "x"}, "servr: not known; expected one of server, boards"),
        ({"gateway-token": 7}, "gateway-token: expected str, got 7"),
        ({"boards": [{}]}, "boards, device: missing"),
        ({"boards": []}, "expected at least one board"),
    ],
)
def test_a_wrong_configuration(tmp_path: Path, launch: Launch, change: dict[str, Any], sentence: str) -> None:
    (tmp_path / "gateway.json").write_text(json.dumps({"server": "http://127.0.0.1:9", "boards": []} | change))
    gateway = launch(tmp_path / "gateway.json")
    assert gateway.process.wait(10) == 2
    assert sentence in gateway.log()


def test_a_clock_that_does_not_fit_the_mode(kits: dict[str, Kit], start: Start) -> None:
    gateway = start(kits["host"], words=())
    assert gateway.process.wait(10) == 2
    assert "is stepped: run it with --conducted" in gateway.log()


def test_it_imports_nothing_of_the_house() -> None:
    found = [path.name for path in (PRODUCT / "gateway").glob("*.py") if "fleetloop" in path.read_text()]
    assert found == []
