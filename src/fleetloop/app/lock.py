"""One program at a time on a server's folder: two servers would be two writers, and a restore takes it away."""

import contextlib
import os
from pathlib import Path

from fleetloop.core.errors import ConflictError


class alone(contextlib.AbstractContextManager[None]):  # noqa: N801  reads as a word
    """Hold the folder's lock; the kernel gives it back if we die. Raises `ConflictError` if a server holds it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"

    def __enter__(self) -> None:
        import fcntl

        self._file = self._path.open("a")  # the number in it stays if the lock is not ours
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            self._file.close()
            raise ConflictError(f"another server runs on {self._path.parent}; stop it, or choose another --dir") from e
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def __exit__(self, *_: object) -> None:
        self._file.close()
