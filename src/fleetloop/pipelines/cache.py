"""What was made before of the same content: found by a digest over all that decides the result.

The key covers tool versions, command, contents of the declared inputs, what upstream tasks left, required key files,
the previous release, and this program itself. Only tasks that ended well are kept; a damaged entry is a miss.
Entries are bounded: the least recently used go first.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache as once
from pathlib import Path
from typing import Any, cast

from fleetloop.pipelines.model import Job, Outcome, Project, Result
from fleetloop.releases import Tested

MAX_ENTRIES = 400
MAX_BYTES = 2 << 30
OUTCOME = "outcome.json"


def home() -> Path:
    """``$XDG_CACHE_HOME/fleetloop``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fleetloop"


class Cache:
    """A folder of results. Several runs may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, key: str, out: Path) -> Outcome | None:
        """Lay the files of ``key`` into the empty folder ``out``; None if there is no whole entry."""
        entry = self._folder / key
        try:
            body = json.loads((entry / OUTCOME).read_bytes())
            shutil.copytree(entry / "files", out, dirs_exist_ok=True)
            os.utime(entry)
            if digests(out) == body["files"]:
                return _outcome(body)
        except (OSError, ValueError, KeyError, TypeError, shutil.Error):
            pass
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        return None

    def store(self, key: str, out: Path, outcome: Outcome) -> None:
        """Keep ``out``; whoever comes first wins. A full disk costs speed, never the run."""
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
        with contextlib.suppress(OSError, shutil.Error):
            shutil.copytree(out, fresh / "files")
            (fresh / OUTCOME).write_text(json.dumps(_body(outcome) | {"files": digests(out)}))
            fresh.rename(self._folder / key)
        shutil.rmtree(fresh, ignore_errors=True)

    def trim(self) -> None:
        """Drop the least recently used entries above the bounds."""
        entries = sorted(self._folder.glob("[0-9a-f]*"), key=_used, reverse=True)
        total = 0
        for number, entry in enumerate(entries):
            total += _size(entry)
            if number >= MAX_ENTRIES or total > MAX_BYTES:
                shutil.rmtree(entry, ignore_errors=True)


def key(job: Job) -> str:
    """The digest of all that decides what ``job`` leaves."""
    task, project = job.task, job.project
    content = {
        "task": task.id,
        "spec": task.salt,
        "program": program(),
        "version": project.version,
        "settings": dict(project.revisions[task.revision].settings) if task.revision else {},
        "tools": dict(job.tools),
        "inputs": inputs(project, task.inputs),
        "requires": {name: _digest(project.root / name) for name in task.requires},
        "previous": digests(job.previous) if job.previous else {},
        "upstream": {name: digests(folder) for name, (_, _, folder) in job.done.items()},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def inputs(project: Project, patterns: Iterable[str]) -> dict[str, str]:
    """Digest and mode of each file of the project that a pattern names; of all files for no pattern."""
    wanted = tuple(patterns) or ("*",)
    names = [name for name in project.files if any(fnmatchcase(name, pattern) for pattern in wanted)]
    return {name: f"{_digest(project.root / name)} {os.access(project.root / name, os.X_OK)}" for name in names}


def digests(folder: Path) -> dict[str, str]:
    """Digest of each file below ``folder`` by its name there."""
    return {p.relative_to(folder).as_posix(): _digest(p) for p in sorted(folder.rglob("*")) if p.is_file()}


@once
def program() -> str:
    """Digest of this room's own source: another pipeline makes other results."""
    here = Path(__file__).parent
    return hashlib.sha256("".join(_digest(p) for p in sorted(here.rglob("*.py"))).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(entry: Path) -> int:
    """Bytes of an entry; another run may be throwing it away."""
    try:
        return sum(p.stat().st_size for p in entry.rglob("*") if p.is_file())
    except OSError:
        return 0


def _used(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def _body(outcome: Outcome) -> dict[str, Any]:
    return {
        "sentence": outcome.sentence,
        "tests": [dataclasses.asdict(test) for test in outcome.tests],
        "tools": dict(outcome.tools),
    }


def _outcome(body: Mapping[str, Any]) -> Outcome:
    tests = tuple(Tested(**cast("dict[str, Any]", test)) for test in body["tests"])
    return Outcome(Result.OK, body["sentence"], tests, hit=True, tools=body["tools"])
