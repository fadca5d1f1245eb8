"""The two seams of the wire that rollouts own: what a device should do now, and its reports and downloads."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fleetloop import health
from fleetloop.core.clock import Clock
from fleetloop.core.db import Database, Tx
from fleetloop.core.errors import LimitError
from fleetloop.rollouts import hot, reports, store
from fleetloop.rollouts.cases import Attempt, Deployment
from fleetloop.rollouts.desk import Desk, Live, Watch
from fleetloop.rollouts.engine import heard
from fleetloop.rollouts.model import ENDED, Effect, Event, Intent, State
from fleetloop.rollouts.moves import apply, note
from fleetloop.wire import File, Order, Outcome, Report

COMPONENT = "application"
"""The only component that is rolled out so far."""
WORD = {
    State.CONFIRMED: "FINISHED",
    State.INSTALLED: "FINISHED",
    State.BOOTED: "FINISHED",
    State.CANCELLED: "CANCELED",
    State.SUPERSEDED: "CANCELED",
    State.WAITING: "RUNNING",
    State.OFFERED: "RETRIEVED",
    State.DOWNLOADING: "DOWNLOAD",
    State.DOWNLOADED: "DOWNLOADED",
    State.INSTALLING: "RUNNING",
}
"""hawkBit's word for a state; every other end is an error."""


