"""A rollout's plan and the conditions of its next wave, in words."""

from collections.abc import Mapping, Sequence
from math import ceil

from fleetloop import health, web
from fleetloop.rollouts.model import Facts, OnStop, Open, Plan
from fleetloop.rollouts.seam import GATES, Gate
from fleetloop.rollouts.shown import Condition
from fleetloop.rollouts.waves import booted_needed

KINDS = {"crash": "crash or watchdog reset", "self-test": "failed self-test"}
SLACK = 1e-9


def plan_words(plan: Plan) -> tuple[tuple[str, str], ...]:
    """What was frozen at the start, as (name, words)."""
    if plan.rollback:
        return (("Install guard", _guard(plan)), ("In flight", _flight(plan)))
    said = [("Bad event", f"first per device of: {', '.join(_kind(plan, kind) for kind in plan.events)}")]
    said.append(("Waves", _waves(plan)))
    if plan.comparison:
        said.append(
            (
                "Window",
                f"{web.span(plan.window_s)} after first contact, both arms alike; until then the install guard watches",
            )
        )
    said.append(("Install guard", _guard(plan)))
    if plan.comparison:
        most = f"at most {web.span(plan.hold_limit_s)}, then a person decides"
        said.append(("Hold at", f"evidence {plan.hold:g} when a wave is due: it waits until below, {most}"))
    said.append(("Stop at", f"evidence {plan.limit:g} (false stop in at most 1 of {plan.limit:g} healthy rollouts)"))
    said.append(("Soak", f"{web.span(plan.soak_s)} after {100 * plan.soak_after:.3g} % of a wave has booted"))
    said.append(("Good enough", f"below {web.per_device_days(plan.tolerated)}"))
    said.append(("Inconclusive", "ask a person" if plan.on_inconclusive.value == "ask" else "go on"))
    said.append(("On stop", "roll back" if plan.on_stop is OnStop.ROLLBACK else "stop, and leave devices as they are"))
    return tuple(said)


def _kind(plan: Plan, kind: str) -> str:
    return KINDS.get(kind, f"silence over {web.span(plan.silent_s)}" if kind == "silent" else kind)


def _waves(plan: Plan) -> str:
    shares = web.listed(*(f"{share:g}" for share in plan.waves))
    held = f"; {plan.held_back:g} % held back until the end" if plan.held_back else "; nobody is held back"
    return f"{shares} %, drawn at random inside each revision{held}"


def _guard(plan: Plan) -> str:
    return f"usual: at most {100 * plan.p0:.3g} % of installs fail"


def _flight(plan: Plan) -> str:
    return f"at most {plan.in_flight_least}, or {100 * plan.in_flight_share:.3g} % of those booted"


def conditions(gates: Mapping[str, Gate], facts: Facts, experiment: health.Experiment) -> tuple[Condition, ...]:
    """The gates of the next wave that have something to say, one line each."""
    if facts.last is None:
        return ()
    made: Sequence[tuple[str, str, str]] = (
        ("soak", *_soak(facts)), ("confirmed", *_confirmed(facts)), ("evidence", *_evidence(facts)),
        ("install guard", *_installs(experiment)), ("flight", *_in_flight(facts)),
    )  # fmt: skip
    return tuple(
        Condition("in flight" if name == "flight" else name, _met(gates, facts, name), *said) for name, *said in made
    )


def _met(gates: Mapping[str, Gate], facts: Facts, name: str) -> bool:
    """The install guard is part of the evidence: it has no gate of its own."""
    return name not in GATES or isinstance(gates[name].decide(facts), Open)


def _soak(facts: Facts) -> tuple[str, str]:
    last = facts.last
    if last is None:
        return "", ""
    length, needed = web.span(facts.plan.soak_s), booted_needed(facts.plan, last.tally.drawn)
    if last.soaking_since is None:
        return (
            f"not started: {web.of(last.tally.booted, last.tally.drawn)} booted",
            f"{length} after {needed:,} have booted",
        )
    return web.duration(facts.now - last.soaking_since), length


def _confirmed(facts: Facts) -> tuple[str, str]:
    last = facts.last
    if last is None:
        return "", ""
    needed = ceil(facts.plan.confirmed_share * last.tally.drawn - SLACK)
    return web.of(last.tally.confirmed, last.tally.drawn), web.of(needed, last.tally.drawn)


def _evidence(facts: Facts) -> tuple[str, str]:
    step = "hold" if facts.evidence >= facts.plan.hold else "none"
    return f"{step} ({web.e_value(facts.evidence)})", f"below {facts.plan.hold:g} when the wave is due"


def _installs(experiment: health.Experiment) -> tuple[str, str]:
    guard, limit = experiment.guard, experiment.failures_to_stop
    stops = f"part of the evidence; {limit:,} would stop it" if limit is not None else "part of the evidence"
    return f"{guard.failed:,} failed of {guard.started:,} handed", stops


def _in_flight(facts: Facts) -> tuple[str, str]:
    return f"{facts.in_flight:,}", f"fewer than {facts.plan.in_flight(facts.booted):,}"
