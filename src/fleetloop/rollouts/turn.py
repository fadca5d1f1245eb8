"""One device through its rollouts: enrolled, drawn, what it was handed and said, what the record says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from fleetloop.core.db import Reader
from fleetloop.rollouts import book, store
from fleetloop.rollouts import tables as t
from fleetloop.rollouts.cases import Attempt, Deployment, OpenWave, Rollout
from fleetloop.rollouts.reports import said_by


@dataclass(frozen=True)
class Turn:
    """One device in one rollout. ``lines``: (at, kind, ident) of its lines in the rollout's record, in order."""

    rollout: Rollout
    enrolled_at: float
    wave: OpenWave | None
    deployment: Deployment | None
    attempts: Sequence[Attempt]
    reports: Sequence[Mapping[str, object]]
    lines: Sequence[tuple[float, str, str]]


def turns(reader: Reader, device: str, most: int = 50) -> list[Turn]:
    """The rollouts that a device took part in, oldest first; the last ``most``."""
    m = t.members.c
    rows = reader.all(sa.select(t.members).where(m.device == device).order_by(m.rollout.desc()).limit(most))
    mine = {d.rollout: d for d in store.of_device(reader, device)}
    reports = said_by(reader, device=device, most=1000)
    found = [_turn(reader, device, row, mine.get(row["rollout"]), reports) for row in reversed(rows)]
    return [turn for turn in found if turn]


def _turn(
    reader: Reader, device: str, row: Mapping[str, int], one: Deployment | None, reports: Sequence[Mapping[str, object]]
) -> Turn | None:
    case = store.rollout(reader, row["rollout"])
    if case is None:
        return None
    waves = {w.number: w for w in store.waves(reader, case.id)}
    since = waves.get(row["since_wave"])
    attempts = store.attempts_of(reader, one.id) if one else []
    ids = {a.id for a in attempts}
    return Turn(
        case, since.opened_at if since else case.started_at, waves.get(one.wave) if one else None, one, attempts,
        [r for r in reversed(reports) if r["attempt"] in ids], lines(reader, case, device),
    )  # fmt: skip


def lines(reader: Reader, case: Rollout, device: str) -> list[tuple[float, str, str]]:
    """(at, kind, ident) of what the record says of one device."""
    start = book.place_of(case.seed, device)
    r = t.record.c
    wanted = sa.select(r.at, r.tie).where(r.rollout == case.id, r.tie.like(f"{start}.%"))
    found: list[tuple[float, str, str]] = []
    for row in reader.all(wanted.order_by(r.at, r.id)):
        kind, rest = row["tie"].split(".", 2)[1:]
        if rest.startswith(f"{device}."):
            found.append((row["at"], kind, rest.removeprefix(f"{device}.")))
    return found
