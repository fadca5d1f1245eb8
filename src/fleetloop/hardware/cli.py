"""``fleetloop product`` and ``fleetloop revision``."""

import argparse

from fleetloop.core.command import Command, Output


def product_add(args: argparse.Namespace, out: Output) -> int | None:
    """Add a product."""
    out.show(out.client().post("/products", {"name": args.name, "poll_s": args.poll}))


def product_list(_: argparse.Namespace, out: Output) -> int | None:
    """Show the products."""
    out.show(out.client().get("/products"), ("name", "poll_s", "created_at"))


def revision_add(args: argparse.Namespace, out: Output) -> int | None:
    """Add a hardware revision."""
    out.show(out.client().post(f"/products/{args.product}/revisions", {"name": args.name}))


def revision_list(args: argparse.Namespace, out: Output) -> int | None:
    """Show a product's hardware revisions."""
    out.show(out.client().get(f"/products/{args.product}/revisions"), ("name", "state", "created_at"))


def _product(p: argparse.ArgumentParser) -> None:
    p.add_argument("name")
    p.add_argument("--poll", type=int, default=300, metavar="SECONDS", help="how often its devices ask; default 300")


def _revision(p: argparse.ArgumentParser) -> None:
    p.add_argument("product")
    p.add_argument("name")


def _of(p: argparse.ArgumentParser) -> None:
    p.add_argument("product")


REVISION = "fleetloop revision add coldcell b"
COMMANDS = (
    Command("product", "add", "Add a product.", product_add, _product, ("fleetloop product add coldcell --poll 3600",)),
    Command("product", "list", "List products.", product_list),
    Command("revision", "add", "Add a hardware revision.", revision_add, _revision, (REVISION,)),
    Command("revision", "list", "List a product's hardware revisions.", revision_list, _of),
)
