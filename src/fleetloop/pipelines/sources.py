"""The files a compiler truly read, from its ``-MD`` files: named so that the names are the same in every checkout.

``./app/cell.c`` lies in the project, ``{out}/key.c`` was made by the build, ``{cache}/…`` was downloaded by it; the
rest keeps its absolute name.
"""

import hashlib
import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from fleetloop.pipelines.model import Job

FILE = "sources.json"


def collect(job: Job) -> dict[str, str]:
    """Name to digest of each file that a ``.d`` below ``job.out`` names.

    The listings are removed: they name the folders of this run, and two builds of one commit must leave the same bytes.
    """
    found: set[Path] = set()
    for listing in sorted(job.out.rglob("*.d")):
        found |= set(_read(listing, job.project.root))
        listing.unlink()
    return {label(path, job): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(found) if path.is_file()}


def label(path: Path, job: Job) -> str:
    """The name of ``path`` without the folders of this run."""
    for base, sign in ((job.out, "{out}"), (job.cache, "{cache}"), (job.project.root, ".")):
        if path.is_relative_to(base.resolve()):
            return f"{sign}/{path.relative_to(base.resolve()).as_posix()}"
    return path.as_posix()


def undeclared(job: Job, sources: dict[str, str]) -> list[str]:
    """Files of the project that were read though no input pattern names them: the cache would not see them change."""
    patterns = job.task.inputs or ("*",)
    own = (name.removeprefix("./") for name in sources if name.startswith("./"))
    return [name for name in own if not any(fnmatchcase(name, pattern) for pattern in patterns)]


def save(sources: dict[str, str], folder: Path) -> None:
    """Write `FILE` for the bill of materials."""
    (folder / FILE).write_text(json.dumps(sources, indent=1, sort_keys=True))


def load(folder: Path) -> dict[str, str]:
    """What `save` wrote; empty if there is none."""
    path = folder / FILE
    return json.loads(path.read_text()) if path.exists() else {}


def _read(listing: Path, root: Path) -> Iterator[Path]:
    text = listing.read_text(errors="replace").replace("\\\n", " ")
    for rule in text.splitlines():
        _, colon, names = rule.partition(": ")
        for word in names.replace("\\ ", "\0").split() if colon else ():
            yield (root / word.replace("\0", " ")).resolve()
