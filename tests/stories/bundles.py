"""The sample product's releases as real bundles, built by the pipeline once and kept by content.

A variant is another history: the usual one, one without the fault, one with the fast sensor on revision a, and one whose
fault comes 1.3 soaks after the install. Emulator tests are left out. All variants have one pair of keys, so that the
pipeline's own cache knows what they share.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / "examples" / "coldcell"
SOURCES = (PRODUCT, ROOT / "src" / "fleetloop" / "pipelines" / "steps")
FACTORY, FIRST, FAULTY, FIX = "0.9.0", "1.0.0", "1.1.0", "1.1.1"
LEFT_OUT = ("build", "emulator", "gateway")
"""Folders of the product that no bundle of a story is made of."""
LATE_S = 1.3 * 86_400
SLOW = re.compile(r"\[test\.emulator\]")


@dataclass(frozen=True)
class Bundles:
    """A folder with `keys/` and a bundle folder for each tag."""

    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "keys" / "bundle.pub"

    def __getitem__(self, tag: str) -> Path:
        return self.folder / tag


@dataclass(frozen=True)
class Variant:
    """``change``: edits the repository before the faulty release is built."""

    tags: tuple[str, ...]
    without_fault: bool = False
    fault_on: str = ""
    change: Callable[[Path], None] | None = None


def fault_comes_late(repository: Path) -> None:
    """The counter of samples wraps after 1.3 soaks of uptime at a period of one second, instead of 65,536 samples."""
    code, header = repository / "control" / "cell.c", repository / "control" / "cell.h"
    _swap(code, "  c->n++;\n", f"  if (++c->n == {LATE_S:.0f}u) c->n = 0;\n")
    _swap(header, "uint16_t n;", "uint32_t n;")
    who = ("-c", "user.name=story", "-c", "user.email=story@fleetloop.example")
    subprocess.run(["git", *who, "commit", "-qam", "A fault that comes late"], cwd=repository, check=True)


VARIANTS = {
    "usual": Variant((FACTORY, FIRST, FAULTY, FIX)),
    "without-fault": Variant((FACTORY, FIRST, FAULTY), without_fault=True),
    "fault-on-a": Variant((FACTORY, FIRST, FAULTY), fault_on="a"),
    "late": Variant((FACTORY, FIRST, FAULTY), change=fault_comes_late),
}


def bundles(name: str) -> Bundles:
    """Those of a variant, from the cache or built now; one process builds, the others wait."""
    kept = _cache() / f"{name}-{_fingerprint()}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _keys(kept.parent / "keys")
        if not kept.is_dir():
            part = kept.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            _build(VARIANTS[name], part)
            part.rename(kept)
    return Bundles(kept)


def _keys(folder: Path) -> None:
    """Made once; two processes that come at once each make whole ones, and one of them stays."""
    if folder.is_dir():
        return
    part = Path(tempfile.mkdtemp(dir=folder.parent))
    _fleetloop(part, "key", "new", str(part / "keys"))
    with contextlib.suppress(OSError):
        (part / "keys").rename(folder)
    shutil.rmtree(part)


def _build(variant: Variant, out: Path) -> None:
    keys, repository, replay = out / "keys", out / "repository", _replay()
    shutil.copytree(out.parent / "keys", keys)
    add = {f"keys/{n}": (keys / n).read_bytes() for n in ("image.pub", "bundle.pub")}
    add["fleetloop.toml"] = _pipeline(replay, variant, out)
    for tag in variant.tags:
        replay.replay(repository, tag, without_fault=variant.without_fault, fault_on=variant.fault_on or None, add=add)
        for private in ("image.pem", "bundle.pem"):
            shutil.copy(keys / private, repository / "keys" / private)
        if tag == FAULTY and variant.change:
            variant.change(repository)
        _fleetloop(repository, "run", "--out", str(out / tag))
    shutil.rmtree(repository)


def _pipeline(replay: ModuleType, variant: Variant, out: Path) -> bytes:
    """`fleetloop.toml` without the steps that stories need not wait for."""
    parts = re.split(r"(?m)^(?=\[)", (PRODUCT / "fleetloop.toml").read_text())
    path = out / "fleetloop.toml"
    path.write_text("".join(part for part in parts if not SLOW.match(part)))
    if variant.fault_on:
        replay.swap(path, variant.fault_on)
    return path.read_bytes()


def _fleetloop(where: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fleetloop", *words], cwd=where, capture_output=True, text=True, timeout=240, check=False
    )
    if done.returncode:
        raise RuntimeError(f"fleetloop {' '.join(words)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def _replay() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coldcell_history", PRODUCT / "history" / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _cache() -> Path:
    named = os.environ.get("FLEETLOOP_TEST_CACHE", "")
    return Path(named) if named else Path.home() / ".cache" / "fleetloop-tests"


def _fingerprint() -> str:
    """Of what the bundles of stories are made from."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    for path in (file for source in SOURCES for file in _files(source)):
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder).parts[:-1]
        if path.is_file() and not any(p in LEFT_OUT or p.startswith((".", "__")) for p in within):
            yield path


def _swap(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} has {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new))
