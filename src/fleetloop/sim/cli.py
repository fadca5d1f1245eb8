"""``fleetloop sim``: simulated devices on this machine."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetloop.core.command import Command, Output
from fleetloop.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fleetloop.sim.model import Population
    from fleetloop.sim.world import World


def sim(args: argparse.Namespace, out: Output) -> None:
    """Run devices of a file, or new ones."""
    from fleetloop.sim.serve import conducted, free

    records: Path | None = args.records
    if args.conducted:
        if not args.devices:
            raise UsageError("--conducted needs --devices FILE: the conductor knows its devices")
        population = _loaded(args)
        if not population.start:
            raise UsageError(f"--conducted needs start in {args.devices}: when the devices are first switched on")
        _run(conducted(_world(args, out, population), records))
        return
    world = _world(args, out, _live(_loaded(args) if args.devices else _made(args, out)))
    out.note(f"{len(world.devices)} simulated devices; they run the release's code with your rights; Ctrl-C ends them")
    _run(free(world, records))


def _world(args: argparse.Namespace, out: Output, population: "Population") -> "World":
    from fleetloop.sim.library import Crumb
    from fleetloop.sim.line import Line
    from fleetloop.sim.world import World

    folder: Path = args.devices.parent if args.devices else Path()
    crumb = Crumb(args.crumb) if args.crumb else None
    return World(population, Line(out.client().server, args.connections), folder, crumb)


def _loaded(args: argparse.Namespace) -> "Population":
    from fleetloop.sim.population import load

    return load(args.devices)


def _live(population: "Population") -> "Population":
    """By the real clock: switched on now, and every second is good for a contact."""
    from dataclasses import replace

    from fleetloop.core.clock import real_now

    return replace(population, start=float(int(real_now())), grid_s=1)


def _made(args: argparse.Namespace, out: Output) -> "Population":
    from fleetloop.sim.enrol import enrol

    if not args.count or not args.product or not args.factory:
        raise UsageError("say --devices FILE, or --count N --product NAME --factory REVISION=LIBRARY")
    return enrol(out.client(), args.product, args.count, dict(args.factory), args.poll_s)


def _run(work: "Coroutine[Any, Any, None]") -> None:
    """On uvloop where it is installed: the same, in less time."""
    import asyncio
    from importlib.util import find_spec

    if find_spec("uvloop"):
        import uvloop

        uvloop.run(work)
    else:
        asyncio.run(work)


def _pair(text: str) -> tuple[str, str]:
    revision, sign, path = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r}: expected REVISION=LIBRARY")
    return revision, path


def _arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--devices", type=Path, metavar="FILE", help="JSON file of devices, tokens and faults")
    add("--count", type=int, metavar="N", help="without a file: add N new devices to the server")
    add("--product", metavar="NAME", help="product of the new devices")
    factory = "host library that devices of a revision leave the factory with; once a revision"
    add("--factory", type=_pair, action="append", metavar="REVISION=LIBRARY", help=factory)
    add("--poll-s", type=int, default=0, metavar="S", help="time between contacts of new devices (else the server's)")
    add("--connections", type=int, default=32, metavar="N", help="connections that all devices share (default 32)")
    add("--records", type=Path, metavar="FILE", help="write each device's own record at the end, as JSON lines")
    add("--conducted", action="store_true", help="a conductor moves time, on stdin and stdout")
    add("--crumb", type=Path, metavar="FILE", help="small file that names whose code runs, should the process die")


COMMANDS = (
    Command(
        "",
        "sim",
        "Run simulated devices against a server; they download and run its releases.",
        sim,
        arguments=_arguments,
        examples=(
            "fleetloop sim --count 50 --product coldcell --factory a=build/a/cell.so",
            "fleetloop sim --devices devices.json --server http://127.0.0.1:8480",
        ),
    ),
)
