"""The pages of `docs/reference`, each from the code that it is about."""

import argparse
import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import api
import machine
from words import Cell, default, line, notes, page, prose, table, value

from fleetloop.core import errors, problem
from fleetloop.core.command import EXIT_CODES, Command


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    modules = list(_modules())
    return {
        "api.md": api.page_of_api(),
        "cli.md": cli(),
        "ddi.md": ddi(),
        "errors.md": error_page(modules),
        "gates.md": gates(),
        "heartbeat.md": heartbeat(),
        "pipeline.md": pipeline(),
        "plan.md": plan(),
        "settings.md": settings(),
        "states.md": machine.states(),
    }


def _modules() -> Iterator[ModuleType]:
    import fleetloop

    for found in pkgutil.walk_packages(fleetloop.__path__, "fleetloop."):
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


# ---- command line ----


def cli() -> str:
    from fleetloop.app.main import commands

    codes = table(("exit code", "means"), EXIT_CODES.items())
    common = table(
        ("option of every command", ""),
        (
            ("`--json`", "one JSON document on stdout instead of a table; everything else goes to stderr"),
            ("`--server URL`", "the server; else `FLEETLOOP_SERVER`, else the one of the last `fleetloop login`"),
            ("`--help`", "what is written here, for one command"),
        ),
    )
    parts = [_command(c) for c in sorted(commands(), key=lambda c: (c.noun, c.verb))]
    about = "`fleetloop NOUN VERB`. Commands without a noun come first. The environment: [settings](settings.md)."
    return page("Command line", about, common, codes, *parts)


def _command(command: Command) -> str:
    parser = argparse.ArgumentParser(add_help=False)
    if command.arguments:
        command.arguments(parser)
    actions: list[argparse.Action] = vars(parser)["_actions"]
    name = " ".join(word for word in ("fleetloop", command.noun, command.verb) if word)
    parts = [f"## {name}", command.help, f"    {' '.join([name, *map(_usage, actions)])}"]
    if rows := [(_spelt(a), line(_help(a))) for a in actions]:
        parts.append(table(("argument", ""), rows))
    if command.examples:
        parts.append("\n".join(["```console", *(f"$ {example}" for example in command.examples), "```"]))
    return "\n\n".join(parts)


