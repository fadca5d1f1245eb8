"""One device's life in order: what the fleet, its heartbeats, rollouts and its own reports say, as one list.

Values in, values out. Nothing is left out and nothing is told twice: a boot that the release asked for is one line, not
a reboot, a version and a deployment.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from markupsafe import Markup

from fleetloop import fleet, rollouts, telemetry, web
from fleetloop.rollouts import State, Turn

UP = re.compile(r"last seen up (\d+) s")
ENDS = {
    State.CONFIRMED: ("confirmed", "Confirmed on {version}"),
    State.FAILED: ("failed", "Install of {version} failed"),
    State.REVERTED: ("reverted", "Fell back from {version}"),
    State.TIMED_OUT: ("timed-out", "{version} not done in time"),
    State.DECLINED: ("declined", "Declined {version}"),
    State.CANCELLED: ("cancelled", "{version} cancelled"),
    State.SUPERSEDED: ("cancelled", "{version} superseded by a newer rollout"),
}
MOMENTS = {
    "added": ("offered", "Added to the fleet"),
    "changed": ("person", "Changed by a person"),
    "attributes": ("note", "Told of itself"),
    "revision": ("hurt", "Another hardware revision than registered"),
    "retired": ("cancelled", "Retired"),
}


@dataclass(frozen=True)
class Life:
    """All that is known of a device, oldest first each."""

    device: fleet.Device
    moments: Sequence[fleet.Moment]
    happenings: Sequence[telemetry.Happening]
    turns: Sequence[Turn]

    @property
    def bad(self) -> list[telemetry.Happening]:
        """Crashes and failed self-tests."""
        return [h for h in self.happenings if h.what in ("crash", "self-test")]

    @property
    def boots(self) -> set[tuple[float, str]]:
        """(instant, version) of the boots that a release asked for."""
        return {(d.booted_at, d.version) for t in self.turns if (d := t.deployment) and d.booted_at is not None}


def happened(life: Life) -> tuple[web.Happening, ...]:
    """Newest first."""
    told = [*_moments(life), *_happenings(life), *(h for turn in life.turns for h in _turn(turn))]
    return tuple(sorted(told, key=lambda h: h.at)[::-1])


def _moments(life: Life) -> Iterator[web.Happening]:
    for m in life.moments:
        if m.what != "version":
            glyph, text = MOMENTS.get(m.what, ("note", m.what))
            yield web.Happening(m.at, glyph, text, m.text, "x" if glyph in ("person", "note") else "")
        elif (m.at, m.text.partition(" ")[0]) not in life.boots:
            version, _, source = m.text.partition(" ")
            yield web.Happening(m.at, "booted", f"Shows version {version}", f"by {source.strip('()')}")


def _happenings(life: Life) -> Iterator[web.Happening]:
    crashed = {h.at for h in life.bad}
    for h in life.happenings:
        if h.what == "reboot":
            if (h.at, h.version) not in life.boots and h.at not in crashed:
                yield web.Happening(h.at, "booted", f"Restarted on {h.version}", h.text)
            continue
        text = "Crashed" if h.what == "crash" else "Self-test failed"
        yield web.Happening(h.at, "hurt", f"{text} on {h.version}", spelt(h.text), strong=True)


def spelt(text: str) -> str:
    """Seconds of uptime as people read them; that it crashed is said already."""
    said = text.removeprefix("crashed, ")
    return UP.sub(lambda found: f"last seen up {web.duration(float(found[1]))}", said)


def _turn(turn: Turn) -> Iterator[web.Happening]:
    case, one = turn.rollout, turn.deployment
    version = one.version if one else case.version
    if case.kind is rollouts.Sort.UPDATE:
        yield from _record(turn)
        if case.phase is rollouts.Phase.STOPPED and case.ended_at is not None:
            by = "the verdict" if case.ending == "verdict" else case.ending
            yield web.Happening(case.ended_at, "stop", f"Rollout of {case.version} stopped by {by}", _link(turn))
    if one is None or turn.wave is None:
        text = f"Held back as control for {version}"
        yield web.Happening(turn.enrolled_at, "held-back", text, _link(turn))
        return
    yield _drawn(turn, version)
    for attempt in turn.attempts:
        yield from _attempt(turn, attempt.id, attempt.handed_at, version)
    yield from _outcome(one)


def _drawn(turn: Turn, version: str) -> web.Happening:
    wave, case = turn.wave, turn.rollout
    at = wave.opened_at if wave else turn.enrolled_at
    if case.kind is rollouts.Sort.ROLLBACK:
        return web.Happening(at, "reverted", f"Drawn for the rollback to {version}", _link(turn))
    name = "the remainder" if wave and wave.kind == "remainder" else f"wave {wave.number if wave else 0}"
    waited = at - turn.enrolled_at
    held = f"held back as control for {web.duration(waited)} before. " if waited >= 3600 else ""
    return web.Happening(at, "offered", f"Drawn for {name} of {version}", web.join(held, _link(turn)))


def _link(turn: Turn) -> Markup:
    return web.el("a", f"Rollout {turn.rollout.id}", href=f"/rollouts/{turn.rollout.id}")


def _attempt(turn: Turn, key: int, handed_at: float | None, version: str) -> Iterator[web.Happening]:
    """Reports up to a closing one are one line, with the raw exchange below it."""
    if handed_at is not None:
        yield web.Happening(handed_at, "offered", f"Handed {version}", f"action {key}")
    kept: list[Mapping[str, Any]] = []
    for report in turn.reports:
        if report["attempt"] != key:
            continue
        kept.append(report)
        if report["execution"] == "closed":
            yield _said(kept, version)
            kept = []
    if kept:
        yield _said(kept, version)


def _said(reports: Sequence[Mapping[str, Any]], version: str) -> web.Happening:
    last = reports[-1]
    details = [str(text) for text in cast("Sequence[object]", last.get("details") or ())]
    closed = last["execution"] == "closed"
    failed = closed and last["finished"] == "failure"
    text = f"Says: {last['execution']}"
    if closed:
        text = f"Says the install of {version} failed" if failed else f"Says it installed {version}"
    more = "; ".join(details) if failed or not closed else "a claim, kept as such"
    glyph = "failed" if failed else "installed" if closed else "installing"
    return web.Happening(float(last["at"]), glyph, text, more, raw="\n".join(_raw(r) for r in reports))


def _raw(report: Mapping[str, Any]) -> str:
    """The report as it was understood, and what was answered."""
    words = ("execution", "finished", "details", "code", "device_time", "broken", "on_cancel")
    body = {w: report[w] for w in words if report.get(w) not in (None, False, [], ())}
    clock = web.written(float(report["at"]), "hms")
    note = f" {report['note']}" if report.get("note") else ""
    said = json.dumps(body, ensure_ascii=False, default=str)
    return f"{clock}  > feedback of action {report['attempt']}: {said}\n          < {report['outcome']}{note}"


def _outcome(one: rollouts.Deployment) -> Iterator[web.Happening]:
    if one.booted_at is not None:
        more = (
            "weak evidence: it came back, and cannot tell its version" if one.weak else "version seen in its own report"
        )
        yield web.Happening(one.booted_at, "booted", f"Booted {one.version}", more)
    if one.state not in ENDS or (one.state is State.SUPERSEDED and one.booted_at is not None):
        return
    glyph, text = ENDS[one.state]
    more = ""
    if one.state is State.CONFIRMED and one.booted_at is not None:
        more = f"{web.duration(one.since - one.booted_at)} healthy after booting"
    yield web.Happening(one.since, glyph, text.format(version=one.version), more)


def _record(turn: Turn) -> Iterator[web.Happening]:
    """What the rollout's record says beside reports and crashes."""
    watched = False
    for at, _, ident in turn.lines:
        if ident.startswith("silent-"):
            since = float(ident.removeprefix("silent-"))
            yield web.Happening(at, "offline", "Silent", f"no contact for {web.duration(at - since)}")
        elif turn.rollout.plan.comparison and ident.startswith("poll-") and ident.endswith("-2") and not watched:
            watched = True
            window = web.span(turn.rollout.plan.window_s)
            more = f"{window} after its first contact in that wave, as every device, held back or not"
            yield web.Happening(at, "held-back", f"In the comparison of {turn.rollout.version} from now", more)
