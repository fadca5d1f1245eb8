"""``[build.NAME]``: a command that compiles, once per hardware revision if it names ``{revision}``.

    command    words; variables in braces are filled in
    outputs    role to file below {out}: payload, library, or any other
    inputs     patterns of the files it reads; all files of the repository if absent
    needs      programs and headers that must be installed
    env        variables it sees
    timeout-s  120

A ``payload`` becomes the image and a plain file of the release, a ``library`` its host library, any other role a plain
file with the role as component. The compiler's ``-MD`` files below {out} are read: a file that no input pattern names
is an error, since the cache could not see it change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fleetloop.core.config import build
from fleetloop.pipelines import process, sources
from fleetloop.pipelines.model import Job, Offer, Outcome, Project, Result, Task
from fleetloop.pipelines.seam import Step
from fleetloop.pipelines.variables import fill, named, roles, targets, values
from fleetloop.releases import Kind


@dataclass(frozen=True)
class Spec:
    """One table."""

    command: tuple[str, ...]
    outputs: Mapping[str, str]
    inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout_s: float = 120.0


class Build:
    """Compiles."""

    def tasks(self, project: Project) -> Sequence[Task]:
        """One task a table, or one a table and revision."""
        return [task for name in project.tables("build") for task in _tasks(project, name)]

    async def run(self, job: Job) -> Outcome:
        """The command's exit code decides; then the outputs must be there."""
        known = values(job)
        env = {k: fill(str(v), known) for k, v in job.task.spec["env"].items()}
        words = [fill(word, known) for word in job.task.spec["command"]]
        job.say(f"{words[0]} …")
        env = process.environment(job.scratch, env | {"SOURCE_DATE_EPOCH": str(int(job.project.commit.at))})
        ran = await process.run(words, job.project.root, env, job.task.timeout_s, job.say)
        return _judged(job, ran)


def _tasks(project: Project, name: str) -> list[Task]:
    path = ("build", name)
    spec = build(Spec, project.document, path, project.tables("build")[name])
    words = (*spec.command, *spec.env.values())
    if not spec.command:
        raise project.document.fail((*path, "command"), "the command is empty; expected a program and its words")
    return [_task(project, name, spec, revision) for revision in targets(words, project, path)]


def _task(project: Project, name: str, spec: Spec, revision: str) -> Task:
    words = (*spec.command, *spec.env.values())
    offers = [_offer(project, role, path, revision) for role, path in spec.outputs.items()]
    if "payload" in spec.outputs:
        offers.append(Offer("artifacts", "."))
    return Task(
        name=f"build.{name}",
        step="build",
        revision=revision,
        uses=roles(words, project),
        offers=tuple(offers),
        needs=spec.needs,
        requires=(project.keys.image,) if "image-key" in named(words) else (),
        inputs=spec.inputs,
        spec={"command": list(spec.command), "env": dict(spec.env), "outputs": dict(spec.outputs)},
        timeout_s=spec.timeout_s,
        earlier="previous" in named(words),
    )


def _offer(project: Project, role: str, path: str, revision: str) -> Offer:
    if not revision:
        return Offer(role, path)
    file = PurePosixPath(path)
    stem = project.product.name if role == "payload" else file.stem
    if role == "library" and not stem.startswith("lib"):
        stem = f"lib{stem}"
    place = f"artifacts/{revision}/{stem}-{project.version}-{revision}{file.suffix}"
    if role == "library":
        return Offer(role, path, place, Kind.HOST_LIBRARY)
    return Offer(role, path, place, Kind.FILE, "application" if role == "payload" else role)


def _judged(job: Job, ran: process.Ran) -> Outcome:
    if ran.late:
        text = f"did not end within {job.task.timeout_s:.0f} s (timeout-s); it and all it started was ended"
        return Outcome(Result.INFRASTRUCTURE, text, details=ran.tail)
    if ran.loud:
        return Outcome(Result.ERROR, f"wrote more than {process.MAX_OUTPUT >> 20} MiB and was ended", details=ran.tail)
    if ran.code < 0:
        return Outcome(Result.ERROR, f"was ended by signal {-ran.code}", details=ran.tail)
    if ran.code:
        return Outcome(Result.FAILED, f"the command ended with {ran.code}{_first(ran.tail)}", details=ran.tail)
    return _found(job, ran)


def _found(job: Job, ran: process.Ran) -> Outcome:
    missing = [path for path in job.task.spec["outputs"].values() if not (job.out / path).is_file()]
    if missing:
        text = f"the command ended well but left no {', '.join(missing)} in {{out}}"
        return Outcome(Result.ERROR, text, details=ran.tail)
    read = sources.collect(job)
    if hidden := sources.undeclared(job, read):
        text = f"it read {hidden[0]}, which no pattern of inputs names; add one"
        return Outcome(Result.ERROR, text, details=ran.tail)
    sources.save(read, job.out)
    sizes = (f"{path} {(job.out / path).stat().st_size:,} bytes" for path in job.task.spec["outputs"].values())
    return Outcome(Result.OK, ", ".join(sizes), details=ran.tail)


def _first(lines: Sequence[str]) -> str:
    return next((f": {line}" for line in lines if "error" in line.lower()), "")


plug: type[Step] = Build
