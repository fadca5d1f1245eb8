"""A rollout's devices as the pages draw them: its waves, those not opened too, with who is offline and held back."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from markupsafe import Markup

from fleetloop import web
from fleetloop.rollouts.cases import OpenWave
from fleetloop.rollouts.glance import Counts, Glance, Unbooted
from fleetloop.rollouts.model import OVER, Phase, State
from fleetloop.rollouts.shown import Missed
from fleetloop.rollouts.view import wave_note
from fleetloop.rollouts.waves import wave_sizes

ENDED_BY_US = (State.CANCELLED.value, State.SUPERSEDED.value, State.WAITING.value)
"""Ends that come to a device which never called, beside running out of time."""
Heard = Callable[[str], float | None]
"""The last contact of a device."""


def offline(heard: Heard, glance: Glance, now: float) -> dict[int, int]:
    """Drawn devices that never called since their wave opened, though they were long due, by wave."""
    return Counter(u.wave for u in glance.unbooted if u.state in ENDED_BY_US and _away(heard, glance, u, now))


def _away(heard: Heard, glance: Glance, one: Unbooted, now: float) -> bool:
    case, last = glance.case, heard(one.device) or 0.0
    opened = next((w.opened_at for w in glance.waves if w.number == one.wave), 0.0)
    return last < opened and (case.ended_at or now) - max(last, case.started_at - case.plan.poll_s) > case.plan.silent_s


def waves(glance: Glance, away: dict[int, int], now: float, until: float | None) -> tuple[web.Wave, ...]:
    """Those that were opened, as they are, or were when it was stopped; then those to come, held back."""
    counts = glance.at_stop if glance.case.phase is Phase.STOPPED else glance.counts
    total = sum(s.total for s in glance.strata.values())
    opened = tuple(_opened(glance, wave, counts, away.get(wave.number, 0), (total, now)) for wave in glance.waves)
    return (*opened, *_to_come(glance, total, (now, until)))


def _opened(glance: Glance, wave: OpenWave, counts: Counts, away: int, when: tuple[int, float]) -> web.Wave:
    total, now = when
    name = "Remainder" if wave.kind == "remainder" else f"Wave {wave.number}"
    note = wave_note(_share(wave.drawn, total), wave.opened_at, now)
    booted = "booted, soaking" if wave.booted_at is not None else "booted, soak not started"
    soaks = glance.case.phase not in OVER or glance.case.phase is Phase.STOPPED
    return web.Wave(name, _parts(counts, wave.number, away), note, booted if soaks else "")


def _parts(counts: Counts, wave: int, away: int) -> tuple[web.Count, ...]:
    states = dict.fromkeys(state for number, state, _ in counts if number == wave)
    made: list[web.Count] = []
    for state in states:
        hurt = counts.get((wave, state, True), 0)
        devices = counts.get((wave, state, False), 0) + hurt
        here = min(away, devices) if state in ENDED_BY_US else 0
        away -= here
        made += [web.Count("offline", here), web.Count(state, devices - here, hurt)]
    return tuple(c for c in made if c.devices)


def _to_come(glance: Glance, total: int, when: tuple[float, float | None]) -> list[web.Wave]:
    plan, case = glance.case.plan, glance.case
    left = sum(s.total - s.drawn for s in glance.strata.values())
    made: list[web.Wave] = []
    for number, sizes in enumerate(wave_sizes(plan, glance.strata), 1):
        n = sum(sizes.values())
        if number <= case.wave or not n:
            continue
        last = number > len(plan.waves)
        name = "Remainder" if last else f"Wave {number}"
        made.append(_held(name, n, total, _when(glance, number, when, last=last)))
        left -= n
    return [*made, _held("Held back", left, total, Markup("not drawn"))] if left > 0 else made


def _held(name: str, n: int, total: int, word: str) -> web.Wave:
    return web.Wave(name, (web.Count("held-back", n),), wave_note(_share(n, total), None, 0.0, word))


def _when(glance: Glance, number: int, when: tuple[float, float | None], *, last: bool) -> str:
    now, until = when
    if glance.case.phase in OVER:
        return "never opened"
    if number == glance.case.wave + 1 and until and until > now:
        return f"in {web.duration(until - now)} at the earliest"
    return "at the end" if last else f"after wave {number - 1}" if number > 1 else "next"


def _share(n: int, total: int) -> int:
    return round(100 * n / total) if total else 0


def arms(glance: Glance, found: web.Comparison) -> web.Comparison:
    """``found`` with both arms as they were compared: a first release has no control, the remainder is in neither arm.

    Held back counts everyone who was still waiting when wave 1 had been drawn.
    """
    if not glance.case.plan.comparison:
        return _armed(found, {s.name: (s.new.devices, 0) for s in found.strata})
    late = {w.number for w in glance.waves if w.kind == "remainder"}
    if not late:
        return found
    drawn = glance.drawn
    new = {name: sum(n for (r, w), n in drawn.items() if r == name and w not in late) for name in glance.strata}
    return _armed(found, {name: (new[name], s.total - drawn.get((name, 1), 0)) for name, s in glance.strata.items()})


def _armed(found: web.Comparison, sizes: Mapping[str, tuple[int, int]]) -> web.Comparison:
    strata = tuple(
        replace(s, new=web.Arm(s.new.hurt, sizes[s.name][0]), held=web.Arm(s.held.hurt, sizes[s.name][1]))
        for s in found.strata
        if s.name in sizes
    )
    new = web.Arm(found.all.new.hurt, sum(s.new.devices for s in strata))
    held = web.Arm(found.all.held.hurt, sum(s.held.devices for s in strata))
    return replace(found, strata=strata, all=replace(found.all, new=new, held=held))


def one_group(name: str, counts: Counts) -> web.Wave:
    """All waves of a rollback together: they are as many as there were moments at which somebody turned up."""
    merged: Counter[tuple[int, str, bool]] = Counter()
    for (_, state, hurt), n in counts.items():
        merged[1, state, hurt] += n
    return web.Wave(name, _parts(merged, 1, 0))


WHY = {
    State.FAILED.value: "install failed, stayed on {old}",
    State.REVERTED.value: "fell back to {old} by itself",
    State.TIMED_OUT.value: "not done in time",
    State.DECLINED.value: "declined",
}


def missed(glance: Glance, heard: Heard, now: float) -> tuple[Missed, ...]:
    """Why devices did not get it, by revision."""
    revisions = list(glance.strata)
    rows: dict[str, Counter[str]] = {
        "held back as control": Counter({name: s.total - s.drawn for name, s in glance.strata.items()})
    }
    for one in glance.unbooted:
        rows.setdefault(_reason(glance, one, heard, now), Counter())[one.revision] += 1
    counted = ((reason, tuple(found[name] for name in revisions)) for reason, found in rows.items())
    return tuple(Missed(reason, counts) for reason, counts in counted if sum(counts))


def _reason(glance: Glance, one: Unbooted, heard: Heard, now: float) -> str:
    old = web.listed(*glance.old) if glance.old else "the old release"
    if one.state in WHY:
        return WHY[one.state].format(old=old)
    if _away(heard, glance, one, now):
        return "offline since its wave opened"
    return "ended by the stop" if glance.case.phase is Phase.STOPPED else "taken by a newer rollout"
