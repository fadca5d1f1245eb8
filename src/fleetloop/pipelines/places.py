"""Where a run puts things: the bundle's folder, the previous release, and the files that must be there first."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from fleetloop.core.errors import ConflictError, InputError
from fleetloop.pipelines.keys import HINT
from fleetloop.pipelines.model import Project, Task
from fleetloop.releases import MANIFEST, load_key, read, verify

OWN = ".fleetloop"


class DirtyError(ConflictError):
    """A release is made of a commit, and this folder has changes that are in none."""

    code = "dirty-tree"


class MissingFileError(InputError):
    """A file that a step needs is not there."""

    code = "missing-file"


def check(project: Project, tasks: Iterable[Task]) -> None:
    """Raises `MissingFileError` or `DirtyError` before anything has cost time."""
    for task in tasks:
        for name in task.requires:
            if not (project.root / name).is_file():
                own = vars(project.keys).values()
                hint = HINT if name in own or f"file2:{name}" in own else "add it, or correct fleetloop.toml"
                raise MissingFileError(f"{task.name} needs {name}, which is not there; {hint}")
        if task.clean and project.commit.dirty:
            raise DirtyError(_dirty(project.commit.dirty))


def bundle(project: Project, wanted: Path | None) -> Path:
    """The folder for the bundle; raises `ConflictError` for one that holds something else."""
    target = wanted or project.root / OWN / f"{project.product.name}-{project.version}"
    if target.exists() and not (target.is_dir() and _replaceable(target)):
        raise ConflictError(f"{target} is there and is no bundle; name another folder with --out")
    if wanted is None:
        (project.root / OWN).mkdir(exist_ok=True)
        (project.root / OWN / ".gitignore").write_text("*\n")
    return target


def deliver(made: Path, target: Path) -> None:
    """Put ``made`` in the place of ``target``; a reader sees the old bundle or the new one, not half."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, fresh)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def previous(project: Project, folder: Path | None) -> Path | None:
    """``artifacts`` of the bundle in ``folder``, after checking that this product's bundle key signed it."""
    if folder is None:
        return None
    found = read(folder)
    if found.manifest.product != project.product.name:
        text = f"{folder} is a bundle of {found.manifest.product}"
        raise InputError(f"{text}; --previous wants one of {project.product.name}")
    verify(found, [load_key((project.root / project.keys.bundle).read_bytes())])
    return folder.resolve() / "artifacts"


def _replaceable(target: Path) -> bool:
    return (target / MANIFEST).is_file() or not any(target.iterdir())


def _dirty(files: tuple[str, ...]) -> str:
    shown = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
    text = f"in no commit: {shown}. A release is made of a commit: commit or ignore them"
    return f"{text}, or run a part that makes no bundle (fleetloop run --only test)"
