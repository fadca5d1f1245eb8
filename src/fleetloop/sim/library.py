"""The host library of a release: the device's own control code, called through its C interface (ABI 1).

Each step runs under a guard in the library itself: a fault is its result, not the end of our process. The guard's timer
belongs to the process, so `Running.step` is called in the main thread only. Loaded libraries are never unloaded.
"""

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Mapping
from mmap import mmap
from pathlib import Path
from typing import Final

from fleetloop.core.errors import FailedError
from fleetloop.sim.model import Limits

ABI = 1
MAX_STATE = 1 << 20
FAULTS: Final[Mapping[int, str]] = {
    1: "zero-divisor",
    2: "arithmetic",
    3: "memory",
    4: "bus",
    5: "illegal",
    6: "watchdog",
}
CRUMB_BYTES = 128


class LibraryError(FailedError):
    """These bytes are not a host library that this device can run."""

    code = "bad-library"


class _Params(ctypes.Structure):
    _fields_ = (("seed", ctypes.c_uint32), ("low", ctypes.c_int32), ("high", ctypes.c_int32))


class _Reading(ctypes.Structure):
    _fields_ = (("temperature", ctypes.c_int32), ("cooling", ctypes.c_uint32), ("self_test", ctypes.c_uint32))


_SHAPES: Final = {
    "cell_abi": (ctypes.c_uint32, ()),
    "cell_version": (ctypes.c_char_p, ()),
    "cell_size": (ctypes.c_uint32, ()),
    "cell_init": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(_Params))),
    "cell_step": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_uint32)),
    "cell_up": (ctypes.c_uint32, (ctypes.c_void_p,)),
    "cell_read": (ctypes.c_int, (ctypes.c_void_p, ctypes.POINTER(_Reading))),
}


class Crumb:
    """A small file that says whose code runs: all that is left when damaged memory ends the whole process."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(CRUMB_BYTES))
        with path.open("r+b") as file:
            self._bytes = mmap(file.fileno(), CRUMB_BYTES)

    def mark(self, label: bytes) -> None:
        """``label`` has exactly `CRUMB_BYTES` bytes."""
        self._bytes[:] = label


class Library:
    """One loaded host library. Raises `LibraryError` for bytes that cannot be one, or have another ABI."""

    def __init__(self, data: bytes, crumb: Crumb | None = None) -> None:
        self.sha256 = hashlib.sha256(data).hexdigest()
        self._code = _loaded(data)
        self._crumb = crumb
        for name, (result, arguments) in _SHAPES.items():
            self._shape(name, result, arguments)
        if (abi := self._code.cell_abi()) != ABI:
            raise LibraryError(f"the host library has ABI {abi}; this simulation runs ABI {ABI}")
        self.version = str((self._code.cell_version() or b"").decode("ascii", "replace"))
        self._size = int(self._code.cell_size())
        if not 0 < self._size <= MAX_STATE:
            raise LibraryError(f"the host library asks for {self._size} bytes of state; expected 1 to {MAX_STATE}")

    def start(self, device: str, seed: int, limits: Limits) -> "Running | None":
        """A device that has just been switched on, or None if the code refuses to start."""
        state = (ctypes.c_uint64 * (self._size // 8 + 1))()
        params = _Params(seed & 0xFFFFFFFF, limits.low, limits.high)
        if self._code.cell_init(state, ctypes.sizeof(state), ctypes.byref(params)):
            return None
        return Running(self._code, state, self._crumb, _label(device, self.version))

    def _shape(self, name: str, result: object, arguments: tuple[object, ...]) -> None:
        try:
            function = getattr(self._code, name)
        except AttributeError as e:
            raise LibraryError(f"the host library has no {name}") from e
        function.restype, function.argtypes = result, arguments


class Running:
    """The control code of one device between two starts: a buffer of its own."""

    __slots__ = ("_code", "_crumb", "_label", "_state")

    def __init__(
        self, code: ctypes.CDLL, state: ctypes.Array[ctypes.c_uint64], crumb: Crumb | None, name: bytes
    ) -> None:
        self._code, self._state, self._crumb, self._label = code, state, crumb, name

    def step(self, seconds: int) -> str:
        """Run so many seconds; returns "" or the word of the fault that ended it early."""
        if self._crumb:
            self._crumb.mark(self._label)
        fault = self._code.cell_step(self._state, seconds)
        return FAULTS.get(fault, f"fault-{fault}") if fault else ""

    @property
    def up(self) -> int:
        """Seconds run since the start, the one that a fault came in included."""
        return int(self._code.cell_up(self._state))

    @property
    def self_test(self) -> bool:
        """Whether the code's own test passes."""
        reading = _Reading()
        return not self._code.cell_read(self._state, ctypes.byref(reading)) and reading.self_test == 1


class Shelf:
    """Libraries by digest: loaded once, however many devices run them."""

    def __init__(self, crumb: Crumb | None = None) -> None:
        self._crumb = crumb
        self._loaded: dict[str, Library] = {}

    def get(self, data: bytes) -> Library:
        """Raises `LibraryError`."""
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._loaded:
            self._loaded[digest] = Library(data, self._crumb)
        return self._loaded[digest]


def _loaded(data: bytes) -> ctypes.CDLL:
    """A new file each: the loader knows files by inode, and would hand back the library it has."""
    descriptor, path = tempfile.mkstemp(suffix=".so")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        return ctypes.CDLL(path)
    except OSError as e:
        raise LibraryError(f"the artifact cannot be loaded as a host library: {str(e).replace(path, 'it')}") from e
    finally:
        Path(path).unlink()


def _label(device: str, version: str) -> bytes:
    return f"version {version} on device {device}".encode()[:CRUMB_BYTES].ljust(CRUMB_BYTES, b"\0")
