"""The demo's real board: the product's own gateway, with an emulated board on its serial line."""

import json
import os
import shutil
import sys
from pathlib import Path

from fleetloop import releases
from fleetloop.app.participant import Program
from fleetloop.app.stage import ServerProcess


def board_config(work: Path, server: ServerProcess, factory: Path, board: tuple[str, str, str, str], seed: int) -> Path:
    """The gateway's configuration for one board (id, hardware revision, token, machine) as it leaves the factory."""
    device, revision, token, machine = board
    bundle = releases.read(factory)
    paths = {(a.kind, a.component): bundle.path(a.path) for a in bundle.manifest.artifacts if a.revision == revision}
    boot_loader = work / "boot.elf"
    shutil.copyfile(next(p for (_, component), p in paths.items() if component.startswith("boot")), boot_loader)
    boot_loader.chmod(0o755)  # a board that is a process starts it
    unit = {
        "device": device,
        "machine": machine,
        "target-token": token,
        "boot-loader": str(boot_loader),
        "flash": str(work / "flash.bin"),
        "factory": {
            "image": str(paths[releases.Kind.IMAGE, "application"]), "revision": revision, "serial": device,
            "scale": "stepped",
        },
    }  # fmt: skip
    config = {
        "server": server.url, "records": str(work / "board.jsonl"), "start": server.start_at, "seed": seed,
        "poll-s": server.poll_s, "boards": [unit],
    }  # fmt: skip
    path = work / "gateway.json"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(config, file, indent=1)
    return path


def gateway(config: Path, product: Path, log: Path) -> Program:
    """The gateway as a participant in a process of its own; it imports nothing of ours."""
    words = ["--config", str(config), "--conducted"]
    code = f"import sys, runpy; sys.path.insert(0, {str(product)!r}); sys.argv[1:] = {words!r}; "
    return Program(
        "the gateway", [sys.executable, "-c", code + "runpy.run_module('gateway', run_name='__main__')"], log
    )
