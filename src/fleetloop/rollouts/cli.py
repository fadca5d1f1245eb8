"""`fleetloop rollout`."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from fleetloop.core.command import Command, Output
from fleetloop.core.errors import InputError, TimedOutError, UsageError

STATES = ("confirmed", "booted", "installed", "waiting", "failed")
FAILED = 5
LOOK_S = 2.0


def _list(args: argparse.Namespace, out: Output) -> None:
    found = out.client().get("/rollouts", product=args.product)
    out.show(found, ("id", "product", "version", "kind", "phase", "blocked"), "no rollout yet")


def _show(args: argparse.Namespace, out: Output) -> None:
    found = out.client().get(f"/rollouts/{args.id}")
    if out.json:
        out.show(found)
        return
    out.show({k: found[k] for k in ("id", "product", "version", "kind", "phase", "started_by", "blocked", "sight")})
    _rollback(found, out)
    if found["phase"] == "stopped" and found["waves"]:
        out.note("State of the waves when the rollout was stopped:")
    if found["kind"] != "rollback" or found["waves"]:
        out.show([_wave(w) for w in found["waves"]], ("wave", "drawn", *STATES, "hurt"), "no wave yet")
    if found["kind"] == "rollback":
        return  # it has no verdict
    e = found["evidence"]
    out.show({"evidence": round(e["e_value"], 2), "of them new": f"{e['new_events']} of {e['comparable_events']}"})


def _rollback(found: dict[str, Any], out: Output) -> None:
    if back := found["rollback"]:
        out.show({"rollback": back["id"], "it says": back["blocked"]})


def _wave(wave: dict[str, Any]) -> dict[str, Any]:
    told = wave.get("states_at_stop", wave["states"])  # as on the page: a stop freezes
    states = {s: told.get(s, 0) for s in STATES}
    return {"wave": wave["number"], "drawn": wave["drawn"], **states, "hurt": wave["hurt"]}


def _start(args: argparse.Namespace, out: Output) -> int:
    wanted = {"product": args.product, "version": args.version, "plan": _plan(args.plan)}
    if args.dry_run:
        found = out.client().post("/rollouts/preview", wanted)
        out.show(found if out.json else {k: found[k] for k in ("product", "version", "devices", "from", "sight")})
        if not out.json:
            out.show(found["waves"])
        return 0
    found = out.client().post("/rollouts", wanted)
    out.note(found["sight"])
    if args.wait:
        args.id = found["id"]
        return _watch(args, out)
    out.show(found if out.json else {k: found[k] for k in ("id", "product", "version", "blocked")})
    return 0


def _plan(file: str | None) -> dict[str, Any]:
    from fleetloop.core.config import read

    return read(Path(file)).values if file else {}


def _watch(args: argparse.Namespace, out: Output) -> int:
    client, end, said = out.client(), time.monotonic() + args.timeout, ""
    while time.monotonic() < end:
        found = client.get(f"/rollouts/{args.id}")
        if found["blocked"] != said:
            said = found["blocked"]
            out.note(f"{found['phase']}: {said}")
        if found["ended_at"] is not None:
            out.show(found if out.json else {"id": found["id"], "phase": found["phase"], "why": found["blocked"]})
            return FAILED if found["phase"] in ("stopped", "cancelled") else 0
        time.sleep(LOOK_S)
    raise TimedOutError(
        f"rollout {args.id} goes on after {args.timeout} s; come back with: fleetloop rollout watch {args.id}"
    )


def _stop(args: argparse.Namespace, out: Output) -> None:
    body = {"reason": args.reason, "rollback": not args.no_rollback}
    found = out.client().post(f"/rollouts/{args.id}/stop", body)
    if found["stopped_before"]:
        out.note(f"rollout {args.id} was stopped already; it stays as it is")
    out.show(found if out.json else {"id": found["id"], "phase": found["phase"], "why": found["blocked"]})
    if not out.json:
        _rollback(found, out)


def _decide(args: argparse.Namespace, out: Output) -> None:
    found = out.client().post(f"/rollouts/{args.id}/decide", {"go": args.word == "go", "reason": args.reason})
    out.show(found if out.json else {"id": found["id"], "blocked": found["blocked"]})


def _pause(args: argparse.Namespace, out: Output) -> None:
    found = out.client().post(f"/rollouts/{args.id}/pause", {"resume": args.resume})
    out.show(found if out.json else {"id": found["id"], "paused by": found["paused_by"] or "nobody"})


def _record(args: argparse.Namespace, out: Output) -> None:
    sys.stdout.write(out.client().text(f"/rollouts/{args.id}/record"))


def _verdict(args: argparse.Namespace, _: Output) -> None:
    """On this machine: a pure function of the record."""
    from fleetloop import health

    if not args.log:
        raise UsageError("expected --log FILE, or --log - for standard input")
    if args.log == "-":
        found = health.verdict_of_log(sys.stdin.buffer)
    else:
        try:
            with Path(args.log).open("rb") as file:
                found = health.verdict_of_log(file)
        except OSError as e:
            raise InputError(f"{args.log} cannot be read: {e.strerror}") from e
    print(json.dumps(found))  # the same document with and without --json


def _id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int)


def _stop_arguments(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    parser.add_argument("--reason", default="")
    parser.add_argument("--no-rollback", action="store_true", help="leave the devices that run it where they are")


def _decide_arguments(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    parser.add_argument("word", choices=("go", "no"))
    parser.add_argument("--reason", default="")


def _pause_arguments(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    parser.add_argument("--resume", action="store_true", help="end the pause")


def _start_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product")
    parser.add_argument("version")
    parser.add_argument("--plan", metavar="FILE", help="a TOML file with keys of the plan")
    parser.add_argument("--dry-run", action="store_true", help="show who would get it in which wave; start nothing")
    parser.add_argument("--wait", action="store_true", help="watch it to its end; exit 5 if it is stopped")
    parser.add_argument("--timeout", type=float, default=7 * 86400.0, metavar="SECONDS")


def _watch_arguments(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    parser.add_argument("--timeout", type=float, default=7 * 86400.0, metavar="SECONDS")


COMMANDS = (
    Command("rollout", "list", "All rollouts, newest first.", _list, lambda p: p.add_argument("--product") and None),
    Command("rollout", "show", "One rollout by wave, and its evidence.", _show, _id, ("fleetloop rollout show 12",)),
    Command("rollout", "start", "Start the rollout of a release.", _start, _start_arguments,
            ("fleetloop rollout start coldcell 1.1.0",
             "fleetloop rollout start coldcell 1.1.0 --plan plan.toml --wait")),
    Command("rollout", "watch", "Follow a rollout to its end; exit 5 if it is stopped.", _watch, _watch_arguments),
    Command("rollout", "stop", "Stop a rollout now; never asks.", _stop, _stop_arguments,
            ("fleetloop rollout stop 12",)),
    Command("rollout", "decide", "Say what happens where a person is due.", _decide, _decide_arguments,
            ("fleetloop rollout decide 12 go --reason 'seen on the bench'",)),
    Command("rollout", "pause", "Hand nothing new for now.", _pause, _pause_arguments),
    Command("rollout", "record", "The verdict's record, one JSON object a line.", _record, _id),
    Command("rollout", "verdict", "Compute the verdict of a record again, on this machine.", _verdict,
            lambda p: p.add_argument("--log", metavar="FILE", help="the record; - for standard input") and None,
            ("fleetloop rollout record 12 | fleetloop rollout verdict --log -",)),
)  # fmt: skip
