"""The figures at the top of a rollout's page, each with its denominator."""

from dataclasses import replace

from markupsafe import Markup

from fleetloop import web
from fleetloop.rollouts.shown import RolloutShown


def stats(r: RolloutShown, now: float) -> tuple[web.Stat, ...]:
    """Three to six figures, each with its denominator."""
    if r.kind == "rollback":
        return _stats_back(r) if r.devices else ()
    if r.phase == "stopped":
        return _stats_stopped(r)
    return _stats_ended(r) if r.over else _stats_running(r, now)


def _stat_confirmed(r: RolloutShown) -> web.Stat:
    done = sum(w.of("confirmed") for w in r.waves)
    offline = sum(w.of("offline") for w in r.waves)
    return web.Stat("Confirmed", web.count(done), f"of {web.count(r.devices)}", f"{web.count(offline)} offline")


def _stat_hurt(r: RolloutShown, note: str) -> web.Stat:
    return web.Stat("Hurt", web.count(sum(w.hurt for w in r.waves)), f"of {web.count(r.drawn)} drawn", note)


def _stat_silent(r: RolloutShown) -> web.Stat:
    note = "counted as offline, not as success"
    return web.Stat("No contact since start", web.count(r.silent), f"of {web.count(r.drawn)} drawn", note)


def _stat_evidence(c: web.Comparison, note: str) -> web.Stat:
    step = next((s.name for s in web.scale(c) if s.here), "none")
    return web.Stat("Evidence it is worse", step, web.e_value(c.evidence), note)


def _stats_back(r: RolloutShown) -> tuple[web.Stat, ...]:
    back = sum(w.of("booted", "confirmed") for w in r.waves)
    bad = sum(w.of("failed", "timed-out", "declined") for w in r.waves)
    return (
        web.Stat("Back", web.count(back), f"of {web.count(r.devices)}", "on their own last confirmed release"),
        web.Stat("Failed", web.count(bad), f"of {web.count(r.devices)}"),
        _stat_silent(r),
    )


def _stats_stopped(r: RolloutShown) -> tuple[web.Stat, ...]:
    first = min((h.hurt_at for h in r.hurt), default=None)
    never = sum(w.of("held-back") for w in r.waves)
    where = [w.name.lower() for w in r.waves if w.hurt]
    note = (f"all {web.board(r.blamed)}, " if r.blamed and _only(r) else "") + (
        f"of {web.listed(*where)}" if where else ""
    )
    took: list[web.Stat] = []
    if first and r.ended_at:
        length = web.duration(r.ended_at - first)
        took.append(web.Stat("First bad event to stop", length, "", _from_to(first, r.ended_at)))
    ended = (
        f"{web.things(r.downloads_ended, 'running download')} ended" if r.downloads_ended else "the stop was a barrier"
    )
    return (
        replace(_stat_hurt(r, note), label=f"Hurt by {r.version}"),
        *took,
        web.Stat("Handed after the stop", web.count(r.handed_after), f"of {web.count(r.devices)}", ended),
        web.Stat("Never touched", web.count(never), f"of {web.count(r.devices)}", "held back as control"),
        _stat_silent(r),
    )


def _only(r: RolloutShown) -> bool:
    """Whether all that were hurt are of the blamed revision."""
    return r.comparison is not None and all(s.new.hurt == 0 for s in r.comparison.strata if s.name != r.blamed)


def _from_to(first: float, last: float) -> Markup:
    return web.join(web.when(first), " to ", web.when(last))


def _stats_running(r: RolloutShown, now: float) -> tuple[web.Stat, ...]:
    found: list[web.Stat] = []
    c = r.comparison
    if r.until and r.until > now:
        note = web.join("at the earliest ", web.near(r.until, now))
        found.append(web.Stat("Next gate", web.duration(r.until - now), "", note))
    if c:
        found.append(_stat_evidence(c, f"holds at {c.hold_at:g}, stops at {c.stop_at:g}"))
    held = f"held back: {c.all.held}" if c and c.control else "nobody is held back to compare with"
    return (*found, _stat_hurt(r, held), _stat_confirmed(r), _stat_silent(r))


def _stats_ended(r: RolloutShown) -> tuple[web.Stat, ...]:
    c = r.comparison
    expected = f"{c.expected:,.1f} expected were it no worse" if c and c.control else ""
    hurt = _stat_hurt(r, expected)
    if c and c.control:  # the remainder was drawn after the verdict
        hurt = web.Stat("Hurt", web.count(c.all.new.hurt), f"of {web.count(c.all.new.devices)} drawn", expected)
    found = [_stat_confirmed(r), hurt]
    if c:
        found.append(_stat_evidence(c, f"highest {web.e_value(c.highest)}, stops at {c.stop_at:g}"))
    opened = len(r.openings)
    found.append(web.Stat("Opened by a person", web.count(r.opened_by_person), f"of {web.things(opened, 'wave')}"))
    if c:
        failed, started = c.installs
        quiet = "install guard quiet" if c.evidence < c.stop_at else ""
        found.append(web.Stat("Installs failed", web.count(failed), f"of {web.count(started)}", quiet))
    return tuple(found)
