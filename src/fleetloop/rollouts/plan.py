"""The plan of a rollout: proposed from what a person wrote and what the fleet is, checked, frozen, read back.

    ground = Ground(devices=501, poll_s=3600, tolerated=0.03)
    plan = propose({"soak_s": 86400, "on_inconclusive": "ask"}, ground)      # the rest by the documented defaults
    from_json(to_json(plan)) == plan

Seconds and shares as in `Plan`; JSON has the same keys.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Any, cast, get_args, get_origin, get_type_hints

from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.errors import InputError
from fleetloop.rollouts.model import Deadlines, Plan, State

SMALL, MIDDLE = 20, 50
"""Below 20 devices there is no verdict; up to 50 the waves are larger, else no comparison could ever stop."""
INSTALL_S = HOUR / 2
RETRIED = frozenset({State.FAILED, State.REVERTED, State.TIMED_OUT})


class PlanError(InputError):
    """A rollout's plan cannot be used."""

    code = "bad-plan"


@dataclass(frozen=True)
class Ground:
    """What the defaults stand on. ``p0``: `fleetloop.health.frozen_p0`; ``events``: kinds that both arms declare."""

    devices: int
    poll_s: float = HOUR
    install_s: float = INSTALL_S
    """How long an install takes once the device has the bytes."""
    first: bool = False
    """The product's first release: there is no control."""
    rollback: bool = False
    p0: float = 0.05
    tolerated: float = 0.01
    events: tuple[str, ...] = ("crash", "self-test", "silent")


def propose(values: Mapping[str, object], ground: Ground) -> Plan:
    """The plan a person wants, the rest by default. What follows from a value they gave follows it.

    Raises:
        PlanError: an unknown key (with the nearest known one), a wrong type, or a value outside its bounds.
    """
    given = _read(Plan, values, "plan")
    ground = dataclasses.replace(ground, poll_s=given.get("poll_s", ground.poll_s))
    derived = _times(ground, given)
    made = _shape(ground) | derived | given
    if "held_back" not in given:
        made["held_back"] = _held_back(made)
    made["deadlines"] = dataclasses.replace(derived["deadlines"], **given.get("deadlines", {}))
    return check(Plan(**made))


def from_json(values: Mapping[str, object]) -> Plan:
    """A plan as `to_json` wrote it: every key must be there.

    Raises:
        PlanError: as `propose`, or a key is missing.
    """
    made = _read(Plan, values, "plan")
    missing = [f.name for f in dataclasses.fields(Plan) if f.name not in made]
    missing += [f"deadlines.{f.name}" for f in dataclasses.fields(Deadlines) if f.name not in made.get("deadlines", {})]
    if missing:
        raise PlanError(f"The plan lacks {', '.join(missing)}; expected all keys of a frozen plan.")
    made["deadlines"] = Deadlines(**made["deadlines"])
    return check(Plan(**made))


def to_json(plan: Plan) -> dict[str, Any]:
    """Plain values, keys in the plan's order."""
    return {key: _plainly(value) for key, value in dataclasses.asdict(plan).items()}


def next_attempt(plan: Plan, state: State, attempts: int, ended_at: float) -> float | None:
    """When an ended deployment is tried again (``attempts`` were made); None: never.

    A version that failed on a device is bad for that device: tries are bounded, each waits twice as long as the last.
    """
    if state not in RETRIED or attempts >= plan.attempts:
        return None
    return ended_at + plan.back_off_s * 2.0 ** (attempts - 1)


def remarks(plan: Plan, devices: int, *, first: bool = False) -> tuple[str, ...]:
    """What a person must know before this plan starts, beside what health says it can see or of a ``first`` release."""
    said: list[str] = []
    if plan.by_hand:
        said.append(f"With {devices} devices no verdict is possible: a person opens each wave.")
    if plan.crash_limit:
        said.append(f"{plan.crash_limit} devices with a bad event stop it, and so does the install guard.")
    if not plan.comparison and not plan.rollback and not first:
        said.append("Nobody is held back for comparison: install guard and “good enough” decide alone.")
    if plan.urgent and plan.comparison and plan.held_back < 10:
        said.append(f"Urgent: only {plan.held_back:g} % are held back; faults that come late will not be seen.")
    if plan.rollback:
        said.append("A rollback has no control group and no verdict; the install guard alone can stop it.")
    return tuple(said)


# Defaults.