class Dispatch:
    """``place`` gives the path of an artifact's bytes by its key."""

    def __init__(self, db: Database, clock: Clock, desk: Desk, files: Callable[[int], tuple[File, Path]]) -> None:
        self._db = db
        self._clock = clock
        self._desk = desk
        self._files = files

    # what a device should do

    def order(self, device: str) -> Order | None:
        """From memory."""
        live = self._desk.live.get(device)
        return None if live is None else live.shown

    def hand(self, device: str, action: int) -> Awaitable[bool] | None:
        """None if it is handed already and stands; else durable when awaited."""
        live = self._desk.live.get(device)
        if live is not None and live.attempt.id == action and live.shown is not None:
            return None if live.deployment.state is not State.WAITING else self._hand(device, action)
        return self._known(device, action)

    async def _hand(self, device: str, action: int) -> bool:
        at = self._clock.now()
        await self._db.write(lambda tx: self._hand_job(tx, device, action, at))
        return self._desk.stands(device, action)

    def _hand_job(self, tx: Tx, device: str, action: int, at: float) -> None:
        found = store.attempt(tx, action, device)
        if found and found[1].state is State.WAITING and not self._desk.watches[found[1].rollout].stopped:
            apply(tx, self._desk, (found[1], found[0]), Event.HANDED, at)

    async def _known(self, device: str, action: int) -> bool:
        """An action that is over may still be looked at by the device that had it."""
        found = await self._db.read(lambda reader: store.attempt(reader, action, device))
        return found is not None and found[0].handed_at is not None and found[1].state is not State.CANCELLED

    def stands(self, device: str, action: int) -> bool:
        """A running download asks between chunks."""
        return self._desk.stands(device, action)

    async def deployment(self, device: str, action: int) -> Order | None:
        """The action, if it was ever handed to this device or is to be handed now, and is not being cancelled."""
        live = self._desk.live.get(device)
        if live is not None and live.attempt.id == action and live.shown is not None:
            return None if live.shown.cancel else live.shown
        found = await self._db.read(lambda reader: store.attempt(reader, action, device))
        if found is None or found[0].handed_at is None or found[1].state is State.CANCELLED:
            return None
        return await self._past(*found)

    async def _past(self, attempt: Attempt, deployment: Deployment) -> Order | None:
        case = await self._db.read(lambda reader: store.rollout(reader, deployment.rollout))
        if case is None:
            return None
        file, _ = self._files(deployment.artifact)
        tag = attempt.id * len(Intent)
        return Order(attempt.id, file, case.product, deployment.version, deployment.component, tag=tag)

    async def cancelling(self, device: str, action: int) -> bool:
        """Whether the action is being, or was, cancelled."""
        found = await self._db.read(lambda reader: store.attempt(reader, action, device))
        if found is None:
            return False
        asked = found[1].intent in (Intent.SOFT, Intent.HARD)
        return asked or (found[1].state is State.CANCELLED and found[0].handed_at is not None)

    async def history(self, device: str, action: int, most: int) -> tuple[str, list[str]]:
        """HawkBit's word and the newest messages."""
        found = await self._db.read(lambda reader: store.attempt(reader, action, device))
        rows = await self._db.read(lambda reader: reports.said_by(reader, attempt=action, most=most or 1))
        messages = [text for row in rows for text in row["details"]][:most] if found else []
        return WORD.get(found[1].state, "ERROR") if found else "ERROR", messages

    def installed(self, device: str) -> int | None:
        """The last action that ended well."""
        return self._desk.installed.get(device)

    # what a device says

    def contact(self, device: str) -> Awaitable[None] | None:
        """None for almost every contact; else one that opens or ends a window, or the return of a mute client."""
        now = self._clock.now()
        notes = [(w, stage) for w in self._desk.watches.values() if not w.stopped and (stage := w.contact(device, now))]
        live = self._desk.live.get(device)
        back = live is not None and live.deployment.state is State.INSTALLED and self._came_back(live, now)
        return self._contact(device, notes, back, now) if notes or back else None

    def _came_back(self, live: Live, now: float) -> bool:
        """A client that never told its version is back, half a poll interval or more after it said *installed*."""
        poll_s = self._desk.watches[live.deployment.rollout].rollout.plan.poll_s
        return not live.deployment.previous and now - live.deployment.since >= poll_s / 2

    async def _contact(self, device: str, notes: list[tuple[Watch, int]], back: bool, at: float) -> None:
        def job(tx: Tx) -> None:
            for watch, stage in notes:
                ident = f"poll-{watch.rollout.wave}-{stage}"
                note(tx, self._desk, watch, health.Poll(at, device), ident)
            last = store.last_of(tx, device, COMPONENT) if back else None
            if last:
                apply(tx, self._desk, last, Event.CAME_BACK, at)

        await self._db.write(job)

    async def report(self, device: str, action: int, report: Report, *, on_cancel: bool) -> Outcome:
        """Durable when it returns."""
        at = self._clock.now()
        return await self._db.write(lambda tx: self._report(tx, device, action, (report, on_cancel, at)))

    def _report(self, tx: Tx, device: str, action: int, said: tuple[Report, bool, float]) -> Outcome:
        report, on_cancel, at = said
        found = hot.standing(tx, action, device)
        if found is None:
            return Outcome.UNKNOWN
        attempt, deployment, newest = found
        if newest != attempt.id:
            reports.add(tx, attempt, at, _body(report, on_cancel), Outcome.OVER.value, "late: an older attempt")
            return Outcome.OVER
        event = heard(report, on_cancel=on_cancel)
        deployment, attempt, change = apply(tx, self._desk, (deployment, attempt), event, at)
        body = _body(report, on_cancel)
        if not change.moved and report.device_time is not None and reports.said(tx, attempt, body):
            return change.outcome  # repeated, for its answer got lost
        reports.add(tx, attempt, at, body, change.outcome.value, change.note)
        if Effect.STRIKE in change.effects:
            self._strike(tx, deployment, attempt, at)
        return change.outcome

    def _strike(self, tx: Tx, deployment: Deployment, attempt: Attempt, at: float) -> None:
        watch = self._desk.watches.get(deployment.rollout)
        if watch is None:
            return
        said = [r for r in reports.said_by(tx, attempt=attempt.id) if r["execution"] in ("rejected", "canceled")]
        if len(said) >= watch.rollout.plan.rejections:
            apply(tx, self._desk, (deployment, attempt), Event.REJECTED_TOO_OFTEN, at)

    async def download(self, device: str, key: int, name: str, *, resumed: bool) -> tuple[int, File, Path] | None:
        """Only what an active order of this device names."""
        live = self._desk.live.get(device)
        if live is None or live.shown is None or live.shown.cancel or live.shown.file.key != key:
            return None
        file, path = self._files(key)
        if file.name != name:
            return None
        if not resumed:
            await self._begin(live.deployment, live.attempt)
        return live.attempt.id, file, path

    async def _begin(self, deployment: Deployment, attempt: Attempt) -> None:
        at = self._clock.now()
        plan = self._desk.watches[deployment.rollout].rollout.plan

        def job(tx: Tx) -> bool:
            found = store.attempt(tx, attempt.id, deployment.device)
            if found is None or found[1].state in ENDED:
                return True
            begun = found[0].downloads + 1
            now = store.change_attempt(tx, found[0], downloads=begun)
            event = Event.BUDGET_SPENT if begun > plan.downloads else Event.DOWNLOAD_BEGUN
            apply(tx, self._desk, (found[1], now), event, at)
            return begun <= plan.downloads

        if not await self._db.write(job):
            raise LimitError(f"{deployment.device} downloaded this {plan.downloads} times; it is not served again")


def _body(report: Report, on_cancel: bool) -> dict[str, Any]:
    return {
        "execution": report.execution.value,
        "finished": report.finished.value,
        "details": list(report.details),
        "code": report.code,
        "device_time": report.device_time,
        "broken": report.broken,
        "on_cancel": on_cancel,
    }
