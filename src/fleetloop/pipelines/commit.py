"""What git says about the folder: commit, date, branch, changed files, all files."""

import subprocess
from pathlib import Path

from fleetloop.core.errors import InfrastructureError, InputError
from fleetloop.pipelines.model import Commit

TIMEOUT_S = 30.0


class NotARepositoryError(InputError):
    """A pipeline runs in a git repository with at least one commit."""

    code = "not-a-repository"


def find(root: Path) -> Commit:
    """The commit checked out in ``root``; raises `NotARepositoryError`."""
    try:
        _git(root, "rev-parse", "--show-toplevel")
    except subprocess.CalledProcessError as e:
        text = f"{root} is not in a git repository; a release is made of a commit: git init, git add, git commit"
        raise NotARepositoryError(text) from e
    try:
        shown = _git(root, "log", "-1", "--no-show-signature", "--format=%H%x00%ct%x00%s").strip()
    except subprocess.CalledProcessError as e:
        text = f"{root} has no commit yet; a release is made of a commit: git add, git commit"
        raise NotARepositoryError(text) from e
    number, at, subject = shown.split("\0")
    return Commit(number, float(at), subject, branch(root), dirty(root))


def branch(root: Path) -> str:
    """Empty for a detached head."""
    try:
        return _git(root, "symbolic-ref", "--quiet", "--short", "HEAD").strip()
    except subprocess.CalledProcessError:
        return ""


def dirty(root: Path) -> tuple[str, ...]:
    """Files below ``root`` that are changed, or that git neither knows nor ignores."""
    found = _git(root, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", ".")
    return tuple(sorted(row[3:] for row in found.split("\0") if row))


def files(root: Path) -> tuple[str, ...]:
    """Files below ``root`` that git knows or would take, and that are there; relative, sorted."""
    found = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
    return tuple(sorted(name for name in set(found.split("\0")) if name and (root / name).is_file()))


def _git(root: Path, *words: str) -> str:
    try:
        return subprocess.run(
            ["git", "-C", str(root), "--no-optional-locks", *words],
            capture_output=True,
            check=True,
            text=True,
            errors="surrogateescape",
            timeout=TIMEOUT_S,
        ).stdout
    except FileNotFoundError as e:
        raise InfrastructureError("git is missing; install it: apt-get install -y git") from e
    except subprocess.TimeoutExpired as e:
        raise InfrastructureError(f"git did not answer in {TIMEOUT_S:.0f} s in {root}") from e
