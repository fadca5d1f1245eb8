"""``fleetloop login | logout``, ``auth status``, ``person``, ``token``, ``gateway``, ``audit``."""

import argparse
import os
import sys

from fleetloop.core.command import Command, Output

ROLES = ("viewer", "operator", "approver", "admin")


def login(args: argparse.Namespace, out: Output) -> int | None:
    """Open a session, or keep a token that is given."""
    from fleetloop.core.client import Client, remember

    client = out.client()
    if args.token_stdin:
        token = _line()
    else:
        name = args.name or os.environ.get("USER") or "admin"
        token = client.post("/login", {"name": name, "password": _secret("Password: ")})["token"]
    me = Client.configured(client.server, token).get("/me")
    remember(client.server, token, me["name"])
    out.show({"server": client.server} | me)


def logout(_: argparse.Namespace, out: Output) -> int | None:
    """End the session and forget it."""
    from fleetloop.core.client import settings_file
    from fleetloop.core.errors import LoginError

    try:
        out.client().post("/logout")
    except LoginError:
        out.note("the session was over already")
    settings_file().unlink(missing_ok=True)


def status(_: argparse.Namespace, out: Output) -> int | None:
    """Who we are to which server."""
    client = out.client()
    out.show({"server": client.server} | client.get("/me"))


def person_add(args: argparse.Namespace, out: Output) -> int | None:
    """Add somebody; the password is asked for or read from stdin."""
    password = _secret("Password for them: ", again=True)
    out.show(out.client().post("/people", {"name": args.name, "role": args.role, "password": password}))


def person_list(_: argparse.Namespace, out: Output) -> int | None:
    """Show everyone."""
    out.show(out.client().get("/people"), ("name", "role", "created_at"))


def person_remove(args: argparse.Namespace, out: Output) -> int | None:
    """Remove somebody."""
    out.client().call("DELETE", f"/people/{_quoted(args.name)}")


def person_password(_: argparse.Namespace, out: Output) -> int | None:
    """Change one's own password."""
    old = _secret("Old password: ")
    out.client().call("PUT", "/me/password", {"old": old, "new": _secret("New password: ", again=True)})
    out.note("changed; all sessions are over: `fleetloop login`")


def token_add(args: argparse.Namespace, out: Output) -> int | None:
    """Make a token; print its secret once."""
    out.show(out.client().post("/tokens", {"name": args.name, "role": args.role, "days": args.days}))
    out.note("the token is not shown again; give it by FLEETLOOP_TOKEN")


def token_list(_: argparse.Namespace, out: Output) -> int | None:
    """Show tokens without their secrets."""
    out.show(out.client().get("/tokens"), ("id", "person", "name", "role", "created_at", "expires_at"))


def token_revoke(args: argparse.Namespace, out: Output) -> int | None:
    """Refuse a token from now on."""
    out.client().call("DELETE", f"/tokens/{_quoted(args.id)}")


def gateway_add(args: argparse.Namespace, out: Output) -> int | None:
    """Add a gateway; print its token once."""
    body = {"name": args.name, "product": args.product, "revision": args.revision}
    out.show(out.client().post("/gateways", body))
    out.note("the token is not shown again")


def gateway_list(_: argparse.Namespace, out: Output) -> int | None:
    """Show the gateways."""
    out.show(out.client().get("/gateways"), ("name", "product", "revision"))


def gateway_remove(args: argparse.Namespace, out: Output) -> int | None:
    """Refuse a gateway from now on."""
    out.client().call("DELETE", f"/gateways/{_quoted(args.name)}")


def audit_list(args: argparse.Namespace, out: Output) -> int | None:
    """Show who did what, newest first."""
    found = out.client().call("GET", "/audit", params={"limit": args.limit})
    out.show(found["items"], ("number", "at", "person", "act", "subject", "detail", "sealed"))


def audit_verify(args: argparse.Namespace, out: Output) -> int | None:
    """Check the chain; exit code 1 if a line was changed."""
    chain = out.client().get("/audit/chain", noted=args.head)
    out.show(chain)
    return 0 if chain["intact"] else 1


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _secret(prompt: str, *, again: bool = False) -> str:
    """From the terminal without an echo, else a line of stdin."""
    from getpass import getpass

    from fleetloop.core.errors import UsageError

    if not sys.stdin.isatty():
        return _line()
    secret = getpass(prompt)
    if again and getpass("Once more: ") != secret:
        raise UsageError("the two are not the same")
    return secret


def _login(p: argparse.ArgumentParser) -> None:
    p.add_argument("--name", help="your account; default: the user of this machine")
    p.add_argument("--password-stdin", action="store_true", help="the password is a line on stdin")
    p.add_argument("--token-stdin", action="store_true", help="keep the API token that is a line on stdin")


def _person(p: argparse.ArgumentParser) -> None:
    p.add_argument("name")
    p.add_argument("--role", choices=ROLES, required=True)
    p.add_argument("--password-stdin", action="store_true", help="the password is a line on stdin")


def _name(p: argparse.ArgumentParser) -> None:
    p.add_argument("name")


def _token(p: argparse.ArgumentParser) -> None:
    p.add_argument("name", help="what it is for")
    p.add_argument("--role", choices=ROLES, help="at most your own, which is the default")
    p.add_argument("--days", type=float, help="until it is over; default: never")


def _token_id(p: argparse.ArgumentParser) -> None:
    p.add_argument("id", help="as `fleetloop token list` shows it")


def _gateway(p: argparse.ArgumentParser) -> None:
    p.add_argument("name")
    p.add_argument("--product", default="", help="of the devices it brings by itself")
    p.add_argument("--revision", default="", help="of the devices it brings by itself")


def _limit(p: argparse.ArgumentParser) -> None:
    p.add_argument("--limit", type=int, default=100, help="most lines; default 100")


def _head(p: argparse.ArgumentParser) -> None:
    p.add_argument("--head", default="", help="a head that was noted before; it must still be in the chain")


COMMANDS = (
    Command("", "login", "Log in to a server.", login, _login, ("fleetloop login --name admin",)),
    Command("", "logout", "End the session.", logout),
    Command("auth", "status", "Show who you are to which server.", status),
    Command("person", "add", "Add a person.", person_add, _person, ("fleetloop person add oncall --role operator",)),
    Command("person", "list", "List people.", person_list),
    Command("person", "remove", "Remove a person.", person_remove, _name),
    Command("person", "password", "Change your own password.", person_password),
    Command("token", "add", "Make an API token.", token_add, _token, ("fleetloop token add ci --role operator",)),
    Command("token", "list", "List API tokens.", token_list),
    Command("token", "revoke", "Revoke an API token.", token_revoke, _token_id),
    Command("gateway", "add", "Add a gateway.", gateway_add, _gateway, ("fleetloop gateway add dock-1",)),
    Command("gateway", "list", "List gateways.", gateway_list),
    Command("gateway", "remove", "Remove a gateway.", gateway_remove, _name),
    Command("audit", "list", "Show who did what.", audit_list, _limit),
    Command("audit", "verify", "Check that the audit log is as it was written.", audit_verify, _head),
)
