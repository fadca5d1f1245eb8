"""An incident as its page tells it: its own line, and what the rollout and its rollback say by now."""

from collections.abc import Iterator

from fleetloop import rollouts, web
from fleetloop.incidents import view
from fleetloop.incidents.model import Incident

SAYS = {"crash": "crashes", "silent": "goes silent", "self-test": "fails its self-test"}
ALIKE = 1.3
"""Ages at the bad event that differ by less than this factor are told as one."""
HOUR_S = 3600.0


def name(number: int) -> str:
    """As people say it."""
    return f"INC-{number}"


def account(incident: Incident, shown: rollouts.RolloutShown) -> view.Incident:
    """``shown``: the stopped rollout."""
    back = shown.rollback.wave if shown.rollback else None
    return view.Incident(
        id=name(incident.id), line=line(incident, shown), product=incident.product, version=incident.version,
        opened_at=incident.opened_at, rollout=incident.rollout, revision=incident.revision, old=shown.old,
        commit=incident.commit, subject=incident.subject, comparison=shown.comparison,
        first_at=incident.first_event_at, held_at=held_at(shown), stopped_at=shown.ended_at,
        restored_at=incident.restored_at, hurt=len(incident.devices), drawn=shown.drawn, devices=shown.devices,
        back=(back.of("booted", "confirmed"), back.devices) if back else (0, 0), fixed_by=incident.fixed_by,
        wave_opened_at=shown.openings[-1][0] if shown.openings else None,
        happened=(*_own(incident), *shown.happened), hours=hours(shown),
    )  # fmt: skip


def line(incident: Incident, shown: rollouts.RolloutShown) -> str:
    """What goes wrong where, and when after booting: `rev-b crashes about 20 hours after booting 1.1.0`."""
    kinds = {e.what for e in shown.comparison.events if e.new} if shown.comparison else set[str]()
    if not kinds:
        return f"installs of {incident.version} fail"
    says = SAYS.get(kinds.pop(), "has bad events") if len(kinds) == 1 else "has bad events"
    where = web.board(incident.revision) if incident.revision else incident.product
    if found := hours(shown):
        return f"{where} {says} about {found} hours after booting {incident.version}"
    return f"{where} {says} on {incident.version}"


def hours(shown: rollouts.RolloutShown) -> int | None:
    """The age at the bad event, if all came at about the same."""
    ages = sorted(h.uptime_s for h in shown.hurt if h.uptime_s)
    alike = bool(ages) and ages[0] >= HOUR_S and ages[-1] <= ALIKE * ages[0]
    return round(ages[len(ages) // 2] / HOUR_S) if alike else None


def held_at(shown: rollouts.RolloutShown) -> float | None:
    """When the evidence came to the hold line and did not fall below it again before the stop."""
    at: float | None = None
    for point in shown.comparison.points if shown.comparison else ():
        if point.evidence < (shown.comparison.hold_at if shown.comparison else 0.0):
            at = None
        elif at is None:
            at = point.at
    return at


def _own(incident: Incident) -> Iterator[web.Happening]:
    if incident.fixed_at:
        yield web.Happening(incident.fixed_at, "confirmed", f"{incident.fixed_by} reached everybody", "fixed")
    if incident.restored_at:
        text = "All who could be reached are back on their last confirmed release"
        yield web.Happening(incident.restored_at, "confirmed", text, "restored")
    yield web.Happening(incident.opened_at, "hurt", f"{name(incident.id)} opened", "by the verdict")
