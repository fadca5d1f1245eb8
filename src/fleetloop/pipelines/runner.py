"""Runs the graph: two tasks at a time, each with its folder, time limit and progress; then hands out the bundle.

An end that says nothing about the product (infrastructure) is tried once more, unless the tool is missing or the first
try used more than half of its time. What waits for a task that did not end well is skipped; the rest goes on.
"""

import asyncio
import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from fleetloop.core import plug
from fleetloop.core.errors import FleetloopError, InfrastructureError
from fleetloop.pipelines import cache, places
from fleetloop.pipelines.graph import Graph, link, narrow, ready
from fleetloop.pipelines.model import Event, Job, Outcome, Project, Result, Task
from fleetloop.pipelines.seam import Step
from fleetloop.pipelines.tools import MissingToolError, versions

FOLDER = "fleetloop.pipelines.steps"
GRACE_S = 15.0
"""What a step gets above its own limit before it is given up."""
WORST = (Result.FAILED, Result.ERROR, Result.INFRASTRUCTURE, Result.CANCELLED, Result.SKIPPED)


@dataclass(frozen=True)
class Options:
    """How to run. ``only``: a step's word, a task's name, or ``name:revision``; ``previous``: a bundle's folder."""

    out: Path | None = None
    only: str = ""
    revision: str = ""
    cache: bool = True
    previous: Path | None = None
    workers: int = 2


@dataclass(frozen=True)
class Report:
    """What came of the run. ``bundle`` is None unless signing was reached and ended well."""

    product: str
    version: str
    commit: str
    result: Result
    sentence: str
    bundle: Path | None
    outcomes: Mapping[str, tuple[Task, Outcome]]
    seconds: float

    def document(self) -> dict[str, object]:
        """As ``--json`` shows it."""
        return {
            "product": self.product,
            "version": self.version,
            "commit": self.commit,
            "result": self.result.value,
            "sentence": self.sentence,
            "bundle": str(self.bundle) if self.bundle else None,
            "seconds": round(self.seconds, 2),
            "steps": [_row(task, outcome) for task, outcome in self.outcomes.values()],
        }


def all_steps() -> tuple[str, ...]:
    """The words of all steps."""
    return tuple(plug.names(FOLDER))


def plan(project: Project, options: Options) -> Graph:
    """The graph of what would run; raises `ConfigError` or `GraphError`."""
    if options.revision and options.revision not in project.revisions:
        known = ", ".join(project.revisions)
        raise project.document.fail(("revision",), f"there is no revision {options.revision!r}; there are {known}")
    tasks = [task for word in all_steps() for task in _step(word).tasks(project)]
    return narrow(link(tasks), options.only, options.revision)


def _step(word: str) -> Step:
    return cast("Callable[[], Step]", plug.load(FOLDER, word, Step))()


async def run(project: Project, options: Options, say: Callable[[Event], None]) -> Report:
    """Run it all. Cancelled, it ends every process it started and leaves no file; then it raises as usual."""
    started = time.monotonic()
    graph = plan(project, options)
    places.check(project, graph.tasks.values())
    target = places.bundle(project, options.out) if any(task.clean for task in graph.tasks.values()) else None
    earlier = places.previous(project, options.previous)
    with tempfile.TemporaryDirectory(prefix="fleetloop-run-", ignore_cleanup_errors=True) as work:
        it = _Run(project, options, say, graph, Path(work), earlier)
        await it.all()
        bundle = await asyncio.to_thread(it.deliver, target)
    if options.cache:
        it.cache.trim()
    ended = {key: (graph.tasks[key], outcome) for key, outcome in it.outcomes.items()}
    return _report(project, ended, bundle, time.monotonic() - started)


