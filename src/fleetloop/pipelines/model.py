"""Nouns of the pipeline: project, commit, task, what a task offers, and how it ended."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from fleetloop.core.config import Document
from fleetloop.releases import Kind, Policy, Tested


class Result(Enum):
    """How a task ended. A finding and a broken tool are never the same thing, and neither is a pass."""

    OK = "ok"
    FAILED = "failed"
    """The product's fault: a test failed, a source does not compile."""
    ERROR = "error"
    """It crashed, or left no report, or half of one: nobody knows what it would have said."""
    INFRASTRUCTURE = "infrastructure"
    """A tool is missing, hung, or the board did not speak: says nothing about the product."""
    SKIPPED = "skipped"
    """Something it needs did not end well."""
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Commit:
    """What is being built. ``at``: the commit's own date, seconds since 1970; ``dirty``: changed or unknown files."""

    id: str
    at: float
    subject: str
    branch: str
    dirty: tuple[str, ...] = ()


@dataclass(frozen=True)
class Product:
    """``[product]``."""

    name: str
    version_file: str = "VERSION"
    components: str = "components.toml"
    repository: str = ""
    """Public address of the source, for the provenance; never taken from the checkout, which differs per clone."""


@dataclass(frozen=True)
class Keys:
    """``[keys]``: files below the project, and the signer of the bundle as a word and a place."""

    image: str = "keys/image.pub"
    image_private: str = "keys/image.pem"
    bundle: str = "keys/bundle.pub"
    bundle_private: str = "file2:keys/bundle.pem"
    """``file2:FILE``, ``envkey:VARIABLE`` (PEM), ``hsm:…``, ``awskms:…`` and what else securesystemslib knows."""


@dataclass(frozen=True)
class Revision:
    """``[revision.NAME]``; every key but ``class-id`` is the product's own and becomes a variable of that name."""

    name: str
    class_id: str = ""
    settings: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Project:
    """A firmware repository, read."""

    root: Path
    document: Document
    product: Product
    keys: Keys
    revisions: Mapping[str, Revision]
    policy: Policy
    version: str
    commit: Commit
    at: float
    """The instant that SBOM and provenance carry, seconds since 1970."""
    files: tuple[str, ...]
    """Every file git knows or would take, relative to ``root``."""

    def tables(self, word: str) -> dict[str, dict[str, Any]]:
        """The tables ``[word.NAME]`` by name, as they stand in the file."""
        return self.document.values.get(word, {})


@dataclass(frozen=True)
class Offer:
    """A file that a task leaves for others. ``path`` is below the task's folder; ``"."`` is the folder itself.

    Other tasks name it by ``role`` in braces; with a ``place`` it goes into the bundle, as an artifact if it has a
    ``kind`` and as evidence if it has none.
    """

    role: str
    path: str
    place: str = ""
    kind: Kind | None = None
    component: str = "application"


@dataclass(frozen=True)
class Task:
    """One node of the graph. ``revision`` is empty for what is done once."""

    name: str
    step: str
    revision: str = ""
    uses: tuple[str, ...] = ()
    """Roles that other tasks of the same revision, or of none, offer."""
    after: tuple[str, ...] = ()
    """Names of tasks to wait for; ``"*"`` is all others."""
    offers: tuple[Offer, ...] = ()
    needs: tuple[str, ...] = ()
    """Programs, or headers ending in ``.h``."""
    requires: tuple[str, ...] = ()
    """Files that must be there before anything starts, and whose content counts for the cache."""
    inputs: tuple[str, ...] = ()
    """Patterns over the project's files, as fnmatch reads them: ``*`` crosses folders."""
    spec: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """All else that decides the result; JSON values."""
    timeout_s: float = 600.0
    cached: bool = True
    earlier: bool = False
    """Whether it looks at the previous release."""
    clean: bool = False
    """Whether it needs a folder without changes."""

    @property
    def id(self) -> str:
        """``test.emulator:b``."""
        return f"{self.name}:{self.revision}" if self.revision else self.name

    @property
    def salt(self) -> str:
        """``spec`` as one text."""
        return json.dumps(self.spec, sort_keys=True)


@dataclass(frozen=True)
class Outcome:
    """What came of a task. ``sentence``: for a person; ``details``: the last lines of its output."""

    result: Result
    sentence: str
    tests: tuple[Tested, ...] = ()
    details: tuple[str, ...] = ()
    seconds: float = 0.0
    attempts: int = 1
    passing: bool = True
    """For infrastructure: whether trying again at once can help."""
    hit: bool = False
    """Came from the cache."""
    tools: Mapping[str, str] = field(default_factory=dict[str, str])
    """Program to version."""


@dataclass(frozen=True)
class Job:
    """A task with its places. What lies in ``out`` when ``run`` returns is the result; ``scratch`` is thrown away."""

    task: Task
    project: Project
    out: Path
    scratch: Path
    cache: Path
    """For what the product's own commands download; kept between runs."""
    given: Mapping[str, Path]
    """Role to file, for each of ``task.uses``."""
    previous: Path | None
    """The folder with the previous release's artifacts for this revision; None too for a task that does not look."""
    tools: Mapping[str, str]
    done: Mapping[str, tuple[Task, Outcome, Path]]
    """The tasks this one waited for, by id, with their folders."""
    say: Callable[[str], None]
    """A line of progress."""


@dataclass(frozen=True)
class Event:
    """Progress, as it happens. ``kind``: started, line, retried, finished."""

    kind: str
    task: Task
    text: str
    outcome: Outcome | None = None
