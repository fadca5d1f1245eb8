"""One device as its page shows it: values of several rooms in, one picture out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fleetloop import fleet, incidents, rollouts, web
from fleetloop.insights import axis, story
from fleetloop.insights.story import Life
from fleetloop.rollouts import State

DAY_S = 86_400.0


@dataclass(frozen=True)
class Around:
    """What is known beside the device's own life. ``silent_s``: how long it may be away."""

    poll_s: float
    silent_s: float
    incidents: Sequence[incidents.Incident]


def shown(life: Life, around: Around, now: float) -> fleet.DeviceShown:
    """The device at ``now``."""
    device, bad = life.device, life.bad
    start, end = axis.window(life, now)
    inside = [h for h in bad if start <= h.at <= end]
    mine = [i for i in around.incidents if device.id in i.devices]
    version = next((m for m in reversed(life.moments) if m.what == "version"), None)
    proven = _proven(life)
    return fleet.DeviceShown(
        id=device.id, product=device.product, revision=web.board(device.revision), health=health(life, around, now),
        version=device.version, proven=proven, since=version.at if version else None,
        seen_at=device.last_contact, poll_s=around.poll_s, silent_s=around.silent_s, crashes=len(bad),
        known_since=device.created_at, last_bad_at=bad[-1].at if bad else None, remark=_remark(life, mine),
        start=start, end=end, versions=axis.versions(life, now), states=axis.states(life, now),
        silences=axis.silences(life, now), boots=axis.boots(life), bad=axis.bad(life),
        bad_note=story.spelt(inside[0].text) if len(inside) == 1 else "",
        stops=axis.stops(life.turns), happened=story.happened(life), held=tuple(_held(life)),
        components=(("application", device.version, proven, version.at if version else None),) if version else (),
        identity=tuple(_identity(device, around)), incident=incidents.name(mine[0].id) if mine else "",
    )  # fmt: skip


def health(life: Life, around: Around, now: float) -> tuple[str, str]:
    """A state and a word for the heading, the worst first."""
    device = life.device
    if device.retired_at is not None:
        return "cancelled", "retired"
    if device.last_contact is None:
        return "waiting", "never called"
    if now - device.last_contact > around.silent_s:
        return "offline", f"no contact for {web.duration(now - device.last_contact)}"
    if not device.version:
        return "waiting", "version unknown"
    return _on(_brought(life), device.version)


def _on(one: rollouts.Deployment | None, version: str) -> tuple[str, str]:
    if one and one.hurt:
        return "hurt", f"hurt by {version}"
    words = {State.CONFIRMED: ("confirmed", "healthy on"), State.BOOTED: ("booted", "soaking on")}
    state, word = words.get(one.state, ("booted", "runs")) if one else ("booted", "runs")
    return state, f"{word} {version}"


def _brought(life: Life) -> rollouts.Deployment | None:
    """The deployment that brought it the version it runs."""
    found = (t.deployment for t in reversed(life.turns) if t.deployment)
    return next((d for d in found if d.version == life.device.version and d.booted_at is not None), None)


def _proven(life: Life) -> str:
    """What is known of the version it runs."""
    on_it = [t.deployment for t in life.turns if t.deployment and t.deployment.version == life.device.version]
    if any(d.state is State.CONFIRMED for d in on_it):
        return "confirmed"
    return "weak evidence" if life.device.weak else ""


def _remark(life: Life, mine: Sequence[incidents.Incident]) -> str:
    device = life.device
    told = device.told_revision
    if told and told.casefold() != device.revision.casefold():
        return f"It says that it is {told}, and is registered as {device.revision}."
    if not mine:
        return "Never hurt by a rollout." if life.turns else "No rollout has had it yet."
    fixed = f", fixed by {mine[0].fixed_by}" if mine[0].fixed_by else ""
    return f"Hurt by {mine[0].version}{fixed}"


Held = tuple[str, str, float, float | None]


def _held(life: Life) -> Iterator[Held]:
    """Newest first."""
    for turn in reversed(life.turns):
        case, one = turn.rollout, turn.deployment
        if case.kind is rollouts.Sort.ROLLBACK:
            continue
        if case.phase is rollouts.Phase.STOPPED and case.ended_at is not None:
            yield case.version, "stopped: not offered to anyone", case.ended_at, None
        if one and (at := axis.hurt_at(life, one)) is not None:
            yield case.version, "bad for this device: it was hurt on it", at, None
        drawn = turn.wave.opened_at if turn.wave else case.ended_at
        if drawn is None or drawn - turn.enrolled_at >= case.plan.poll_s:
            yield case.version, "control group, not drawn yet", turn.enrolled_at, drawn


def _identity(device: fleet.Device, around: Around) -> Iterator[tuple[str, str]]:
    yield "Revision", f"{device.product}/{device.revision}" if device.product else "not told yet"
    if device.group:
        yield "Group", device.group
    yield "Takes", device.takes
    source = device.source.value or "nobody told it yet"
    yield "Version from", f"{source}{', so a crash of it cannot be seen' if device.weak else ''}"
    yield "Polls", f"every {web.span(around.poll_s)}"
    yield "Known since", web.when(device.created_at, "date")
    yield from sorted(device.attributes.items())
