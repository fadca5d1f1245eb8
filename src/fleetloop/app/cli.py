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
    load(settings, Path(args.source), force=args.yes)
    out.show({"restored": settings.dir, "from": args.source})


def _config(args: argparse.Namespace, out: Output) -> None:
    from fleetloop.app.settings import resolve

    _, origins = resolve(_flags(args))
    rows = [{"key": o.key, "value": o.value, "origin": o.origin} for o in origins]
    out.show(rows, ("key", "value", "origin"))


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
    Command("config", "show", "Every setting, and where it came from.", _config, _up_arguments),
)  # fmt: skip
