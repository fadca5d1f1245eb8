"""``fleetloop device``."""

import argparse

from fleetloop.core.command import Command, Output

COLUMNS = ("id", "product", "revision", "version", "last_contact", "weak")


def add(args: argparse.Namespace, out: Output) -> int | None:
    """Add one device; print its token once."""
    body = {"id": args.id, "product": args.product, "revision": args.revision, "takes": args.takes, "group": args.group}
    out.show(out.client().post("/devices", body))
    out.note("the token is not shown again")


def find(args: argparse.Namespace, out: Output) -> int | None:
    """Show the devices in the field."""
    wanted = {"product": args.product, "revision": args.revision, "version": args.version}
    out.show(out.client().get("/devices", limit=1000, **wanted), COLUMNS)


def show(args: argparse.Namespace, out: Output) -> int | None:
    """Show one device."""
    out.show(out.client().get(f"/devices/{_quoted(args.id)}"))


def change(args: argparse.Namespace, out: Output) -> int | None:
    """Correct what a device is."""
    given = {name: getattr(args, name) for name in ("product", "revision", "group", "takes")}
    body = {name: value for name, value in given.items() if value is not None}
    out.show(out.client().call("PATCH", f"/devices/{_quoted(args.id)}", body))


def retire(args: argparse.Namespace, out: Output) -> int | None:
    """Take a device out of the fleet."""
    out.client().call("DELETE", f"/devices/{_quoted(args.id)}")


def _quoted(device: str) -> str:
    from urllib.parse import quote

    return quote(device, safe="")


def _add(p: argparse.ArgumentParser) -> None:
    p.add_argument("id")
    p.add_argument("--product", required=True)
    p.add_argument("--revision", required=True)
    p.add_argument("--takes", default="image", help="the kind of artifact it is offered; default image")
    p.add_argument("--group", default="")


def _find(p: argparse.ArgumentParser) -> None:
    for name in ("product", "revision", "version"):
        p.add_argument(f"--{name}", help=f"only of this {name}")


def _id(p: argparse.ArgumentParser) -> None:
    p.add_argument("id")


def _change(p: argparse.ArgumentParser) -> None:
    p.add_argument("id")
    for name in ("product", "revision", "group", "takes"):
        p.add_argument(f"--{name}")


COMMANDS = (
    Command(
        "device", "add", "Add a device.", add, _add, ("fleetloop device add cell-0001 --product coldcell --revision b",)
    ),
    Command("device", "list", "List devices in the field.", find, _find, ("fleetloop device list --version 1.0.0",)),
    Command("device", "show", "Show one device.", show, _id),
    Command("device", "change", "Correct what a device is.", change, _change),
    Command("device", "retire", "Take a device out of the fleet.", retire, _id),
)
