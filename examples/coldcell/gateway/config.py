"""The gateway's configuration: JSON. Paths count from the file's folder; the file holds a token, so keep it private.

    {"server": "http://127.0.0.1:8080", "gateway-token": "...", "records": "records.jsonl",
     "boards": [{"device": "cell-0001", "machine": "qemu", "boot-loader": "boot.elf", "flash": "flash.bin",
                 "factory": {"image": "coldcell-0.9.0-b.img", "revision": "b", "scale": "stepped"}}]}

A board has the gateway's token or a ``target-token`` of its own. ``factory`` makes the flash if there is none yet;
``scale`` is "stepped", or how much faster than real time its clock runs. ``start``, ``grid-s`` and ``seed``
say when a conducted gateway speaks; ``poll-s`` is its interval until the server has said how long to wait.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.board import Machine
from gateway.image import PARAMETERS, STEPPED, ImageError, factory


class ConfigError(ValueError):
    """The configuration cannot be used; the text names the key."""


@dataclass(frozen=True)
class Factory:
    """How a board leaves the factory. ``serial``: the device's id if none is given."""

    image: Path
    revision: str
    serial: str
    scale: int = 1


@dataclass(frozen=True)
class Unit:
    """One board. ``health_s``: seconds of its own clock for which a new image is watched before it is confirmed."""

    device: str
    machine: Machine
    boot_loader: Path
    flash: Path
    authorization: str
    factory: Factory | None = None
    health_s: int = 30


@dataclass(frozen=True)
class Config:
    """All of it. Times in seconds."""

    server: str
    boards: tuple[Unit, ...]
    tenant: str = "DEFAULT"
    records: Path | None = None
    start: float = 0.0
    seed: int = 1
    poll_s: int = 3600
    grid_s: int = 300


CONFIG = {"server": str, "boards": list, "tenant": str, "gateway-token": str, "records": str}
CONFIG_NUMBERS = {"start": float, "seed": int, "poll-s": int, "grid-s": int}
UNIT = {"device": str, "machine": str, "boot-loader": str, "flash": str, "target-token": str, "factory": dict}
UNIT_NUMBERS = {"health-s": int}
FACTORY = {"image": str, "revision": str, "serial": str}


def load(path: Path) -> Config:
    """Raises `ConfigError`."""
    try:
        values = json.loads(path.read_text())
    except OSError as cause:
        raise ConfigError(f"{path} cannot be read: {cause.strerror}") from cause
    except ValueError as cause:
        raise ConfigError(f"{path}: expected JSON: {cause}") from cause
    try:
        return _config(values, path.parent)
    except ConfigError as cause:
        raise ConfigError(f"{path}: {cause}") from cause


def _config(values: Any, folder: Path) -> Config:
    _check(values, CONFIG | CONFIG_NUMBERS, ("server", "boards"), "")
    token = values.get("gateway-token")
    found = Config(values["server"], tuple(_unit(v, folder, token) for v in values["boards"]))
    numbers = {key.replace("-", "_"): of(values[key]) for key, of in CONFIG_NUMBERS.items() if key in values}
    records = folder / values["records"] if "records" in values else None
    found = replace(found, tenant=values.get("tenant", found.tenant), records=records, **numbers)
    if not found.boards or found.grid_s < 1 or found.poll_s < 1:
        raise ConfigError("expected at least one board, and poll-s and grid-s of 1 or more")
    return found


def _unit(values: Any, folder: Path, gateway_token: str | None) -> Unit:
    _check(values, UNIT | UNIT_NUMBERS, ("device", "machine", "boot-loader", "flash"), "boards, ")
    machines = [m.value for m in Machine]
    if values["machine"] not in machines:
        raise ConfigError(f"boards, machine: expected one of {', '.join(machines)}, got {values['machine']!r}")
    own = values.get("target-token")
    if not own and not gateway_token:
        raise ConfigError(f"no token for {values['device']}: give gateway-token, or target-token in its board")
    made = _factory(values["factory"], folder, values["device"]) if "factory" in values else None
    return Unit(
        device=values["device"],
        machine=Machine(values["machine"]),
        boot_loader=folder / values["boot-loader"],
        flash=folder / values["flash"],
        authorization=f"TargetToken {own}" if own else f"GatewayToken {gateway_token}",
        factory=made,
        health_s=int(values.get("health-s", Unit.health_s)),
    )


def _factory(values: Any, folder: Path, device: str) -> Factory:
    scale = values.get("scale", 1) if isinstance(values, dict) else 1
    if scale != "stepped" and (not isinstance(scale, int) or not 0 < scale < STEPPED):
        raise ConfigError(f'boards, factory, scale: expected "stepped" or a whole number, got {scale!r}')
    _check(values, FACTORY | {"scale": object}, ("image", "revision"), "boards, factory, ")
    number = STEPPED if scale == "stepped" else scale
    return Factory(folder / values["image"], values["revision"], values.get("serial", device), number)


def _check(values: Any, known: Mapping[str, type], needed: tuple[str, ...], where: str) -> None:
    if not isinstance(values, dict):
        raise ConfigError(f"{where or 'all of it'}: expected an object, got {values!r}")
    for key in needed:
        if key not in values:
            raise ConfigError(f"{where}{key}: missing")
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f"{where}{key}: not known; expected one of {', '.join(known)}")
        wanted = (int, float) if known[key] in (int, float) else known[key]
        if not isinstance(value, wanted) or (isinstance(value, bool) and known[key] is not object):
            raise ConfigError(f"{where}{key}: expected {known[key].__name__}, got {value!r}")


def scale(unit: Unit) -> int:
    """The time scale that the board's own flash has; makes the flash if there is none.

    Raises:
        ConfigError: there is neither flash nor a factory image, or the boot loader is missing.
    """
    if not unit.boot_loader.is_file():
        raise ConfigError(f"{unit.device}: there is no boot loader at {unit.boot_loader}")
    if not unit.flash.exists():
        _make(unit)
    with unit.flash.open("rb") as file:
        file.seek(PARAMETERS + 4)
        return struct.unpack("<I", file.read(4))[0]


def _make(unit: Unit) -> None:
    if unit.factory is None:
        raise ConfigError(f"{unit.device}: there is no flash at {unit.flash}, and no factory to make it from")
    made = unit.factory
    try:
        factory(unit.flash, made.image.read_bytes(), made.revision, made.serial, scale=made.scale)
    except OSError as cause:
        raise ConfigError(f"{unit.device}: cannot make its flash: {cause}") from cause
    except ImageError as cause:
        raise ConfigError(f"{unit.device}: cannot make its flash: {cause}") from cause