def _word(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices else action.dest.upper()


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"[{_word(action)}]" if action.nargs == "?" else _word(action)
    spelt = f"{action.option_strings[-1]} {_word(action)}".strip()
    return spelt if action.required else f"[{spelt}]"


def _spelt(action: argparse.Action) -> str:
    return f"`{' '.join([*action.option_strings[-1:], _word(action)]).strip()}`"


def _help(action: argparse.Action) -> str:
    said = (action.help or "").replace("%(default)s", str(action.default))
    return said or ("needed" if action.required or not action.option_strings else "")


# ---- errors ----


def error_page(modules: list[ModuleType]) -> str:
    found: dict[str, type[errors.FleetloopError]] = {}
    for module in modules:
        for kind in vars(module).values():
            mine = isinstance(kind, type) and issubclass(kind, errors.FleetloopError)
            if mine and kind.__module__ == module.__name__ and "code" in vars(kind):
                found.setdefault(kind.code, kind)
    tree = (errors.__doc__ or "").split("\n\n")
    about = (
        "The command line ends with the sentence and its code in brackets; the API answers with a problem document "
        "(RFC 9457) whose `code` is the same. Codes are stable, sentences may change. *Passing*: the same may work "
        "later."
    )
    rows = [_error(code, kind) for code, kind in sorted(found.items())]
    heads = ("code", "means", "HTTP", "exit", "passing", "family", "raised in")
    shape = '    {"type": "/problems/gone", "title": "gone", "status": 410, "detail": "…", "code": "gone"}'
    return page("Errors", about, shape, table(heads, rows), "## Families", tree[1])


def _error(code: str, kind: type[errors.FleetloopError]) -> tuple[object, ...]:
    status, exit_code = next(row[1:3] for row in problem.EDGE if issubclass(kind, row[0]))
    family = next(k for k in kind.__mro__ if k.__module__ == errors.__name__).__name__
    room = kind.__module__.split(".")[1]
    return f"`{code}`", Cell(line(kind.__doc__)), status, exit_code, "yes" if kind.passing else "", family, room


# ---- settings and plan ----


def settings() -> str:
    from fleetloop.app.settings import ServerSettings

    said = _flags() | notes(ServerSettings)
    rows = [
        (f"`{f.name.replace('_', '-')}`", f"`FLEETLOOP_{f.name.upper()}`", default(f), Cell(line(said.get(f.name))))
        for f in dataclasses.fields(ServerSettings)
    ]
    where = (
        "A flag of `fleetloop up` comes first (`--poll-s 60`), then the environment, then `fleetloop-server.toml` in "
        "the folder it is started in, then `$XDG_CONFIG_HOME/fleetloop/config.toml` (`~/.config` if unset), then the "
        "default. "
        "`fleetloop config show` prints each value and where it came from. An unknown key is an error."
    )
    client = table(
        ("variable", "of the command line"),
        (
            ("`FLEETLOOP_SERVER`", "the server, as `--server`"),
            ("`FLEETLOOP_TOKEN`", "an API token (`fleetloop token add`); for CI and scripts"),
            ("`FLEETLOOP_CA`", "a PEM file with the certificate to trust, for `--tls self`"),
            ("`XDG_CONFIG_HOME`", "where `fleetloop login` keeps the login: `fleetloop/login.json`, mode 0600"),
            ("`XDG_CACHE_HOME`", "where `fleetloop run` keeps its cache"),
        ),
    )
    heads = ("key", "variable", "default", "")
    return page("Settings", where, "## Server", table(heads, rows), "## Command line", client)


def _flags() -> dict[str, str]:
    """What `fleetloop up --help` says of each setting."""
    from fleetloop.app.main import commands

    parser = argparse.ArgumentParser(add_help=False)
    up = next(c for c in commands() if c.verb == "up")
    if up.arguments:
        up.arguments(parser)
    return {action.dest: _help(action) for action in vars(parser)["_actions"]}


def plan() -> str:
    from fleetloop.rollouts import plan as plans
    from fleetloop.rollouts.model import Deadlines, Plan

    bounds = {name: f"{low:.12g} to {high:.12g}" for name, low, high in vars(plans)["_BOUNDS"]}
    said = notes(Plan)
    rows = [
        (f"`{f.name}`", default(f), bounds.get(f.name, ""), Cell(line(said.get(f.name))))
        for f in dataclasses.fields(Plan)
    ]
    limits = [(f"`{f.name}`", default(f)) for f in dataclasses.fields(Deadlines)]
    about = (
        "The plan is a TOML file for `fleetloop publish --plan FILE` and `fleetloop rollout start --plan FILE`, or the "
        "object `plan` of `POST /api/v1/rollouts`. Write only what differs. It is frozen when the rollout starts. "
        "Times are seconds of the serving clock; shares of a fleet are per cent, other shares 0 to 1."
    )
    follows = (
        "What you leave out follows from the fleet, the product's poll interval and the policy in the release "
        "(`tolerated`, `events`). So a small fleet, a first release and a rollback get another plan:"
    )
    parts = [table(("key", "default", "bounds", ""), rows), "## Defaults by fleet", follows, _fleets()]
    parts += ["## `deadlines`", line(Deadlines.__doc__), table(("key", "default"), limits), "", prose(_remarks())]
    return page("Plan of a rollout", about, *parts)


def _fleets() -> str:
    from fleetloop.rollouts.plan import Ground, propose

    grounds = {
        "10 devices": Ground(10),
        "30 devices": Ground(30),
        "500 devices": Ground(500),
        "500, first release": Ground(500, first=True),
        "500, polls daily": Ground(500, poll_s=86400.0),
        "rollback of 100": Ground(100, rollback=True),
    }
    made = {name: dataclasses.asdict(propose({}, ground)) for name, ground in grounds.items()}
    keys = [k for k in next(iter(made.values())) if k != "deadlines" and len({str(m[k]) for m in made.values()}) > 1]
    return table(("key", *made), [(f"`{k}`", *(Cell(value(m[k])) for m in made.values())) for k in keys])


def _remarks() -> str:
    from fleetloop.rollouts.plan import Ground, propose, remarks

    found = [s for n in (10, 30, 500) for s in remarks(propose({}, Ground(n)), n)]
    found += remarks(propose({}, Ground(100, rollback=True)), 100)
    return "## What is said before it starts\n\nBeside what the verdict can see:\n\n" + "\n".join(
        f"- {s}" for s in dict.fromkeys(found)
    )


def gates() -> str:
    from fleetloop.rollouts.seam import GATES, Gate

    about = "They are asked in this order when a wave is due; the first that is shut says what the rollout waits for."
    parts = [f"## {name}\n\n{_plugin('fleetloop.rollouts.gates', name)}" for name in GATES]
    return page("Gates", about, *parts, "## To add one", prose(Gate.__doc__))


def _plugin(folder: str, name: str) -> str:
    module = importlib.import_module(f"{folder}.{name}")
    first, _, rest = prose(module.__doc__).partition("\n")
    kind = prose(vars(module)["plug"].__doc__)
    return "\n\n".join(part for part in (first, rest.strip("\n"), kind if folder.endswith("gates") else "") if part)


# ---- pipeline ----


def pipeline() -> str:
    from fleetloop.core import plug
    from fleetloop.pipelines import model, runner, variables
    from fleetloop.releases import Policy

    about = (
        "`fleetloop run` reads `fleetloop.toml` in the folder it is called in. [The sample](../../examples/coldcell/"
        "fleetloop.toml) has every table. An unknown key is an error that names the line and the nearest known key."
    )
    parts = [about, prose(runner.__doc__)]
    parts += [_table_of(kind) for kind in (model.Product, model.Keys)]
    parts += [f"## `[revision.NAME]`\n\n{prose(model.Revision.__doc__)}", _table_of(Policy, "## `[policy]`")]
    for name in plug.names("fleetloop.pipelines.steps"):
        parts.append(f"## Step `{name}`\n\n{_plugin('fleetloop.pipelines.steps', name)}")
    parts.append(f"## Variables\n\n{prose(variables.__doc__)}")
    ends = notes(model.Result)
    rows = [(f"`{r.value}`", Cell(line(ends.get(r.name)))) for r in model.Result]
    parts.append("## How a step ends\n\n" + table(("result", ""), rows))
    return page("Pipeline", *parts)


def _table_of(kind: type[Any], head: str = "") -> str:
    said = notes(kind)
    title = head or f"## {line(kind.__doc__).split('.')[0].split(':')[0]}"
    rows = [
        (f"`{f.name.replace('_', '-')}`", default(f), Cell(line(said.get(f.name)))) for f in dataclasses.fields(kind)
    ]
    body = table(("key", "default", ""), rows)
    return f"{title}\n\n{prose(kind.__doc__)}\n\n{body}" if head else f"{title}\n\n{body}"


# ---- device protocols ----


def ddi() -> str:
    from fleetloop.wire import Settings
    from fleetloop.wire.model import Execution, Finished, Mode, Outcome

    module = importlib.import_module("fleetloop.wire.protocols.ddi")
    words = [(kind.__name__, Cell(", ".join(f"`{w.value}`" for w in kind)), Cell(line(kind.__doc__)))
             for kind in (Execution, Finished, Mode)]  # fmt: skip
    said = notes(Outcome)
    answers = [(f"`{o.value}`", o.name.lower().replace("_", " "), Cell(line(said.get(o.name)))) for o in Outcome]
    return page(
        "hawkBit DDI",
        prose(module.__doc__),
        "How to connect a client: [connect a device](../howto/connect-a-device.md).",
        "## Words",
        table(("", "words", ""), words),
        "## Answers to a report",
        table(("status", "", ""), answers),
        "## Bounds",
        table(("", "default", ""), _bounds(Settings)),
    )


def _bounds(kind: type[Any]) -> list[tuple[object, ...]]:
    said = notes(kind)
    return [(f"`{f.name}`", default(f), Cell(line(said.get(f.name)))) for f in dataclasses.fields(kind)]


def heartbeat() -> str:
    module = importlib.import_module("fleetloop.wire.protocols.heartbeat")
    from fleetloop.wire import Heartbeat

    said = notes(Heartbeat)
    rows = [(f"`{f.name}`", f"{getattr(f.type, '__name__', f.type)}", Cell(line(said.get(f.name))))
            for f in dataclasses.fields(Heartbeat)]  # fmt: skip
    return page("Heartbeats", prose(module.__doc__), prose(Heartbeat.__doc__), table(("field", "type", ""), rows))
