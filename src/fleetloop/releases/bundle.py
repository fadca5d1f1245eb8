"""The bundle: a folder that a pipeline makes, travelling as a plain tar, and how to read either without being hurt.

    release.json, README.md, artifacts/REVISION/FILE, evidence/NAME
    statement.json            in-toto statement with the digest of every file above
    statement.dsse.json       the same bytes, signed
    statement.sigstore.json   the signed envelope in a Sigstore bundle, for foreign tools

Nothing here decides whether a bundle is trusted: `fleetloop.releases.trust` does. Every error is a `BadBundleError`.
"""

import dataclasses
import hashlib
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast, get_args, get_origin, get_type_hints

from fleetloop.core.errors import InputError
from fleetloop.releases.model import Manifest

T = TypeVar("T")

MANIFEST, README = "release.json", "README.md"
STATEMENT, ENVELOPE, SIGSTORE = "statement.json", "statement.dsse.json", "statement.sigstore.json"
SIGNING = frozenset({STATEMENT, ENVELOPE, SIGSTORE})
"""The files that no digest in the statement can cover."""
FORMAT = 1

MAX_FILES = 2_000
MAX_TOTAL = 1 << 30
MAX_JSON = 8 << 20
MAX_NAME = 200
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*(/[A-Za-z0-9][A-Za-z0-9._+~-]*){0,7}")
BLOCK = 512
CHUNK = 1 << 20


class BadBundleError(InputError):
    """This is not a bundle that `fleetloop run` made."""

    code = "bad-bundle"


@dataclass(frozen=True)
class Entry:
    """One file as it lies there. ``size`` in bytes, ``sha256`` in lower-case hex."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk, read and measured; nothing of it is verified yet."""

    folder: Path
    manifest: Manifest
    files: Mapping[str, Entry]
    """Every file by its name inside the bundle, `SIGNING` included."""

    def path(self, name: str) -> Path:
        """Where ``name`` lies; raises `BadBundleError` for a file the bundle does not have."""
        if name not in self.files:
            raise BadBundleError(f"the bundle has no file {name!r}")
        return self.folder / name

    def text(self, name: str) -> bytes:
        """A small file's bytes; at most `MAX_JSON`."""
        path = self.path(name)
        if self.files[name].size > MAX_JSON:
            raise BadBundleError(f"{name} has {self.files[name].size} bytes; at most {MAX_JSON} are read")
        return path.read_bytes()


def read(folder: Path) -> Bundle:
    """The bundle in ``folder``; links, devices and odd names are refused."""
    if not folder.is_dir():
        raise BadBundleError(f"{folder} is not a folder; expected the bundle that `fleetloop run` wrote")
    files: dict[str, Entry] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = _name(path.relative_to(folder).as_posix(), files)
        if path.is_symlink() or not path.is_file():
            raise BadBundleError(f"{name} is a link or a device; a bundle holds plain files only")
        _bound(files, path.stat().st_size)
        files[name] = measure(path)
    return _bundle(folder, files)


def unpack(stream: BinaryIO, into: Path) -> Bundle:
    """The bundle in the plain tar ``stream``, written below the empty folder ``into``.

    Only plain files and folders are taken. Never more than `MAX_TOTAL` bytes are written, whatever the headers say.
    """
    files: dict[str, Entry] = {}
    for header in _headers(stream):
        if header.isdir():
            continue
        if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise BadBundleError(f"{header.name!r} is a link, a device or an extension; plain files only")
        name = _name(header.name.removeprefix("./"), files)
        _bound(files, header.size)
        files[name] = _take(stream, header.size, into / name)
    return _bundle(into, files)


def pack(bundle: Bundle, stream: BinaryIO) -> None:
    """Write ``bundle`` as a plain tar: the same bytes for the same files."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
        for name, entry in sorted(bundle.files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = entry.size, 0o644
            with bundle.path(name).open("rb") as file:
                tar.addfile(info, file)


def measure(path: Path) -> Entry:
    """Size and digest of one file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Entry(size, digest.hexdigest())


def encode(manifest: Manifest) -> bytes:
    """`release.json`: sorted keys, one way to write it."""
    body = dataclasses.asdict(manifest) | {"format": FORMAT}
    return json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False, default=_enum).encode() + b"\n"


