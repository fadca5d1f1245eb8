"""The demo's own folder: wiped at the start, and held by one demo at a time."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Generator
from pathlib import Path

from fleetloop.core.errors import ConflictError

MARK = ".fleetloop-demo"
"""Says that all beside it may be wiped."""


@contextlib.contextmanager
def fresh(folder: Path) -> Generator[None]:
    """The folder, empty and ours for the block. Raises `ConflictError` if it is anybody else's."""
    folder.mkdir(parents=True, exist_ok=True)
    with _held(folder):
        here = sorted(folder.iterdir())
        if here and folder / MARK not in here:
            raise ConflictError(f"{folder} has things in it that no demo made; remove it, or choose another --work")
        (folder / MARK).touch()
        for path in here:
            _wipe(path)
        yield


def _wipe(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.name != MARK:
        path.unlink()


@contextlib.contextmanager
def _held(folder: Path) -> Generator[None]:
    """The lock is on the folder itself: it ends with the process, and wiping leaves it in place."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as e:
        raise ConflictError(f"another demo runs in {folder}; end it, or choose another --work") from e
    finally:
        os.close(descriptor)
