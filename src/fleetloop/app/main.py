"""The command line: assembled from the rooms' ``cli.py``; errors become one sentence and an exit code."""

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fleetloop.core.command import EXIT_CODES, Command, Output
from fleetloop.core.errors import FleetloopError
from fleetloop.core.problem import edge

ROOMS = (
    "pipelines", "access", "hardware", "fleet", "releases", "rollouts", "incidents", "sim", "app",
)  # fmt: skip
DESCRIPTION = "DevOps for devices: build, prove, roll out in waves, watch, stop and undo by itself."
ALIASES = {"devices": "device", "rollouts": "rollout", "releases": "release", "people": "person", "products": "product"}


def commands() -> list[Command]:
    """Every command of every room."""
    found: list[Command] = []
    for room in ROOMS:
        if importlib.util.find_spec(f"fleetloop.{room}.cli"):
            found += importlib.import_module(f"fleetloop.{room}.cli").COMMANDS
    return found


def run(words: Sequence[str]) -> int:
    """Exit code of ``fleetloop WORDS``."""
    words = [ALIASES.get(words[0], words[0]), *words[1:]] if words else ["--help"]
    if list(words) == ["help", "exit-codes"]:
        print("\n".join(f"{code:>3}  {meaning}" for code, meaning in EXIT_CODES.items()))  # noqa: T201
        return 0
    args = parser().parse_args(words)
    out = Output(json_wanted=args.json, server=args.server)
    try:
        return args.command.run(args, out) or 0
    except FleetloopError as error:
        return _tell(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1


def _tell(error: FleetloopError) -> int:
    print(f"fleetloop: {error} [{error.code}]", file=sys.stderr)  # noqa: T201
    return edge(error)[1]


def parser() -> argparse.ArgumentParser:
    """The whole parser; nothing heavy is imported for it."""
    top = argparse.ArgumentParser(
        "fleetloop", description=DESCRIPTION, epilog="fleetloop help exit-codes: what they mean."
    )
    top.add_argument("--version", action="version", version=f"fleetloop {version('fleetloop')}")
    nouns = top.add_subparsers(metavar="COMMAND", required=True)
    groups: dict[str, Any] = {}
    for command in commands():
        if command.noun and command.noun not in groups:
            noun = nouns.add_parser(command.noun, help=_summary(command.noun))
            groups[command.noun] = noun.add_subparsers(metavar="VERB", required=True)
        _add(groups[command.noun] if command.noun else nouns, command)
    return top


def _add(where: Any, command: Command) -> None:
    examples = "\n".join(f"  {line}" for line in command.examples)
    epilog = f"examples:\n{examples}" if examples else None
    shape = argparse.RawDescriptionHelpFormatter
    made = where.add_parser(
        command.verb, help=command.help, description=command.help, epilog=epilog, formatter_class=shape
    )
    made.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    made.add_argument(
        "--server", default="", metavar="URL", help="the server (else FLEETLOOP_SERVER, else the login's)"
    )
    if command.arguments:
        command.arguments(made)
    made.set_defaults(command=command)


def _summary(noun: str) -> str:
    verbs = sorted(c.verb for c in commands() if c.noun == noun)
    return ", ".join(verbs)
