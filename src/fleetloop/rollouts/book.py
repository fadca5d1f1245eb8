"""The record of a rollout: what the verdict is a function of, kept so that it can be folded again after any restart.

Kept are the lines that happen (contacts that open or end a window, installs, bad events, silences, waves). Who was
enrolled and drawn follows from members and deployments and is put in where its wave stands.

Lines get their place when a tick books them: by time of receipt, then hash of the device, then event before contact, so
that the order in which requests of one instant arrive decides nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b

import sqlalchemy as sa

from fleetloop import health
from fleetloop.core.db import Reader, Tx
from fleetloop.rollouts import hot, store
from fleetloop.rollouts import tables as t
from fleetloop.rollouts.cases import Member, Rollout

ORDER = {"Leave": 0, "Event": 1, "Silent": 2, "Install": 3, "Poll": 4}
"""Of one device at one instant: a bad event came before what the same contact then brought. So it leaves no evidence if
it is itself the contact that ends a window, and is no failure of an install that was handed right after it."""


def verdict_plan(rollout: Rollout) -> health.Plan:
    """What of the plan the record's first line freezes."""
    plan = rollout.plan
    return health.Plan(
        alpha=plan.alpha,
        hold=plan.hold,
        window_s=plan.window_s,
        silent_s=plan.silent_s,
        install_deadline_s=plan.install_deadline_s,
        p0=plan.p0,
        silences=health.Silences.RECORDED,
        comparison=plan.comparison,
        tolerated=plan.tolerated,
    )


def tie(seed: str, line: health.Line, ident: str) -> str:
    """Sorts the lines of one instant; the same for a repeated line, which is then dropped."""
    device = getattr(line, "device", "")
    return f"{place_of(seed, device)}.{ORDER.get(type(line).__name__, 9)}.{device}.{ident}"


def place_of(seed: str, device: str) -> str:
    """Where the lines of one device stand among those of an instant."""
    return blake2b(device.encode(), key=seed.encode()[:64], digest_size=8).hexdigest()


def note(tx: Tx, rollout: int, seed: str, line: health.Line, ident: str) -> None:
    """Keep ``line`` until a tick books it, unless it is known already."""
    hot.add_line(tx, rollout, line.at, tie(seed, line, ident), health.encode(line))


def waiting(reader: Reader, rollout: int) -> bool:
    """Whether lines wait to be booked."""
    mine = sa.select(t.record.c.id).where(t.record.c.rollout == rollout, t.record.c.seq.is_(None)).limit(1)
    return reader.first(mine) is not None


def book(tx: Tx, rollout: int, before: float) -> list[health.Line]:
    """Give every waiting line received before ``before`` its place, and return them in order.

    Times in the record never go back: a line that was overtaken gets the time of the one before it.
    """
    mine = sa.select(t.record).where(t.record.c.rollout == rollout)
    rows = tx.all(mine.where(t.record.c.seq.is_(None), t.record.c.at < before).order_by(t.record.c.at, t.record.c.tie))
    if not rows:
        return []
    last = tx.first(mine.where(t.record.c.seq.is_not(None)).order_by(t.record.c.seq.desc()).limit(1))
    seq, at = (last["seq"], last["at"]) if last else (0, 0.0)
    lines: list[health.Line] = []
    for row in rows:
        seq, at = seq + 1, max(at, row["at"])
        line = _line(row["line"], at)
        lines.append(line)
        hot.booked(tx, row["id"], seq, at, health.encode(line))
    return lines


def place(tx: Tx, rollout: int, line: health.Line) -> None:
    """Book one line now, after all that are booked: a wave, the end."""
    mine = sa.select(sa.func.coalesce(sa.func.max(t.record.c.seq), 0)).where(t.record.c.rollout == rollout)
    seq = int(tx.one(mine)) + 1
    row = {"at": line.at, "tie": f"house.{seq}", "line": health.encode(line), "seq": seq}
    tx.execute(sa.insert(t.record).values(rollout=rollout, **row))


def _line(text: str, at: float) -> health.Line:
    line = health.parse(text, 1)
    if isinstance(line, health.Plan):
        raise health.RecordError(1, "a line that happened", "a plan")
    return line if line.at == at else replace(line, at=at)


def lines(reader: Reader, rollout: Rollout) -> Iterator[health.Line]:
    """Every booked line with enrolments and draws in their places; the plan is `verdict_plan`."""
    members = store.members(reader, rollout.id, left=True)
    drawn: dict[int, list[str]] = {}
    for one in store.deployments(reader, rollout.id):
        drawn.setdefault(one.wave, []).append(one.device)
    yield from enrolments(rollout.started_at, members, 0)
    mine = sa.select(t.record).where(t.record.c.rollout == rollout.id, t.record.c.seq.is_not(None))
    for row in reader.all(mine.order_by(t.record.c.seq)):
        line = _line(row["line"], row["at"])
        if isinstance(line, health.Wave):
            yield from opening(line, members, drawn.get(line.number, ()))
        else:
            yield line


def enrolments(at: float, members: Iterable[Member], wave: int) -> Iterator[health.Line]:
    """The enrolments of one wave (0: the start), by device id."""
    for member in members:
        if member.since_wave == wave:
            yield health.Enrol(at, member.device, member.revision)


def opening(wave: health.Wave, members: Iterable[Member], drawn: Sequence[str]) -> Iterator[health.Line]:
    """A wave: late joiners, the wave itself, its draws by device id."""
    yield from enrolments(wave.at, members, wave.number)
    yield wave
    for device in sorted(drawn):
        yield health.Draw(wave.at, device, wave.number)


def text(reader: Reader, rollout: Rollout) -> Iterator[str]:
    """The record as JSON lines: what `fleetloop rollout verdict --log -` reads."""
    yield health.encode(verdict_plan(rollout))
    for line in lines(reader, rollout):
        yield health.encode(line)


def contacts(reader: Reader, rollout: int) -> Iterator[tuple[str, str, float]]:
    """(device, ident, at) of every contact kept, booked or not: for the windows in memory."""
    mine = sa.select(t.record.c.tie, t.record.c.at).where(t.record.c.rollout == rollout)
    for row in reader.all(mine.where(t.record.c.tie.like("%.4.%.poll-%")).order_by(t.record.c.id)):
        _, order, rest = row["tie"].split(".", 2)
        if order == str(ORDER["Poll"]):  # a device chooses its boot id, and with it how the tie of an event reads
            device, _, ident = rest.rpartition(".")
            yield device, ident, row["at"]
