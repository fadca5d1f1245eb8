"""``[test.NAME]``: a command that tests and leaves JUnit, once per hardware revision if it names ``{revision}``.

    command    words; variables in braces are filled in: ``{artifacts}`` is the folder of the build with the payload,
               ``{image}`` the signed image, ``{previous}`` the folder of the previous release's artifacts, or empty
    junit      the report below {out}, or a pattern for several ("junit.xml")
    strength   host, emulator or board; the table's name if it is one of them
    revision   test this hardware revision only
    inputs, needs, env, timeout-s   as for a build (120 s)

Told apart: *failed* (a test says no), *error* (it crashed, or left no whole report, or tested nothing) and
*infrastructure* (a tool is missing, it hung, or, on emulator and board, a JUnit ``<error>``: the board did not speak).
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleetloop.core.config import build
from fleetloop.pipelines import junit, process
from fleetloop.pipelines.model import Job, Offer, Outcome, Project, Result, Task
from fleetloop.pipelines.seam import Step
from fleetloop.pipelines.variables import fill, named, roles, targets, values
from fleetloop.releases import Tested

STRENGTHS = ("host", "emulator", "board")
REPORT = "fleetloop-report.xml"


@dataclass(frozen=True)
class Spec:
    """One table."""

    command: tuple[str, ...]
    junit: str = "junit.xml"
    strength: str = ""
    revision: str = ""
    inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout_s: float = 120.0


class Test:
    """Tests."""

    __test__ = False

    def tasks(self, project: Project) -> Sequence[Task]:
        """One task a table, or one a table and revision."""
        return [task for name in project.tables("test") for task in _tasks(project, name)]

    async def run(self, job: Job) -> Outcome:
        """Time limit, then report, then exit code: in this order."""
        known = values(job)
        env = {k: fill(str(v), known) for k, v in job.task.spec["env"].items()}
        words = [fill(word, known) for word in job.task.spec["command"]]
        job.say(f"{words[0]} …")
        env = process.environment(job.scratch, env)
        ran = await process.run(words, job.project.root, env, job.task.timeout_s, job.say)
        outcome = _judged(job, ran)
        return outcome if outcome.result is Result.OK else _with(outcome, ran)


def _tasks(project: Project, name: str) -> list[Task]:
    path = ("test", name)
    spec = build(Spec, project.document, path, project.tables("test")[name])
    if not spec.command:
        raise project.document.fail((*path, "command"), "the command is empty; expected a program and its words")
    strength = spec.strength or name
    if strength not in STRENGTHS:
        text = f"strength is {strength!r}; expected one of {', '.join(STRENGTHS)}"
        raise project.document.fail((*path, "strength"), text)
    if spec.revision and spec.revision not in project.revisions:
        text = f"there is no [revision.{spec.revision}]; there are {', '.join(project.revisions)}"
        raise project.document.fail((*path, "revision"), text)
    wanted = (spec.revision,) if spec.revision else targets((*spec.command, *spec.env.values()), project, path)
    return [_task(project, name, spec, revision) for revision in wanted]


def _task(project: Project, name: str, spec: Spec, revision: str) -> Task:
    words = (*spec.command, *spec.env.values())
    strength = spec.strength or name
    place = f"evidence/junit-{name}{f'-{revision}' if revision else ''}.xml"
    return Task(
        name=f"test.{name}",
        step="test",
        revision=revision,
        uses=roles(words, project),
        offers=(Offer("", REPORT, place),),
        needs=spec.needs,
        requires=(project.keys.image,) if "image-key" in named(words) else (),
        inputs=spec.inputs,
        spec={"command": list(spec.command), "env": dict(spec.env), "junit": spec.junit, "strength": strength},
        timeout_s=spec.timeout_s,
        earlier="previous" in named(words),
    )


def _judged(job: Job, ran: process.Ran) -> Outcome:
    if ran.late:
        text = f"did not end within {job.task.timeout_s:.0f} s (timeout-s); it and all it started was ended"
        return Outcome(Result.INFRASTRUCTURE, text)
    if ran.loud:
        return Outcome(Result.ERROR, f"wrote more than {process.MAX_OUTPUT >> 20} MiB and was ended")
    found = sorted(job.out.glob(job.task.spec["junit"]))
    if not found:
        return Outcome(Result.ERROR, f"ended with {ran.code} and left no report {job.task.spec['junit']}: it crashed")
    try:
        report = junit.merge(junit.parse(path.read_bytes(), path.name) for path in found)
    except junit.ReportError as e:
        return Outcome(Result.ERROR, f"ended with {ran.code}; {e}")
    shutil.rmtree(job.out)
    job.out.mkdir()
    (job.out / REPORT).write_bytes(junit.write(report))
    return _verdict(job, ran.code, report)


def _verdict(job: Job, code: int, report: junit.Report) -> Outcome:
    strength = job.task.spec["strength"]
    passed, failed, errors, skipped = (report.count(state) for state in junit.STATES)
    tests = (Tested(job.task.name, strength, passed, failed, errors, skipped, _on(job), job.task.revision),)
    if failed:
        text = f"{failed} of {len(report.cases)} tests failed: {report.named('failed')}"
        return Outcome(Result.FAILED, text, tests)
    if errors:
        kind = Result.ERROR if strength == "host" else Result.INFRASTRUCTURE
        return Outcome(kind, f"{errors} of {len(report.cases)} tests could not run: {report.named('error')}", tests)
    if not passed:
        text = f"all {skipped} tests were skipped" if skipped else "the report has no test"
        return Outcome(Result.ERROR, f"{text}; that is not a pass", tests)
    if code:
        text = f"{passed} tests passed, but the command ended with {code}"
        return Outcome(Result.ERROR, text, tests)
    return Outcome(Result.OK, f"{passed} passed" + (f", {skipped} skipped" if skipped else ""), tests)


def _on(job: Job) -> str:
    """The emulator's own words for itself."""
    return next((version for name, version in job.tools.items() if "qemu" in name), "")


def _with(outcome: Outcome, ran: process.Ran) -> Outcome:
    return Outcome(outcome.result, outcome.sentence, outcome.tests, ran.tail)


plug: type[Step] = Test
