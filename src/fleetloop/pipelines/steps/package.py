"""``[package.mcuboot]``: the signed image for each hardware revision, in MCUboot's format, by imgtool.

    slot-size, header-size, load-address   numbers of the boot loader's flash map
    vendor            name for the vendor id (--vid); the class id (--cid) is ``class-id`` of the revision
    security-counter  1; raising it burns the way back, so only for security fixes
    align             8
    digest            512: Ed25519 needs SHA-512 anyway, so the boot loader has one hash less

imgtool comes with the extra ``coldcell``: pip install 'fleetloop[coldcell]'. Ed25519 signatures are deterministic: the
same payload gives the same image.
"""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from fleetloop.core.config import build
from fleetloop.core.errors import InfrastructureError
from fleetloop.pipelines import keys, process
from fleetloop.pipelines.model import Job, Offer, Outcome, Project, Result, Task
from fleetloop.pipelines.seam import Step
from fleetloop.releases import Kind


@dataclass(frozen=True)
class Spec:
    """The table."""

    slot_size: int
    header_size: int
    load_address: int
    vendor: str
    security_counter: int = 1
    align: int = 8
    digest: int = 512


class Package:
    """Makes images."""

    def tasks(self, project: Project) -> Sequence[Task]:
        """One a revision."""
        found: list[Task] = []
        for name, table in project.tables("package").items():
            if name != "mcuboot":
                text = f"there is no package format {name!r}; known is 'mcuboot'"
                raise project.document.fail(("package", name), text)
            spec = build(Spec, project.document, ("package", name), table)
            found += [_task(project, spec, revision) for revision in project.revisions]
        return found

    async def run(self, job: Job) -> Outcome:
        """What imgtool refuses is the product's fault; imgtool missing is not."""
        if importlib.util.find_spec("imgtool") is None:
            raise InfrastructureError("imgtool is missing; install it: pip install 'fleetloop[coldcell]'")
        job.say("signing the image")
        if not keys.matching(job.project):
            text = f"{job.project.keys.image} is not the public half of {job.project.keys.image_private}"
            return Outcome(Result.FAILED, f"{text}: no boot loader of this build would take the image")
        target = job.out / job.task.offers[0].path
        words = [sys.executable, "-m", "imgtool.main", *_words(job), str(job.given["payload"]), str(target)]
        env = process.environment(job.scratch, {})
        ran = await process.run(words, job.scratch, env, job.task.timeout_s, job.say)
        if ran.late:
            text = f"imgtool did not end within {job.task.timeout_s:.0f} s"
            return Outcome(Result.INFRASTRUCTURE, text, details=ran.tail)
        if ran.code or not target.is_file():
            why = ran.tail[-1] if ran.tail else f"exit code {ran.code}"
            return Outcome(Result.FAILED, f"imgtool made no image: {why}", details=ran.tail)
        return Outcome(Result.OK, f"{target.name} {target.stat().st_size:,} bytes")


def _task(project: Project, spec: Spec, revision: str) -> Task:
    class_id = project.revisions[revision].class_id
    if not class_id:
        text = "lacks 'class-id', the name by which the boot loader refuses another revision's image"
        raise project.document.fail(("revision", revision), f"[revision.{revision}] {text}")
    name = f"{project.product.name}-{project.version}-{revision}.img"
    return Task(
        name="package.mcuboot",
        step="package",
        revision=revision,
        uses=("payload",),
        offers=(Offer("image", name, f"artifacts/{revision}/{name}", Kind.IMAGE),),
        requires=(project.keys.image_private, project.keys.image),
        inputs=("fleetloop.toml",),
        spec=asdict(spec) | {"class-id": class_id, "tool": _version()},
        timeout_s=60.0,
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("imgtool")
    except PackageNotFoundError:
        return ""


def _words(job: Job) -> list[str]:
    spec, project = job.task.spec, job.project
    options = {
        "--key": project.root / project.keys.image_private,
        "--sha": spec["digest"],
        "--header-size": hex(spec["header_size"]),
        "--slot-size": hex(spec["slot_size"]),
        "--load-addr": hex(spec["load_address"]),
        "--align": spec["align"],
        "--version": project.version.partition("-")[0],
        "--security-counter": spec["security_counter"],
        "--vid": spec["vendor"],
        "--cid": spec["class-id"],
    }
    return ["sign", "--pad-header", *(str(word) for pair in options.items() for word in pair)]


plug: type[Step] = Package
