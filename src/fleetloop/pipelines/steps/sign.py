"""Signing: lays the bundle together, states every digest, and signs the statement with the bundle key.

There is no table to write; ``[keys]`` names the signer. It runs last, when everything else ended well, and only for a
commit: a folder with changes that are in no commit makes no bundle.
"""

import shutil
from collections.abc import Mapping, Sequence

from fleetloop.pipelines import keys, provenance
from fleetloop.pipelines.model import Job, Offer, Outcome, Project, Result, Task
from fleetloop.pipelines.seam import Step
from fleetloop.releases import (
    ENVELOPE,
    MANIFEST,
    README,
    SIGSTORE,
    STATEMENT,
    Artifact,
    Entry,
    Kind,
    Manifest,
    encode,
    faults,
    measure,
    pae,
    read,
)

RUN = "evidence/run.json"


class Sign:
    """Makes the bundle."""

    def tasks(self, project: Project) -> Sequence[Task]:
        """One, after all others, if there is anything to ship."""
        if not project.tables("package"):
            return []
        private = project.keys.bundle_private.partition(":")
        files = (private[2],) if private[0] == "file2" else ()
        return [
            Task(
                name="sign",
                step="sign",
                after=("*",),
                requires=(project.keys.bundle, *files),
                cached=False,
                earlier=True,
                clean=True,
            )
        ]

    async def run(self, job: Job) -> Outcome:
        """What lies in ``out`` afterwards is the bundle."""
        job.say("laying the bundle together")
        manifest = _manifest(job, _artifacts(job))
        _write(job, MANIFEST, encode(manifest))
        _write(job, RUN, _steps(job))
        _write(job, README, _readme(manifest).encode())
        _sign(job)
        if found := faults(read(job.out)):
            return Outcome(Result.FAILED, "no server would take this release: " + "; ".join(found))
        return Outcome(Result.OK, f"{len(manifest.artifacts)} artifacts, {len(_digests(job))} files signed")


def _artifacts(job: Job) -> list[Artifact]:
    made: list[Artifact] = []
    for task, _, folder in job.done.values():
        for offer in task.offers:
            if not offer.place:
                continue
            target = job.out / offer.place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / offer.path, target)
            if offer.kind:
                made.append(_artifact(task, offer, measure(target)))
    return sorted(made, key=lambda a: a.path)


def _artifact(task: Task, offer: Offer, entry: Entry) -> Artifact:
    if offer.kind is None:
        raise ValueError(offer.place)
    return Artifact(task.revision, offer.kind, offer.place, entry.size, entry.sha256, offer.component)


def _manifest(job: Job, artifacts: Sequence[Artifact]) -> Manifest:
    project, commit = job.project, job.project.commit
    tests = [test for _, outcome, _ in job.done.values() for test in outcome.tests]
    return Manifest(
        product=project.product.name,
        version=project.version,
        commit=commit.id,
        committed_at=commit.at,
        subject=commit.subject,
        branch=commit.branch,
        artifacts=tuple(artifacts),
        tests=tuple(sorted(tests, key=lambda t: (t.step, t.revision))),
        policy=project.policy,
        built_at=project.at,
    )


def _steps(job: Job) -> bytes:
    """What ran and with which tools; nothing that differs from run to run."""
    rows = [
        {
            "step": task.name,
            "revision": task.revision,
            "result": outcome.result.value,
            "sentence": outcome.sentence,
            "tools": dict(outcome.tools),
        }
        for _, (task, outcome, _) in sorted(job.done.items())
    ]
    return provenance.canonical({"steps": rows}) + b"\n"


def _sign(job: Job) -> None:
    digests = _digests(job)
    tools = {k: v for _, outcome, _ in job.done.values() for k, v in outcome.tools.items()}
    payload = provenance.statement(job.project, digests, tools, _previous(job))
    key_id, signature = keys.sign(job.project, pae(payload))
    _write(job, STATEMENT, payload)
    _write(job, ENVELOPE, provenance.envelope(payload, key_id, signature))
    _write(job, SIGSTORE, provenance.sigstore(payload, key_id, signature))


def _digests(job: Job) -> dict[str, str]:
    signing = {STATEMENT, ENVELOPE, SIGSTORE}
    found = {p.relative_to(job.out).as_posix(): p for p in job.out.rglob("*") if p.is_file()}
    return {name: measure(path).sha256 for name, path in found.items() if name not in signing}


def _previous(job: Job) -> Mapping[str, str]:
    """Digest by name of the previous release's images: the emulator tests stand on them."""
    if job.previous is None:
        return {}
    images = [path for path in job.previous.rglob("*") if path.suffix == ".img"]
    return {f"previous/{path.relative_to(job.previous).as_posix()}": measure(path).sha256 for path in images}


def _write(job: Job, name: str, content: bytes) -> None:
    path = job.out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _readme(manifest: Manifest) -> str:
    artifacts = "\n".join(
        f"| {a.path} | {a.revision} | {a.kind.value} | {a.component} | {a.size:,} | {a.sha256[:16]} |"
        for a in manifest.artifacts
    )
    tests = "\n".join(
        f"| {t.step} | {t.revision or 'all'} | {t.strength} {t.on} | {t.passed} | {t.failed} | {t.skipped} |"
        for t in manifest.tests
    )
    image = next((a.path for a in manifest.artifacts if a.kind is Kind.IMAGE), MANIFEST)
    built = provenance.instant(manifest.committed_at)
    return README_TEXT.format(m=manifest, image=image, built=built, artifacts=artifacts, tests=tests)


README_TEXT = """\
# {m.product} {m.version}

Made by `fleetloop run` from commit `{m.commit}` of {built}:
"{m.subject}".

| file | revision | kind | component | bytes | sha256 begins |
|---|---|---|---|---|---|
{artifacts}

| tests | revision | on | passed | failed | skipped |
|---|---|---|---|---|---|
{tests}

- `release.json`: the same, for programs.
- `evidence/`: test reports (JUnit, without times), bills of materials (CycloneDX 1.6), `run.json` (steps and tools).
- `statement.json`: in-toto statement with SLSA provenance; the digest of every other file here.
- `statement.dsse.json`: the statement, signed. `statement.sigstore.json`: the same for other tools:

      cosign verify-blob-attestation --key keys/bundle.pub --bundle statement.sigstore.json \\
        --insecure-ignore-tlog=true --type slsaprovenance1 {image}

Upload it: `fleetloop publish .`
"""

plug: type[Step] = Sign
