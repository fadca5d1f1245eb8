"""`fleetloop up` and what else acts on this machine: backup, restore, config."""

import argparse
from pathlib import Path
from typing import Any

from fleetloop.core.command import Command, Output

FLAGS = ("dir", "database", "host", "port", "tls", "behind_proxy", "poll_s", "stepped", "start_at", "log_level")


def _flags(args: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(args, name, None) for name in FLAGS}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", metavar="DIR", help="where everything is kept (default fleetloop-data)")
    parser.add_argument("--database", metavar="URL", help="postgresql+psycopg://… instead of SQLite in DIR")


def _up_arguments(parser: argparse.ArgumentParser) -> None:
    _arguments(parser)
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port (default 8480)")
    parser.add_argument("--tls", metavar="self|CERT,KEY", help="serve HTTPS; 'self' makes a certificate")
    parser.add_argument("--behind-proxy", action="store_true", default=None, help="a proxy in front ends TLS")
    parser.add_argument("--poll-s", type=int, help="seconds that devices are told to wait between polls (default 300)")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
    parser.add_argument(
        "--stepped", action="store_true", default=None, help="a conductor moves the clock (demo, tests)"
    )
    parser.add_argument("--start-at", type=float, metavar="TIME", help="first instant of a stepped clock in a new DIR")


def _up(args: argparse.Namespace, out: Output) -> int:
    from fleetloop.app.settings import resolve
    from fleetloop.app.up import up

    settings, _ = resolve(_flags(args))
    import uvloop

    return uvloop.run(up(settings, out.note))


def _backup(args: argparse.Namespace, out: Output) -> None:
    from fleetloop.app.backup import save
    from fleetloop.app.settings import resolve

    settings, _ = resolve(_flags(args))
    target = save(settings, Path(args.target))
    out.show({"backup": str(target), "bytes": target.stat().st_size})


def _restore(args: argparse.Namespace, out: Output) -> None:
    from fleetloop.app.backup import load
    from fleetloop.app.settings import resolve

    settings, _ = resolve(_flags(args))
    aside = load(settings, Path(args.source), force=args.yes)
    out.show({"restored": settings.dir, "from": args.source} | ({"put_aside": str(aside)} if aside else {}))


def _config(args: argparse.Namespace, out: Output) -> None:
    from fleetloop.app.settings import resolve

    _, origins = resolve(_flags(args))
    rows = [{"key": o.key, "value": o.value, "origin": o.origin} for o in origins]
    out.show(rows, ("key", "value", "origin"))


def _demo(args: argparse.Namespace, out: Output) -> int:
    import uvloop

    from fleetloop.app.demo import Options, play

    options = Options(
        product=Path(args.product).absolute(),
        work=Path(args.work).absolute(),
        devices=args.devices,
        seed=args.seed,
        without_fault=args.without_fault,
        fault_on=args.fault_on,
        leave=args.exit,
        pace=args.pace,
        port=args.port,
        checker=Path(args.checker).absolute(),
        board=not args.no_board,
    )
    return uvloop.run(play(options, out.note))


def _fleet(text: str) -> dict[str, int]:
    try:
        return {name: int(n) for name, _, n in (part.partition("=") for part in text.split(","))}
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"{text!r}; expected REVISION=COUNT,REVISION=COUNT") from e


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exit", action="store_true", help="end by itself; 0 only if all that it promises happened")
    parser.add_argument("--without-fault", action="store_true", help="the faulty commit reverted: nothing is stopped")
    parser.add_argument(
        "--fault-on", default="", metavar="REVISION", help="give the fast sensor, and so the fault, to it"
    )
    parser.add_argument("--seed", type=int, default=1, help="another draw, other radio silences (default 1)")
    parser.add_argument("--pace", type=float, default=0.0, metavar="SECONDS", help="least real seconds a virtual hour")
    parser.add_argument("--port", type=int, default=0, help="port of the server (default 8480, if it is free)")
    parser.add_argument("--devices", type=_fleet, default={"a": 300, "b": 125, "c": 75}, metavar="REVISION=COUNT,…")
    parser.add_argument("--no-board", action="store_true", help="leave the emulated board out")
    parser.add_argument("--product", default="examples/coldcell", metavar="DIR", help="the sample product")
    parser.add_argument(
        "--checker", default="tools/check_demo.py", metavar="FILE", help="program that computes the report again"
    )
    parser.add_argument("--work", default="build/demo", metavar="DIR", help="everything it makes; wiped at the start")


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    _arguments(parser)
    parser.add_argument("source", metavar="FILE")
    parser.add_argument("--yes", action="store_true", help="put what is there aside and take the backup's place")


COMMANDS = (
    Command("", "up", "Start the server: one process, SQLite and a folder.", _up, _up_arguments,
            ("fleetloop up", "fleetloop up --host 0.0.0.0 --tls self")),
    Command("", "backup", "Write database and artifacts into one file, while the server runs.", _backup,
            lambda p: (_arguments(p), p.add_argument("target", metavar="FILE|DIR"), None)[-1]),
    Command("", "restore", "Put a backup in place; the server must be down.", _restore, _restore_arguments),
    Command("", "demo", "Watch the whole loop on real firmware: a bad release is caught, stopped and undone.", _demo,
            _demo_arguments, ("fleetloop demo", "fleetloop demo --exit --seed 3", "fleetloop demo --without-fault")),
    Command("config", "show", "Every setting, and where it came from.", _config, _up_arguments),
)  # fmt: skip
