"""Short ways to write records in tests."""

from collections.abc import Iterable

from fleetloop.health import (
    Draw,
    Enrol,
    Event,
    Experiment,
    Install,
    InstallState,
    Line,
    Plan,
    Poll,
    Silences,
    Wave,
    encode,
)

HOUR = 3600.0
RECORDED = Plan(silences=Silences.RECORDED)
STARTED, BOOTED, FAILED = InstallState.STARTED, InstallState.BOOTED, InstallState.FAILED


def fold(lines: Iterable[Line], plan: Plan = RECORDED) -> Experiment:
    experiment = Experiment(plan)
    for line in lines:
        experiment.feed(line)
    return experiment


def raw(plan: Plan, lines: Iterable[Line]) -> list[bytes]:
    return [encode(line).encode() + b"\n" for line in (plan, *lines)]


def crash(at: float, device: str) -> Event:
    return Event(at, device, "crash", f"{device}-{at}")


def polls(at: float, devices: Iterable[str]) -> list[Line]:
    return [Poll(at, device) for device in devices]


def opened(revisions: dict[str, int], drawn: dict[str, int], at: float = 0.0) -> list[Line]:
    """A wave opens, and everyone is at risk two hours later. Devices are ``rev-0``, ``rev-1`` …; the first are drawn."""
    names = {revision: [f"{revision}-{i}" for i in range(count)] for revision, count in revisions.items()}
    everyone = [name for many in names.values() for name in many]
    return [
        *(Enrol(at, name, revision) for revision, many in names.items() for name in many),
        Wave(at, 1),
        *(Draw(at, name, 1) for revision, many in names.items() for name in many[: drawn.get(revision, 0)]),
        *polls(at, everyone),
        *polls(at + 2 * HOUR, everyone),
    ]


def installed(at: float, device: str) -> list[Line]:
    return [Install(at, device, STARTED), Install(at, device, BOOTED)]
