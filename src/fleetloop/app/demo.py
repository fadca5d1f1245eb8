"""`fleetloop demo`: the whole loop on real firmware, in one command.

A firmware team's history becomes commits, the pipeline builds and signs each release, a server rolls it out to
simulated devices and a real board in an emulator; the faulty release is caught, stopped and undone, and the fix reaches
everybody.
Versions, faults and fixes come from the product's history: no line here names one.
"""

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetloop.app.check import Checked, check, checker
from fleetloop.app.conductor import Conductor, Status
from fleetloop.app.factory import EMULATOR, Built, Factory, Variant
from fleetloop.app.folder import fresh
from fleetloop.app.gateway import board_config, gateway
from fleetloop.app.participant import Child, Program
from fleetloop.app.report import Chapter, closing, judge
from fleetloop.app.stage import (
    Cast,
    Play,
    ServerProcess,
    Stage,
    conducted,
    free_port,
    libraries,
    listenable,
    phase,
    simulation,
    story_start,
    wave,
)
from fleetloop.core.client import Client
from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.errors import ConflictError

FIRST: dict[str, object] = {"waves": [25.0, 100.0], "on_inconclusive": "ask"}
NEXT: dict[str, object] = {"waves": [5.0, 25.0, 50.0, 80.0], "on_inconclusive": "ask"}
SOAK_S = DAY
SILENCE = 0.005
"""Share of device-days with a radio silence of over three hours."""
NO_EMULATOR = 77
INTERRUPTED = 130
PORT = 8480
BOARD = "board-0001"
BOARD_REVISION = "b"
ASKING = "waiting for a person"


@dataclass(frozen=True)
class Options:
    """``devices`` by hardware revision; ``pace``: least real seconds a virtual hour; ``leave``: end when it is over.

    ``port`` 0: the usual one if it is free, else another. ``checker``: the program that computes the report again.
    """

    product: Path
    work: Path
    checker: Path
    devices: dict[str, int]
    seed: int = 1
    without_fault: bool = False
    fault_on: str = ""
    leave: bool = False
    pace: float = 0.0
    port: int = 0
    board: bool = True


@dataclass
class Teller:
    """Tells what changes, with virtual and real time."""

    note: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    start: float = 0.0

    def say(self, text: str, now: float | None = None) -> None:
        """A line; with ``now`` it carries the virtual time since the start."""
        virtual = f"{(now - self.start) / HOUR:8.2f} h" if now is not None else " " * 10
        self.note(f"{virtual}  {time.monotonic() - self.began:6.1f} s  {text}")


