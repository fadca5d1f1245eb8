"""One device's life as stretches and spots on one axis, and which piece of it is worth looking at."""

from collections.abc import Iterator, Sequence

from fleetloop import fleet, rollouts, web
from fleetloop.insights.story import Life, spelt
from fleetloop.rollouts import State, Turn

HOUR_S = 3600.0
AROUND_S = 2 * HOUR_S
USUAL_S = 26 * HOUR_S
LONGEST_S = 14 * 24 * HOUR_S
WORDS = {
    "proceeding": "downloading",
    "download": "downloading",
    "downloaded": "installing",
    "closed": "installed",
}
"""What a device does after it said so."""
SOAKING = "booted, soaking"


def versions(life: Life, now: float) -> tuple[fleet.Stay, ...]:
    """What it ran when."""
    told = [(m.at, m.text.partition(" ")[0]) for m in life.moments if m.what == "version"]
    ends = [*(at for at, _ in told[1:]), now]
    return tuple(fleet.Stay(at, end, version) for (at, version), end in zip(told, ends, strict=False))


def states(life: Life, now: float) -> tuple[fleet.Stay, ...]:
    """Its deployments' states one after the other."""
    marks = sorted((mark for turn in life.turns for mark in _marks(life, turn)), key=lambda m: m[0])
    ends = [*(at for at, _, _ in marks[1:]), now]
    return tuple(
        fleet.Stay(at, end, state, word)
        for (at, state, word), end in zip(marks, ends, strict=False)
        if end > at and state
    )


def _marks(life: Life, turn: Turn) -> Iterator[tuple[float, str, str]]:
    """(instant, state from there on, word); an empty state ends the one before."""
    one = turn.deployment
    if one is None or turn.wave is None:
        yield turn.enrolled_at, "held-back", "held back"
        if turn.rollout.ended_at is not None:
            yield turn.rollout.ended_at, "", ""
        return
    if turn.wave.opened_at > turn.enrolled_at:
        yield turn.enrolled_at, "held-back", "held back"
    yield turn.wave.opened_at, "waiting", "waiting"
    for attempt in turn.attempts:
        if attempt.handed_at is not None:
            yield attempt.handed_at, "offered", "offered"
    for report in turn.reports:
        word = WORDS.get(str(report["execution"]), "installing")
        failed = report["finished"] == "failure"
        yield float(str(report["at"])), "failed" if failed else word, "failed" if failed else word
    yield from _proven(life, one)


def _proven(life: Life, one: rollouts.Deployment) -> Iterator[tuple[float, str, str]]:
    if one.booted_at is not None:
        yield one.booted_at, "booted", SOAKING
    if one.ended and one.since > (one.booted_at or 0.0):
        yield one.since, one.state.value.replace("_", "-"), one.state.value.replace("_", " ")
    if (at := hurt_at(life, one)) is not None:
        yield at, "hurt", "hurt"


def hurt_at(life: Life, one: rollouts.Deployment) -> float | None:
    """Its first bad event while it ran that release, if the comparison counted it as hurt."""
    if not one.hurt:
        return None
    since = one.booted_at or one.since
    return next((h.at for h in life.bad if h.at >= since and h.version == one.version), None)


def silences(life: Life, now: float) -> tuple[fleet.Stay, ...]:
    """Stretches without contact that were long enough to be noticed."""
    found: dict[float, fleet.Stay] = {}
    seen = sorted(_seen(life))
    for turn in life.turns:
        for at, _, ident in turn.lines:
            if ident.startswith("silent-"):
                since = float(ident.removeprefix("silent-")) or turn.enrolled_at
                end = next((s for s in seen if s > at), now)
                found.setdefault(since, fleet.Stay(since, end, "offline"))
    return tuple(found.values())


def _seen(life: Life) -> Iterator[float]:
    """Every instant at which it must have been in contact."""
    yield from (m.at for m in life.moments)
    yield from (h.at for h in life.happenings)
    yield from (float(str(r["at"])) for turn in life.turns for r in turn.reports)
    yield from (at for turn in life.turns for at, _, ident in turn.lines if not ident.startswith("silent-"))
    if life.device.last_contact is not None:
        yield life.device.last_contact


def boots(life: Life) -> tuple[web.Spot, ...]:
    """Each start that a heartbeat showed."""
    crashed = {h.at for h in life.bad}
    return tuple(
        web.Spot(h.at, "hurt", f"boot after a bad event, {h.text}", "hurt") if h.at in crashed
        else web.Spot(h.at, "booted", h.text, "booted")
        for h in life.happenings if h.what == "reboot"
    )  # fmt: skip


def bad(life: Life) -> tuple[web.Spot, ...]:
    """Each bad event."""
    return tuple(web.Spot(h.at, "hurt", f"{h.what}: {spelt(h.text)}", "hurt") for h in life.bad)


def stops(turns: Sequence[Turn]) -> tuple[tuple[float, str], ...]:
    """When rollouts that it took part in were stopped."""
    stopped = (t.rollout for t in turns if t.rollout.phase is rollouts.Phase.STOPPED)
    return tuple((case.ended_at, "rollout stopped") for case in stopped if case.ended_at is not None)


def window(life: Life, now: float) -> tuple[float, float]:
    """Where there is most to see: the rollout that hurt it and its way back, else its last deployment, else the end."""
    drawn = [t for t in life.turns if t.deployment and t.wave]
    hurt = next((t for t in reversed(drawn) if t.deployment and t.deployment.hurt), None)
    turn = hurt or (drawn[-1] if drawn else None)
    if turn is None or turn.wave is None or turn.deployment is None:
        return max(life.device.created_at, now - USUAL_S), now
    end = _end(life, turn, now)
    start = max(turn.wave.opened_at - AROUND_S, end - LONGEST_S)
    return start, max(end, min(start + 6 * HOUR_S, now))


def _end(life: Life, turn: Turn, now: float) -> float:
    one = turn.deployment
    if one is None or one.open:
        return now
    if not one.hurt:
        return min(one.since + AROUND_S, now)
    later = [t.deployment for t in life.turns if t.deployment and t.rollout.id > turn.rollout.id]
    back = next((d.booted_at for d in later if d.booted_at is not None), None)
    at = back if back is not None else hurt_at(life, one) or one.since
    return min(at + AROUND_S, now) if one.state is not State.BOOTED else now
