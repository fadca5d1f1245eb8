"""What `fleetloop.pipelines.seam` promises, for every step found: same result twice, cancelled, says, leaves nothing."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.pipelines.tiny import Tiny, make

from fleetloop.core import plug
from fleetloop.pipelines.cache import digests
from fleetloop.pipelines.graph import link, order
from fleetloop.pipelines.model import Job, Outcome, Project, Result, Task
from fleetloop.pipelines.seam import Step
from fleetloop.pipelines.tools import versions

FOLDER = "fleetloop.pipelines.steps"
STEPS = plug.names(FOLDER)
SIGNED = {"statement.dsse.json", "statement.sigstore.json"}  # an ECDSA signature differs each time


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return make(tmp_path_factory.mktemp("steps") / "tiny")


def all_tasks(project: Project) -> Sequence[Task]:
    return [task for word in STEPS for task in plug.load(FOLDER, word, Step)().tasks(project)]  # pyright: ignore[reportAbstractUsage]


class Bench:
    """Runs single tasks in a folder, each after what it needs."""

    def __init__(self, tiny: Tiny, work: Path) -> None:
        self.project, self.work = tiny.load(), work
        self.graph = link(all_tasks(self.project))
        self.said: list[str] = []
        self.outcomes: dict[str, Outcome] = {}

    async def job(self, key: str) -> Job:
        task = self.graph.tasks[key]
        out, scratch = self.work / key / "out", self.work / key / "scratch"
        out.mkdir(parents=True)
        scratch.mkdir()
        given = {r: self.work / g / "out" / o.path for (k, r), (g, o) in self.graph.givers.items() if k == key}
        done = {
            k: (self.graph.tasks[k], self.outcomes[k], self.work / k / "out") for k in sorted(self.graph.edges[key])
        }
        tools = await versions(task.needs, scratch)
        return Job(task, self.project, out, scratch, self.work, given, None, tools, done, self.said.append)

    async def until(self, word: str) -> Job:
        """The first job of the step ``word``, everything before it done."""
        for key in order(self.graph):
            job = await self.job(key)
            if job.task.step == word:
                return job
            self.outcomes[key] = await self.step(job.task.step).run(job)
            assert self.outcomes[key].result is Result.OK, self.outcomes[key]
        raise AssertionError(word)

    def step(self, word: str) -> Step:
        return plug.load(FOLDER, word, Step)()  # pyright: ignore[reportAbstractUsage]


async def once(tiny: Tiny, work: Path, word: str) -> tuple[dict[str, str], Bench, Job]:
    bench = Bench(tiny, work)
    job = await bench.until(word)
    bench.said.clear()
    assert (await bench.step(word).run(job)).result is Result.OK
    return {k: v for k, v in digests(job.out).items() if k not in SIGNED}, bench, job


@pytest.mark.parametrize("word", STEPS)
async def test_same_bytes_twice_whatever_the_folders_are_called(word: str, tiny: Tiny, tmp_path: Path) -> None:
    one, _, _ = await once(tiny, tmp_path / "one", word)
    two, _, _ = await once(tiny, tmp_path / "elsewhere" / "two", word)
    assert one == two != {}


@pytest.mark.parametrize("word", STEPS)
async def test_says_something_and_writes_only_where_it_may(word: str, tiny: Tiny, tmp_path: Path) -> None:
    before = digests(tiny.root)
    _, bench, job = await once(tiny, tmp_path / "work", word)
    assert bench.said
    assert digests(tiny.root) == before
    allowed = {job.out, job.scratch}
    strange = [p for p in (tmp_path / "work" / job.task.id).iterdir() if p not in allowed]
    assert strange == []


@pytest.mark.parametrize("word", STEPS)
async def test_can_be_cancelled(word: str, tiny: Tiny, tmp_path: Path) -> None:
    bench = Bench(tiny, tmp_path / "work")
    job = await bench.until(word)
    if "command" in job.task.spec:
        slow = job.task.spec | {"command": ["sleep", "60"]}
        job = replace(job, task=replace(job.task, spec=slow))
    running = asyncio.create_task(bench.step(word).run(job))
    await asyncio.sleep(0)
    running.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([running])
    assert running.cancelled() or running.result().result is Result.OK  # or it was quicker than we
    assert not _alive(tmp_path)


def _alive(tmp_path: Path) -> list[str]:
    """Processes that were given a folder of this test."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={tmp_path}".encode() in entry.read_bytes():
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def test_its_tasks_are_values(tiny: Tiny) -> None:
    project = tiny.load()
    assert all_tasks(project) == all_tasks(project)
    assert all(json.loads(task.salt) == task.spec and task.timeout_s > 0 for task in all_tasks(project))