class Demo:
    """One run of the story."""

    def __init__(self, options: Options, note: Callable[[str], None]) -> None:
        self.options = options
        self.tell = Teller(note)
        self.start = story_start()
        self.tell.start = self.start
        variant = Variant(options.without_fault, options.fault_on)
        self.factory = Factory(options.product, options.work, variant, lambda line: self.tell.say(f"  {line}"))
        self.server = ServerProcess(options.work / "server", self.start, port=_port(options.port))
        self.stage = Stage(self.server, "")
        self.operator = Client(self.server.url)
        self.chapters: list[Chapter] = []
        self.decisions: list[str] = []
        self.builds: list[asyncio.Task[Built]] = []
        self.factory.host_board = shutil.which(EMULATOR) is None
        self.emulator = "a process of this machine: QEMU cannot be had" if self.factory.host_board else "QEMU"

    async def run(self) -> int:
        """The exit code: 0 if all that this variant promises happened, 1 if not, 77 without an emulator."""
        _on_interrupt(_cancel())
        built = await self._first_builds()
        try:
            programs = await self._open(built)
            async with conducted(self.server, programs, self.options.pace) as (conductor, children):
                await self._play(conductor, built)
                code = await self._close(children)
                if not self.options.leave:
                    await self._stay(conductor)
                return code
        finally:
            for build in self.builds:
                build.cancel()
            await asyncio.gather(*self.builds, return_exceptions=True)
            await self.server.end()

    async def _first_builds(self) -> dict[str, Built]:
        """What devices leave the factory with, and the first release."""
        factory, first = self.factory.tags[:2]
        self.tell.say(f"building {factory}, with which devices leave the factory, and {first}, the first release")
        old = await self.factory.build(factory, self.start - 40 * DAY)
        return {factory: old, first: await self.factory.build(first, self.start - 6 * HOUR, old)}

    async def _open(self, built: dict[str, Built]) -> list[Program]:
        """Start the server, tell it product, revisions and key, register every device."""
        old = built[self.factory.tags[0]]
        self.stage.product = _product(old.bundle)
        await self.server.restart()
        await self.stage.prepare(self.options.devices, self.factory.keys / "bundle.pub")
        self.operator = self._person("operator", "approver")
        cast = Cast(self.options.devices, self.options.seed, {"silence": SILENCE})
        work = self.options.work
        devices = self.stage.enrol(cast, libraries(old.bundle), work)
        programs = [simulation(devices, self.server, work / "devices.jsonl", work / "simulation.log")]
        if self.options.board:
            token = self.stage.board(BOARD, BOARD_REVISION)
            machine = "host" if self.factory.host_board else "qemu"
            config = board_config(
                work, self.server, old.bundle, (BOARD, BOARD_REVISION, token, machine), self.options.seed
            )
            programs.append(gateway(config, self.options.product, work / "gateway.log"))
        who = f"{sum(self.options.devices.values()):,} simulated devices" + (
            f" and a board ({self.emulator})" if self.options.board else ""
        )
        self.tell.say(f"{self.server.url} serves {who}; virtual time begins 30 days ago")
        return programs

    def _person(self, name: str, role: str) -> Client:
        password = f"{name}-of-the-demo"
        self.stage.client.post("/people", {"name": name, "role": role, "password": password})
        return Client(
            self.server.url, Client(self.server.url).post("/login", {"name": name, "password": password})["token"]
        )

    async def _play(self, conductor: Conductor, built: dict[str, Built]) -> None:
        play = Play(conductor)
        play.watch.append(self._look)
        await play.run(lambda p: self._story(p, built[self.factory.tags[1]]))

    def _look(self, status: Status) -> None:
        for number, word, _ in status.rollouts:
            if word == ASKING:
                self._decide(int(number), status.now)

    def _decide(self, rollout: int, now: float) -> None:
        found = self.operator.get(f"/rollouts/{rollout}")
        if found["go"] == found["wave"] + 1:
            return
        self.operator.post(f"/rollouts/{rollout}/decide", {"go": True, "reason": "the operator of the demo goes on"})
        self.decisions.append(f"{found['version']}: {found['blocked']}")
        self.tell.say(f"a person decides: go on. {found['blocked']}", now)

    async def _story(self, play: Play, current: Built) -> None:
        """The next release is written while the last one rolls out; a fix, once there is something to mend."""
        tags = self.factory.tags[1:]
        for tag, following in zip(tags, [*tags[1:], ""], strict=True):
            fixes = following in self.factory.fixes
            build = None
            if following and not fixes:
                build = self._build(following, play.status.now + 20 * HOUR, current)
            chapter = await self._roll_out(play, current, FIRST if tag == tags[0] else NEXT)
            if following and fixes:
                build = self._build(following, play.status.now + HOUR / 2, current)
            if chapter.stopped_at is not None:
                await self._undo(play, chapter)
            if build:
                current = await build

    def _build(self, tag: str, at: float, previous: Built) -> "asyncio.Task[Built]":
        self.tell.say(f"the team builds {tag}")
        self.builds.append(asyncio.create_task(self.factory.build(tag, at, previous)))
        return self.builds[-1]

    async def _roll_out(self, play: Play, built: Built, plan: dict[str, object]) -> Chapter:
        """Publish a release and follow its rollout to its end."""
        await play.until(lambda status: status.now >= built.committed_at)
        self.stage.publish(built.bundle)
        seed = f"{self.options.seed}/{built.version}"
        started = self.stage.roll_out(built.version, plan | {"soak_s": SOAK_S, "seed": seed})
        self.tell.say(f"{built.version} is published. {started['sight']}", play.status.now)
        chapter = Chapter(built.version, built.commit, built.committed_at, started["id"], play.status.now)
        self.chapters.append(chapter)
        await self._follow(play, started["id"])
        found = self.stage.rollout(started["id"])
        chapter.ended_at = play.status.now
        chapter.stopped_at = found["ended_at"] if found["phase"] == "stopped" else None
        return chapter

    async def _follow(self, play: Play, rollout: int) -> None:
        """Tell each change of phase and wave until it is over."""
        told = ("", -1)
        while True:
            standing = phase(play.status, rollout), wave(play.status, rollout)
            if standing != told:
                told = standing
                found = self.stage.rollout(rollout)
                self.tell.say(f"{found['version'] or 'way back'}: {_sentence(found)}", play.status.now)
                if found["ended_at"] is not None:
                    return
            await play.next()

    async def _undo(self, play: Play, chapter: Chapter) -> None:
        """Follow the rollback that the plan started."""
        await play.next()
        back = next(r for r in self.stage.client.get("/rollouts") if r["undoes"] == chapter.rollout)
        chapter.rollback = back["id"]
        incident = next(i for i in self.stage.client.get("/incidents") if i["rollout"] == chapter.rollout)
        self.tell.say(
            f"incident: {incident['version']} on revision {incident['revision']}, "
            f"evidence {int(incident['evidence'])}, commit {incident['commit'][:10]} ({incident['subject']})",
            play.status.now,
        )
        await self._follow(play, back["id"])

    async def _close(self, children: list[Child]) -> int:
        """The report, its table, the page, and the check of it all. Time stands still meanwhile."""
        report = await asyncio.to_thread(judge, self.stage.client, self.stage.product, self.chapters, self._frame())
        path = self.options.work / "demo-report.json"
        path.write_text(json.dumps(report, indent=1) + "\n")
        for line in closing(report):
            self.tell.note(line)
        self.tell.note(f"report: {path}")
        self.tell.note(
            f"page:   {self.server.url}/rollouts/{self._shown()}  (name admin, password {self.server.password()})"
        )
        checked = await self._check(children)
        if checked.wrong or not report["promised"]:
            return 1
        return NO_EMULATOR if self.factory.host_board else 0

    async def _check(self, children: list[Child]) -> Checked:
        for child in children:
            await child.write()
        checked = await check(self.options.checker, self.server.url, self.options.work)
        for line in checked.told():
            self.tell.note(line)
        return checked

    async def _stay(self, conductor: Conductor) -> None:
        """The page stays up; Ctrl-C is now the usual end."""
        _on_interrupt(conductor.interrupt)
        self.tell.note("Time now steps on to the present; the page stays up until Ctrl-C.")
        await conductor.catch_up()
        await conductor.live()

    def _frame(self) -> dict[str, Any]:
        return {
            "seed": self.options.seed,
            "without_fault": self.options.without_fault,
            "fault_on": self.options.fault_on,
            "expected_revision": self.factory.faulty_revision,
            "start": self.start,
            "devices": sum(self.options.devices.values()) + self.options.board,
            "emulator": self.emulator if self.options.board else "none",
            "decisions": self.decisions,
            "real_seconds": round(time.monotonic() - self.tell.began, 1),
        }

    def _shown(self) -> int:
        stopped = [c.rollout for c in self.chapters if c.stopped_at is not None]
        return (stopped or [self.chapters[-1].rollout])[0]


def _sentence(found: dict[str, Any]) -> str:
    waves = f"wave {found['wave']}, " if found["wave"] and found["ended_at"] is None else ""
    return f"{waves}{found['phase']}. {found['blocked']}"


def _product(bundle: Path) -> str:
    return json.loads((bundle / "release.json").read_text())["product"]


def _on_interrupt(action: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, action)


def _cancel() -> Callable[[], None]:
    """Ends what this task does, once: a second Ctrl-C does not disturb the ending."""
    task = asyncio.current_task()

    def end() -> None:
        if task and not task.cancelling():
            task.cancel()

    return end


def _port(wanted: int) -> int:
    if wanted and not listenable(wanted):
        raise ConflictError(f"port {wanted} of this machine is taken; name another with --port, or none")
    return wanted or (PORT if listenable(PORT) else free_port())


async def play(options: Options, note: Callable[[str], None]) -> int:
    """Play the demo; Ctrl-C leaves nothing running. Raises `ConflictError` for a port or folder that is in use."""
    checker(options.checker)
    with fresh(options.work):
        try:
            return await Demo(options, note).run()
        except asyncio.CancelledError:
            note("interrupted; all that was started here has ended")
            return INTERRUPTED