def _shape(ground: Ground) -> dict[str, Any]:
    alone: dict[str, Any] = {"comparison": False, "held_back": 0.0, "remainder": False}
    base: dict[str, Any] = {"p0": ground.p0, "tolerated": ground.tolerated, "events": ground.events}
    if ground.rollback:
        pace = {"in_flight_least": max(10, ground.devices // 4), "in_flight_share": 0.5}
        return base | alone | pace | {"waves": (100.0,), "rollback": True, "soak_s": 0.0, "confirmed_share": 0.0}
    by_hand = {"by_hand": True, "crash_limit": min(2, max(ground.devices, 1))} if ground.devices < SMALL else {}
    if ground.first:
        return base | alone | {"waves": (25.0, 100.0)} | by_hand
    if ground.devices < SMALL:
        return base | alone | {"waves": (25.0, 50.0, 100.0)} | by_hand
    return base | {"waves": (25.0, 50.0, 75.0) if ground.devices <= MIDDLE else (5.0, 25.0, 50.0, 80.0)}


def _times(ground: Ground, given: Mapping[str, Any]) -> dict[str, Any]:
    poll = ground.poll_s
    silent: float = given.get("silent_s", 3 * poll)
    soak: float = given.get("soak_s", 0.0 if ground.rollback else Plan.soak_s)
    deadlines = Deadlines(
        waiting=max(14 * DAY, 48 * poll),
        offered=max(2 * DAY, 8 * poll),
        downloading=max(DAY, 8 * poll),
        downloaded=max(DAY, 4 * poll),
        installing=max(DAY, 4 * poll),
        installed=max(DAY, 4 * poll),
        booted=max(2 * DAY, 8 * poll) + 3 * soak,
        cancelling=max(DAY, 4 * poll),
    )
    install = max(4 * poll + ground.install_s, silent)
    return {"poll_s": poll, "silent_s": silent, "install_deadline_s": install, "deadlines": deadlines}


def _held_back(made: Mapping[str, Any]) -> float:
    """20 %, or what the waves leave, but never below 10 % unless that is what *urgent* asked for."""
    if not made.get("comparison", True):
        return 0.0
    left = 100.0 - max(made["waves"], default=0.0)
    return max(0.0 if made.get("urgent") else 10.0, min(Plan.held_back, left))


# Bounds.

_BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("held_back", 0, 95), ("soak_s", 0, 90 * DAY), ("soak_after", 0.01, 1), ("confirmed_share", 0, 1),
    ("crash_limit", 0, 1e9), ("alpha", 1e-6, 0.5), ("hold", 1, 1e6), ("hold_limit_s", 0, 90 * DAY),
    ("window_s", 0, 30 * DAY), ("p0", 1e-6, 0.79), ("tolerated", 1e-9, 1e3), ("poll_s", 1, 30 * DAY),
    ("silent_s", 1, 365 * DAY), ("install_deadline_s", 1, 365 * DAY), ("in_flight_least", 1, 1e9),
    ("in_flight_share", 0, 1), ("attempts", 1, 100), ("back_off_s", 0, 30 * DAY), ("downloads", 1, 1000),
    ("rejections", 1, 1000),
)  # fmt: skip


def check(plan: Plan) -> Plan:
    """``plan`` itself. Raises `PlanError` for a value outside its bounds, or values that do not fit each other."""
    for name, low, high in _BOUNDS:
        value = float(getattr(plan, name))
        if not low <= value <= high:
            raise PlanError(f"{name} is {value:g}; expected {low:g} to {high:g}.")
    for name, value in dataclasses.asdict(plan.deadlines).items():
        if not 1 <= value <= 365 * DAY:
            raise PlanError(f"deadlines.{name} is {value:g}; expected 1 s to {365 * DAY:g} s.")
    _check_waves(plan)
    _check_times(plan)
    return plan


def _check_waves(plan: Plan) -> None:
    waves = plan.waves
    rising = all(a < b for a, b in zip((0.0, *waves), waves, strict=False))
    if not (1 <= len(waves) <= 20 and rising and waves[-1] <= 100):
        raise PlanError(f"waves are {_list(waves)}; expected 1 to 20 rising shares in per cent, at most 100.")
    if not plan.comparison or plan.urgent:
        return
    if plan.held_back < 10 or waves[-1] > 100 - plan.held_back:
        raise PlanError(
            f"waves reach {waves[-1]:g} % and {plan.held_back:g} % are held back; expected at least 10 % held back "
            "until the verdict. End the waves earlier, or say urgent: true and see less."
        )


def _check_times(plan: Plan) -> None:
    if plan.silent_s < 2 * plan.poll_s:
        raise PlanError(
            f"silent_s is {plan.silent_s:g} with a poll each {plan.poll_s:g} s; expected at least two polls, "
            "else one lost poll is a bad event."
        )
    if plan.install_deadline_s < plan.silent_s:
        raise PlanError(
            f"install_deadline_s is {plan.install_deadline_s:g}; expected at least silent_s, {plan.silent_s:g}."
        )
    if plan.deadlines.booted <= plan.soak_s:
        raise PlanError(
            f"deadlines.booted is {plan.deadlines.booted:g}; expected more than the soak, {plan.soak_s:g}, "
            "else nothing is ever confirmed."
        )


# Reading and writing.


def _plainly(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


def _read(kind: type[Any], values: Mapping[str, object], where: str) -> dict[str, Any]:
    """The values that are there, with their types; a table within stays a dict."""
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            near = get_close_matches(key, hints, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(hints)}."
            raise PlanError(f"The {where} has no {key!r}; {hint}")
    return {key: _value(hints[key], value, key) for key, value in values.items()}


def _value(hint: Any, value: object, key: str) -> Any:
    if get_origin(hint) is tuple:
        if isinstance(value, list | tuple):
            return tuple(_value(get_args(hint)[0], item, key) for item in cast("list[object]", value))
        raise PlanError(f"{key} is {value!r}; expected a list.")
    if dataclasses.is_dataclass(hint):
        if isinstance(value, Mapping):
            return _read(cast("type[Any]", hint), cast("Mapping[str, object]", value), f"plan's {key}")
        raise PlanError(f"{key} is {value!r}; expected a table.")
    return _word(hint, value, key) if issubclass(hint, Enum) else _plain(hint, value, key)


def _word(kind: type[Enum], value: object, key: str) -> Enum:
    words = [str(member.value) for member in kind]
    if value not in words:
        raise PlanError(f"{key} is {value!r}; expected {' or '.join(words)}.")
    return kind(value)


def _plain(hint: type[Any], value: object, key: str) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if hint is not float and isinstance(value, hint) and (hint is bool) == isinstance(value, bool):
        return value
    names: dict[type[Any], str] = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    raise PlanError(f"{key} is {value!r}; expected {names[hint]}.")


def _list(shares: tuple[float, ...]) -> str:
    return ", ".join(f"{share:g}" for share in shares) or "none"
