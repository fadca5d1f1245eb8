"""``fleetloop run`` and ``fleetloop key new``: both act on this machine and need no server."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fleetloop.core.command import Command, Output
from fleetloop.core.errors import UsageError

if TYPE_CHECKING:
    from fleetloop.pipelines.model import Event
    from fleetloop.pipelines.runner import Options, Report

QUIET_S = 5.0
"""A step that runs longer shows a line of its output this often."""


def run(args: argparse.Namespace, out: Output) -> int:
    """0 if all ended well, else 1; the document's ``result`` says of which kind it was."""
    import asyncio

    from fleetloop.pipelines.project import load
    from fleetloop.pipelines.runner import Options, all_steps

    project = load(Path.cwd(), all_steps(), _instant(args.at))
    options = Options(
        out=Path(args.out).absolute() if args.out else None,
        only=args.only,
        revision=args.revision,
        cache=not args.no_cache,
        previous=Path(args.previous).absolute() if args.previous else None,
    )
    out.note(f"{project.product.name} {project.version}, commit {project.commit.id[:12]}")
    report = asyncio.run(_until_told(project, options, _Progress(out)))
    _show(report, out)
    return 0 if report.result.value == "ok" else 1


async def _until_told(project: object, options: "Options", say: "_Progress") -> "Report":
    """SIGTERM ends the run as Ctrl-C does: everything it started is ended first."""
    import asyncio
    import signal
    from typing import cast

    from fleetloop.pipelines.model import Project
    from fleetloop.pipelines.runner import run as go

    running = asyncio.ensure_future(go(cast("Project", project), options, say))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        return await running
    except asyncio.CancelledError as e:
        raise KeyboardInterrupt from e
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


class _Progress:
    """Lines on stderr: each start and end, and now and then what a long step says."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._last: dict[str, float] = {}

    def __call__(self, event: "Event") -> None:
        now, key = time.monotonic(), event.task.id
        if event.kind == "started":
            self._last[key] = now
        elif event.kind == "line" and now - self._last.get(key, now) > QUIET_S:
            self._last[key] = now
            self._out.note(f"   … {key}: {event.text}")
        elif event.kind == "retried":
            self._out.note(f"   … {key}: {event.text}; once more")
        elif event.kind == "finished" and event.outcome:
            self._finished(event)

    def _finished(self, event: "Event") -> None:
        outcome = event.outcome
        if outcome is None:
            return
        took = "cached" if outcome.hit else f"{outcome.seconds:.1f} s"
        self._out.note(f"{outcome.result.value:>14}  {event.task.id:<24} {took:>7}  {outcome.sentence}")
        if outcome.result.value in {"failed", "error", "infrastructure"}:
            for line in outcome.details[-20:]:
                self._out.note(f"                | {line}")


def _show(report: "Report", out: Output) -> None:
    document = report.document()
    if out.json:
        out.show(document)
        return
    out.show({k: document[k] for k in ("product", "version", "commit", "result", "sentence", "bundle", "seconds")})
    if report.bundle:
        out.note(f"next: fleetloop publish {report.bundle}")


def _instant(text: str) -> float | None:
    from datetime import UTC, datetime

    if not text:
        return None
    try:
        if text.replace(".", "", 1).isdecimal():
            return float(text)
        found = datetime.fromisoformat(text)
    except ValueError as e:
        raise UsageError(f"--at is {text!r}; expected seconds since 1970 or a time like 2026-01-31T12:00:00Z") from e
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def new_key(args: argparse.Namespace, out: Output) -> None:
    """Both keys of a product."""
    from fleetloop.pipelines.keys import new_keys

    image, bundle = new_keys(Path(args.folder))
    private = [str(image.private), str(bundle.private)]
    out.show({"image": str(image.public), "bundle": str(bundle.public), "private": private})
    out.note(f"next: git add {image.public} {bundle.public} and commit; keep the two .pem files to yourself.")
    out.note(f"The server learns the bundle's key once: fleetloop trust add PRODUCT {bundle.public}")


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", default="", metavar="STEP", help="one step, with what it needs: build, test.host, sbom:b"
    )
    parser.add_argument("--revision", default="", help="this hardware revision; makes no bundle")
    parser.add_argument("--out", default="", metavar="DIR", help="where the bundle goes (.fleetloop/PRODUCT-VERSION)")
    parser.add_argument("--at", default="", metavar="TIME", help="time in SBOM and provenance (the commit's)")
    parser.add_argument("--no-cache", action="store_true", help="run every step")
    parser.add_argument("--previous", default="", metavar="BUNDLE", help="the previous release, to update from")


def _key_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default="keys", metavar="DIR", help="where to (keys)")


COMMANDS = (
    Command(
        "",
        "run",
        "Build, test and sign the firmware repository in this folder: a commit becomes a bundle.",
        run,
        _run_arguments,
        (
            "fleetloop run",
            "fleetloop run --only test.host",
            "fleetloop run --previous ../cell-1.0.0 --out ../cell-1.1.0",
        ),
    ),
    Command(
        "key",
        "new",
        "Make the two keys of a product: image key (Ed25519) and bundle key (ECDSA P-256).",
        new_key,
        _key_arguments,
        ("fleetloop key new",),
    ),
)
