"""`fleetloop trust`, `release` and `publish`."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from fleetloop.core.command import Command, Output
from fleetloop.core.errors import InputError

RUNS = ".fleetloop"


def _trust_add(args: argparse.Namespace, out: Output) -> None:
    try:
        pem = Path(args.key).read_text()
    except (OSError, UnicodeDecodeError) as e:
        raise InputError(f"{args.key} cannot be read: {e}") from e
    found = out.client().post("/trust", {"product": args.product, "pem": pem})
    out.show({"product": found["product"], "key": found["key_id"]})


def _trust_list(args: argparse.Namespace, out: Output) -> None:
    out.show(out.client().get("/trust", product=args.product), ("key_id", "added_by"), "no key may sign for it")


def _list(args: argparse.Namespace, out: Output) -> None:
    found = out.client().get("/releases", product=args.product)
    out.show([_row(r) for r in found] if not out.json else found, ("product", "version", "commit", "subject"))


def _row(release: dict[str, Any]) -> dict[str, Any]:
    manifest = release["manifest"]
    return {
        "product": release["product"],
        "version": release["version"],
        "commit": manifest["commit"][:10],
        "subject": manifest["subject"],
    }


def _show(args: argparse.Namespace, out: Output) -> None:
    found = out.client().get(f"/releases/{args.product}/{args.version}")
    if out.json:
        out.show(found)
        return
    out.show(_row(found["release"]))
    out.show(found["shipped"], ("revision", "kind", "name", "size", "sha256"))
    out.show(
        found["release"]["manifest"]["tests"], ("step", "revision", "strength", "on", "passed", "failed", "errors")
    )


def newest(runs: Path) -> Path:
    """The bundle that `fleetloop run` wrote last into ``runs``. Raises `InputError` if it wrote none."""
    from fleetloop.releases.bundle import MANIFEST

    found = [path.parent for path in runs.glob(f"[!.]*/{MANIFEST}")]
    if not found:
        raise InputError(f"there is no bundle in {runs}; make one with `fleetloop run`, or name a bundle's folder")
    return max(found, key=lambda folder: folder.stat().st_ctime_ns)  # times inside come from the cache


def _publish(args: argparse.Namespace, out: Output) -> int:
    from fleetloop.releases.bundle import pack, read

    bundle = read(Path(args.bundle) if args.bundle else newest(Path(RUNS)))
    client = out.client()
    with tempfile.TemporaryFile() as spool, out.progress() as bar:
        pack(bundle, spool)
        bar.add_task(f"uploading {spool.tell():,} bytes", total=None)
        spool.seek(0)
        headers = {"Content-Type": "application/x-tar"}
        found = client.call("POST", "/releases", content=iter(lambda: spool.read(1 << 20), b""), headers=headers)
    out.note(f"{found['product']} {found['version']} is published")
    if args.no_rollout:
        out.show(_row(found) if not out.json else found)
        return 0
    wanted: dict[str, Any] = {"product": found["product"], "version": found["version"], "plan": args.plan or {}}
    started = client.post("/rollouts", wanted)
    out.note(started["sight"])
    out.show(started if out.json else {k: started[k] for k in ("id", "product", "version", "blocked")})
    return 0


def _plan(text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(Path(text).read_text())
    except (OSError, tomllib.TOMLDecodeError) as e:
        raise argparse.ArgumentTypeError(f"{text}: {e}") from e


def _publish_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bundle", nargs="?", metavar="BUNDLE", help="the folder that `fleetloop run` wrote (the newest in .fleetloop)"
    )
    parser.add_argument("--no-rollout", action="store_true", help="only publish; start the rollout later")
    parser.add_argument("--plan", type=_plan, metavar="FILE", help="a TOML file with the plan's keys")


def _product(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product")


COMMANDS = (
    Command(
        "trust",
        "add",
        "Let a key sign releases of a product.",
        _trust_add,
        lambda p: (_product(p), p.add_argument("key", metavar="KEY.pub"), None)[-1],
        ("fleetloop trust add coldcell keys/bundle.pub",),
    ),
    Command("trust", "list", "Which keys may sign.", _trust_list, _product),
    Command("release", "list", "All releases, newest first.", _list, lambda p: p.add_argument("--product") and None),
    Command(
        "release",
        "show",
        "One release with its artifacts and tests.",
        _show,
        lambda p: (_product(p), p.add_argument("version"), None)[-1],
    ),
    Command(
        "",
        "publish",
        "Upload a bundle and start its rollout.",
        _publish,
        _publish_arguments,
        (
            "fleetloop publish",
            "fleetloop publish .fleetloop/coldcell-1.1.0",
            "fleetloop publish --no-rollout",
            "fleetloop publish --plan plan.toml",
        ),
    ),
)
