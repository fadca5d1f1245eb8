"""The states of a deployment: the table of the engine, and a diagram of it with every arrow lettered."""

from itertools import count

from words import page, prose, table

from fleetloop.rollouts import engine
from fleetloop.rollouts.model import ENDED, Event, Intent, State

LETTERS = "abcdefghijklmnopqrstuvwxyz"
Arrow = tuple[str, str]


def states() -> str:
    arrows = _arrows()
    letters = {arrow: _letter(n) for arrow, n in zip(arrows, count())}
    rows = [(letters[arrow], *arrow, "; ".join(e.value for e in events)) for arrow, events in arrows.items()]
    about = prose(engine.__doc__).split("\n\n")
    rules = next(part for part in about if part.startswith("- "))
    return page(
        "States of a deployment",
        "One device in one rollout. The table below is the program's own; every cell of it is tested.",
        rules,
        "## Diagram",
        "For intent *run*. `under way` is any of the seven states in the box, `ended` any state outside of it.",
        "```mermaid\nstateDiagram-v2\n" + "\n".join(_diagram(letters)) + "\n```",
        table(("arrow", "from", "to", "on"), rows),
        "## Every cell",
        "`·` stays where it is; a number after it is the status that a report is answered with, if not 200; numbers in "
        "brackets are the notes below.",
        engine.as_markdown(),
    )


def _letter(n: int) -> str:
    return LETTERS[n] if n < len(LETTERS) else LETTERS[n // len(LETTERS) - 1] + LETTERS[n % len(LETTERS)]


def _arrows() -> dict[Arrow, list[Event]]:
    """Arrows between states under way one by one; into and out of the ends together."""
    found: dict[Arrow, list[Event]] = {}
    for state in State:
        for event in Event:
            to = engine.TABLE[state, Intent.RUN, event].state
            if to is not state:
                events = found.setdefault((_group(state, to), to.value), [])
                events += [] if event in events else [event]
    return found


def _group(state: State, to: State) -> str:
    if state in ENDED and state is not State.CONFIRMED:
        return "ended"
    return "under way" if to in ENDED - {State.CONFIRMED} and state is not State.CONFIRMED else state.value


def _diagram(letters: dict[Arrow, str]) -> list[str]:
    inside = {s.value for s in State if s not in ENDED}
    lines = ['    state "under way" as live {', "        [*] --> waiting"]
    lines += [f"        {a} --> {b}: {n}" for (a, b), n in letters.items() if a in inside and b in inside]
    lines += ["    }", "    state ended"]
    for (a, b), n in letters.items():
        if not (a in inside and b in inside):
            lines.append(f"    {'live' if a == 'under way' else a} --> {b}: {n}")
    return lines