def decode(raw: bytes) -> Manifest:
    """The manifest in ``raw``; unknown, missing and ill-typed keys are errors."""
    values = document(raw, MANIFEST)
    made_as = values.pop("format", None)
    if made_as != FORMAT:
        raise BadBundleError(f"{MANIFEST} has format {made_as!r}; this program reads {FORMAT}; update one of the two")
    return _made(Manifest, values, MANIFEST)


def document(raw: bytes, name: str) -> dict[str, Any]:
    """A JSON object; ``name`` is for the error."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as e:
        raise BadBundleError(f"{name} is not JSON: {e}") from e
    if not isinstance(found, dict):
        raise BadBundleError(f"{name} is a {type(found).__name__}; expected an object")
    return cast("dict[str, Any]", found)


def _bundle(folder: Path, files: Mapping[str, Entry]) -> Bundle:
    if missing := sorted(({MANIFEST} | SIGNING) - files.keys()):
        raise BadBundleError(f"the bundle lacks {', '.join(missing)}; expected what `fleetloop run` wrote")
    if files[MANIFEST].size > MAX_JSON:
        raise BadBundleError(f"{MANIFEST} has {files[MANIFEST].size} bytes; at most {MAX_JSON} are read")
    return Bundle(folder, decode((folder / MANIFEST).read_bytes()), files)


def _name(name: str, files: Mapping[str, Entry]) -> str:
    if len(name) > MAX_NAME or not NAME.fullmatch(name):
        text = f"the bundle has a file named {name[:MAX_NAME]!r}"
        raise BadBundleError(f"{text}; expected plain letters, no '..', no '/' in front")
    if name in files:
        raise BadBundleError(f"the bundle has {name!r} twice")
    if len(files) >= MAX_FILES:
        raise BadBundleError(f"the bundle has more than {MAX_FILES} files")
    return name


def _bound(files: Mapping[str, Entry], size: int) -> None:
    if sum(entry.size for entry in files.values()) + size > MAX_TOTAL:
        raise BadBundleError(f"the bundle has more than {MAX_TOTAL} bytes")


def _headers(stream: BinaryIO) -> Iterator[tarfile.TarInfo]:
    # tarfile's own reader takes a whole extension header into memory; ours takes plain headers and nothing else
    while (block := _exactly(stream, BLOCK)) != bytes(BLOCK):
        try:
            yield tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeError) as e:
            raise BadBundleError(f"not a plain tar: {e}") from e


def _exactly(stream: BinaryIO, size: int) -> bytes:
    found = b""
    while len(found) < size:
        chunk = stream.read(size - len(found))
        if not chunk:
            raise BadBundleError("the tar ends in the middle; send it again")
        found += chunk
    return found


def _take(stream: BinaryIO, size: int, path: Path) -> Entry:
    digest, left = hashlib.sha256(), size
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            while left:
                chunk = _exactly(stream, min(left, CHUNK))
                digest.update(chunk)
                file.write(chunk)
                left -= len(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as e:
        raise BadBundleError(f"{path.name!r} is a file and a folder at once") from e
    if size % BLOCK:
        _exactly(stream, BLOCK - size % BLOCK)
    return Entry(size, digest.hexdigest())


def _enum(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{value!r} has no JSON form")


def _made(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    hints = get_type_hints(kind)
    fields = dataclasses.fields(cast("Any", kind))
    needed = {f.name for f in fields if f.default is dataclasses.MISSING}
    if wrong := sorted(values.keys() - hints.keys()):
        raise BadBundleError(f"{where} has unknown {', '.join(wrong)}; known are {', '.join(hints)}")
    if lacking := sorted(needed - values.keys()):
        raise BadBundleError(f"{where} lacks {', '.join(lacking)}")
    return kind(**{k: _value(hints[k], v, f"{where}: {k}") for k, v in values.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(get_args(hint)[0], v, where) for v in cast("list[Any]", value))
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _made(cast("type[Any]", hint), cast("dict[str, Any]", value), where)
    if isinstance(hint, type) and issubclass(hint, Enum) and value in [word.value for word in hint]:
        return hint(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    expected = "a list" if get_origin(hint) is tuple else str(getattr(hint, "__name__", hint))
    raise BadBundleError(f"{where} is {str(value)[:80]!r}; expected {expected}")
