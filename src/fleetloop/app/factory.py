"""The demo's firmware team: replays the sample product's history as real commits and builds each release.

Versions come from the tags of the history alone. The pipeline runs as its users run it: `fleetloop run` in the
repository, with the story's clock for dates.
"""

import asyncio
import importlib.util
import shutil
import sys
import tomllib
from asyncio.subprocess import PIPE
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from fleetloop.app.participant import die_with_parent, ended
from fleetloop.core.errors import FailedError, InfrastructureError, InputError
from fleetloop.pipelines import new_keys

EMULATOR = "qemu-system-arm"
HOST_BOARD = (
    ('"build.sh", "image"', '"build.sh", "host-board"'),
    ('needs = ["arm-none-eabi-gcc"]', 'needs = ["gcc"]'),
    (f'needs = ["{EMULATOR}"]', 'needs = ["gcc"]'),
    ("env = { COLDCELL_", 'env = { COLDCELL_BOARD = "host", COLDCELL_'),
)
"""What stands otherwise in the product's `fleetloop.toml` where there is no emulator: its board is a process here."""


class NoProductError(InputError):
    """The sample product is not here."""

    code = "no-product"


@dataclass(frozen=True)
class Variant:
    """Which story the history tells. ``fault_on``: the revision that gets the fast sensor; empty: the usual one."""

    without_fault: bool = False
    fault_on: str = ""


@dataclass(frozen=True)
class Built:
    """A release on disk. ``commit`` is the last one of its tag, ``committed_at`` in the story's time."""

    version: str
    bundle: Path
    commit: str
    committed_at: float
    seconds: float


@dataclass
class Factory:
    """``product``: the sample product's folder; ``work``: a folder of our own; ``say``: progress, a line at a time."""

    product: Path
    work: Path
    variant: Variant
    say: Callable[[str], None]
    host_board: bool = False
    keys: Path = field(init=False)

    def __post_init__(self) -> None:
        """Make the keys, and learn the tags."""
        if not (self.product / "history" / "replay.py").is_file():
            raise NoProductError(
                f"{self.product} is not the sample product; run the demo in a checkout, or say --product DIR"
            )
        self.keys = self.work / "keys"
        new_keys(self.keys)
        self._replay = _module(self.product / "history" / "replay.py")
        self.tags = list(dict.fromkeys(line.split()[0] for line in self._series()))
        marked = [line.split() for line in self._series() if len(line.split()) == 3]
        self.fixes = set[str]() if self.variant.without_fault else {tag for tag, _, mark in marked if mark == "fix"}
        """Tags that mend what another broke: written once it was seen."""

    @property
    def faulty_revision(self) -> str:
        """The hardware revision with the fast sensor; the planted fault fires there first. Empty: no fault."""
        if self.variant.without_fault:
            return ""
        document = tomllib.loads((self.work / "repository" / "fleetloop.toml").read_text())
        periods = {name: table["period-s"] for name, table in document["revision"].items()}
        return min(periods, key=lambda name: periods[name])

    def _series(self) -> list[str]:
        lines = (self.product / "history" / "series").read_text().splitlines()
        return [line for line in lines if line.strip() and not line.startswith("#")]

    async def build(self, tag: str, at: float, previous: Built | None = None) -> Built:
        """Commit up to ``tag``, dated ``at``, and run the pipeline. Raises `InfrastructureError`, `FailedError`."""
        repo, out = self.work / "repository", self.work / "bundles" / tag
        tags = await asyncio.to_thread(self._commit, repo, tag, at)
        for private in ("image.pem", "bundle.pem"):
            shutil.copyfile(self.keys / private, repo / "keys" / private)
        words = [sys.executable, "-m", "fleetloop", "run", "--out", str(out), "--at", str(at)]
        words += ["--previous", str(previous.bundle)] if previous else []
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await self._run(words, repo, tag)
        commit = next(t for t in tags if t.name == tag).commits[-1]
        return Built(tag, out, commit.id, float(commit.date), loop.time() - begun)

    def _commit(self, repo: Path, tag: str, at: float) -> list[Any]:
        add = {f"keys/{name}": (self.keys / name).read_bytes() for name in ("image.pub", "bundle.pub")}
        if self.host_board:
            add["fleetloop.toml"] = self._host_board()
        return self._replay.replay(
            repo,
            tag,
            without_fault=self.variant.without_fault,
            fault_on=self.variant.fault_on or None,
            dates={tag: int(at)},
            add=add,
        )

    def _host_board(self) -> bytes:
        text = (self.product / "fleetloop.toml").read_text()
        for usual, instead in HOST_BOARD:
            text = text.replace(usual, instead)
        path = self.work / "fleetloop.toml"
        path.write_text(text)
        if self.variant.fault_on:
            self._replay.swap(path, self.variant.fault_on)
        return path.read_bytes()

    async def _run(self, words: list[str], repo: Path, tag: str) -> None:
        """The pipeline's own lines are shown as they come; it ends with us."""
        process = await asyncio.create_subprocess_exec(
            *words, cwd=repo, stdout=PIPE, stderr=PIPE, start_new_session=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        said: list[str] = []
        try:
            if process.stderr:
                async for raw in process.stderr:
                    said.append(raw.decode(errors="replace").rstrip())
                    self.say(f"{tag}: {said[-1].strip()}")
            await process.wait()
        finally:
            await ended(process)
        if process.returncode:
            raise _failure(tag, said)


def _failure(tag: str, said: list[str]) -> FailedError | InfrastructureError:
    text = f"the pipeline of {tag} did not end well:\n" + "\n".join(said[-12:])
    infrastructure = any(line.strip().startswith("infrastructure") for line in said)
    return InfrastructureError(text) if infrastructure else FailedError(text)


def _module(path: Path) -> ModuleType:
    """The product's own script, which is no package of ours."""
    spec = importlib.util.spec_from_file_location("coldcell_history", path)
    if spec is None or spec.loader is None:
        raise NoProductError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