class _Run:
    def __init__(  # one object per run, made in one place
        self,
        project: Project,
        options: Options,
        say: Callable[[Event], None],
        graph: Graph,
        work: Path,
        earlier: Path | None,
    ) -> None:
        self.project, self.options, self.say = project, options, say
        self.graph, self.work, self.earlier = graph, work, earlier
        self.cache = cache.Cache(cache.home() / "steps")
        self.outcomes: dict[str, Outcome] = {}
        self.numbers = {key: str(number) for number, key in enumerate(sorted(graph.tasks))}

    async def all(self) -> None:
        busy: dict[asyncio.Task[Outcome], str] = {}
        workers = max(1, min(self.options.workers, os.cpu_count() or 1))
        try:
            while True:
                self._skip()
                for key in ready(self.graph, self._good(), [*busy.values(), *self.outcomes])[: workers - len(busy)]:
                    busy[asyncio.create_task(self._one(self.graph.tasks[key]))] = key
                if not busy:
                    return
                ended, _ = await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    self._finished(busy.pop(task), task.result())
        finally:
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)

    def deliver(self, target: Path | None) -> Path | None:
        made = [key for key, task in self.graph.tasks.items() if task.clean and key in self._good()]
        if not made or target is None:
            return None
        places.deliver(self._out(made[0]), target)
        return target

    def _good(self) -> list[str]:
        return [key for key, outcome in self.outcomes.items() if outcome.result is Result.OK]

    def _skip(self) -> None:
        while lost := [key for key in self.graph.tasks if key not in self.outcomes and self._lost(key)]:
            for key in lost:
                self._finished(key, Outcome(Result.SKIPPED, f"needs {', '.join(self._lost(key))}"))

    def _lost(self, key: str) -> list[str]:
        return sorted(
            k for k in self.graph.edges[key] if k in self.outcomes and self.outcomes[k].result is not Result.OK
        )

    def _finished(self, key: str, outcome: Outcome) -> None:
        self.outcomes[key] = outcome
        self.say(Event("finished", self.graph.tasks[key], outcome.sentence, outcome))

    async def _one(self, task: Task) -> Outcome:
        started = time.monotonic()
        self.say(Event("started", task, ""))
        outcome = await self._tried(task, 1)
        early = time.monotonic() - started < task.timeout_s / 2
        if outcome.result is Result.INFRASTRUCTURE and outcome.passing and early:
            self.say(Event("retried", task, outcome.sentence))
            outcome = replace(await self._tried(task, 2), attempts=2)
        return replace(outcome, seconds=time.monotonic() - started)

    async def _tried(self, task: Task, attempt: int) -> Outcome:
        scratch = self.work / f"{self.numbers[task.id]}-scratch{attempt}"
        out = self._out(task.id)
        shutil.rmtree(out, ignore_errors=True)
        for folder in (scratch, out):
            folder.mkdir(parents=True)
        try:
            tools = await versions(task.needs, scratch)
            return await self._cached(self._job(task, out, scratch, tools))
        except MissingToolError as e:
            return Outcome(Result.INFRASTRUCTURE, str(e), passing=False)
        except InfrastructureError as e:
            return Outcome(Result.INFRASTRUCTURE, str(e))
        except FleetloopError as e:
            return Outcome(Result.ERROR, str(e))
        except TimeoutError:
            return Outcome(
                Result.INFRASTRUCTURE, f"did not end within {task.timeout_s + GRACE_S:.0f} s and was given up"
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    async def _cached(self, job: Job) -> Outcome:
        step = _step(job.task.step)
        wanted = self.options.cache and job.task.cached
        key = await asyncio.to_thread(cache.key, job) if wanted else ""
        if wanted and (found := await asyncio.to_thread(self.cache.fetch, key, job.out)):
            return found
        async with asyncio.timeout(job.task.timeout_s + GRACE_S):
            outcome = replace(await step.run(job), tools=dict(job.tools))
        if wanted and outcome.result is Result.OK:
            await asyncio.to_thread(self.cache.store, key, job.out, outcome)
        return outcome

    def _job(self, task: Task, out: Path, scratch: Path, tools: Mapping[str, str]) -> Job:
        given = {
            role: self._out(giver) / offer.path
            for (key, role), (giver, offer) in self.graph.givers.items()
            if key == task.id
        }
        downloads = cache.home() / "downloads"
        downloads.mkdir(parents=True, exist_ok=True)
        return Job(
            task=task,
            project=self.project,
            out=out,
            scratch=scratch,
            cache=downloads,
            given=given,
            previous=self._earlier(task),
            tools=tools,
            done={k: (self.graph.tasks[k], self.outcomes[k], self._out(k)) for k in sorted(self.graph.edges[task.id])},
            say=lambda line: self.say(Event("line", task, line)),
        )

    def _earlier(self, task: Task) -> Path | None:
        if not task.earlier or self.earlier is None:
            return None
        own = self.earlier / task.revision
        return own if own.is_dir() else None

    def _out(self, key: str) -> Path:
        return self.work / self.numbers[key]


def _report(
    project: Project, outcomes: Mapping[str, tuple[Task, Outcome]], bundle: Path | None, seconds: float
) -> Report:
    worst = next((r for r in WORST if any(o.result is r for _, o in outcomes.values())), Result.OK)
    bad = [f"{key}: {o.sentence}" for key, (_, o) in outcomes.items() if o.result is worst and worst is not Result.OK]
    good = f"{len(outcomes)} steps ended well"
    return Report(
        product=project.product.name,
        version=project.version,
        commit=project.commit.id,
        result=worst,
        sentence="; ".join(bad) or good,
        bundle=bundle,
        outcomes=outcomes,
        seconds=seconds,
    )


def _row(task: Task, outcome: Outcome) -> dict[str, object]:
    return {
        "step": task.name,
        "revision": task.revision,
        "result": outcome.result.value,
        "sentence": outcome.sentence,
        "seconds": round(outcome.seconds, 2),
        "cached": outcome.hit,
        "attempts": outcome.attempts,
        "tests": [dataclasses.asdict(test) for test in outcome.tests],
        "tools": dict(outcome.tools),
        "details": list(outcome.details) if outcome.result is not Result.OK else [],
    }
