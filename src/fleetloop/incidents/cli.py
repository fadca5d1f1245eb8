"""`fleetloop incident`."""

import argparse

from fleetloop.core.command import Command, Output


def _list(args: argparse.Namespace, out: Output) -> None:
    found = out.client().get("/incidents", product=args.product)
    out.show(found, ("id", "product", "version", "revision", "commit", "sentence"), "no incident")


def _show(args: argparse.Namespace, out: Output) -> None:
    out.show(out.client().get(f"/incidents/{args.id}"))


COMMANDS = (
    Command("incident", "list", "All incidents, newest first.", _list, lambda p: p.add_argument("--product") and None),
    Command("incident", "show", "One incident.", _show, lambda p: p.add_argument("id", type=int) and None),
)
