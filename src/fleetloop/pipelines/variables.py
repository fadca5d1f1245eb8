"""Words in braces in a command: which are named, and what they become.

``{revision} {version} {out} {cache} {python} {image-key} {previous}``, each own key of ``[revision.NAME]``, and the
role of every file that another task offers: ``{image} {artifacts} {payload} {boot} …``. Other braces are left alone.
"""

import re
import sys
from collections.abc import Iterable, Mapping

from fleetloop.pipelines.model import Job, Project

PATTERN = re.compile(r"\{([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\}")
COMMON = frozenset({"revision", "version", "out", "cache", "python", "image-key", "previous"})


def named(words: Iterable[str]) -> set[str]:
    """The variables that ``words`` name."""
    return {name for word in words for name in PATTERN.findall(word)}


def settings(project: Project) -> set[str]:
    """The product's own variables."""
    return {key for revision in project.revisions.values() for key in revision.settings}


def targets(words: Iterable[str], project: Project, where: tuple[str, ...]) -> tuple[str, ...]:
    """The revisions to run for: each, if ``words`` name ``{revision}`` or a key of it, else one run for none (``""``).

    Raises `ConfigError` for a revision that lacks a key which ``words`` name.
    """
    used = named(words)
    own = used & settings(project)
    for revision in project.revisions.values() if own else ():
        if lacking := sorted(own - revision.settings.keys()):
            text = f"lacks {lacking[0]!r}, which [{'.'.join(where)}] names"
            raise project.document.fail(("revision", revision.name), f"[revision.{revision.name}] {text}")
    return tuple(project.revisions) if own or "revision" in used else ("",)


def roles(words: Iterable[str], project: Project) -> tuple[str, ...]:
    """What ``words`` name and another task must offer."""
    return tuple(sorted(named(words) - COMMON - settings(project)))


def values(job: Job) -> dict[str, str]:
    """Each variable's text for ``job``."""
    project, revision = job.project, job.task.revision
    own = dict(project.revisions[revision].settings) if revision else {}
    return {
        "revision": revision,
        "version": project.version,
        "out": str(job.out),
        "cache": str(job.cache),
        "python": sys.executable,
        "image-key": str(project.root / project.keys.image),
        "previous": str(job.previous or ""),
        **own,
        **{role: str(path) for role, path in job.given.items()},
    }


def fill(word: str, known: Mapping[str, str]) -> str:
    """``word`` with each known variable replaced."""
    return PATTERN.sub(lambda m: known.get(m[1], m[0]), word)
