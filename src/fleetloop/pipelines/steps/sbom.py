"""The bill of materials: CycloneDX 1.6 per hardware revision, from the files the compiler truly read.

There is no table to write. The build with the output ``payload`` must leave ``-MD`` files below {out}; the file that
``components`` in ``[product]`` names says whose each file is.
"""

import asyncio
from collections.abc import Sequence

from fleetloop.core.errors import FailedError
from fleetloop.pipelines import bom, sources
from fleetloop.pipelines.model import Job, Offer, Outcome, Project, Result, Task
from fleetloop.pipelines.seam import Step
from fleetloop.releases import measure

FILE = "bom.cdx.json"


class Sbom:
    """Lists what went in."""

    def tasks(self, project: Project) -> Sequence[Task]:
        """One a revision, if the project packages anything."""
        return [_task(project, revision) for revision in project.revisions] if project.tables("package") else []

    async def run(self, job: Job) -> Outcome:
        """Fails for a file without a component; an error if the build does not say what it read."""
        job.say("reading what the compiler read")
        found = sources.load(job.given["artifacts"])
        if not found:
            text = "the build left no .d file below {out}: compile with -MD, so that the bill can say what went in"
            return Outcome(Result.ERROR, text)
        try:
            text, quality = await asyncio.to_thread(_text, job, found)
        except FailedError as e:
            return Outcome(Result.FAILED, str(e))
        (job.out / FILE).write_text(text)
        return Outcome(Result.OK, f"{len(found)} files, {quality} components matchable")


def _task(project: Project, revision: str) -> Task:
    return Task(
        name="sbom",
        step="sbom",
        revision=revision,
        uses=("artifacts", "payload"),
        offers=(Offer("", FILE, f"evidence/bom-{revision}.cdx.json"),),
        requires=(project.product.components,),
        inputs=(project.product.components,),
        spec={"product": project.product.name, "commit": project.commit.id, "at": project.at},
    )


def _text(job: Job, found: dict[str, str]) -> tuple[str, str]:
    project = job.project
    subject = bom.Subject(
        product=project.product.name,
        version=project.version,
        revision=job.task.revision,
        commit=project.commit.id,
        payload=measure(job.given["payload"]).sha256,
        at=project.at,
    )
    return bom.text(subject, found, bom.declared(project.root / project.product.components))


plug: type[Step] = Sbom
