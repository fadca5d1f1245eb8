"""Events happen to deployments: the table says what becomes of them, here it is written down.

Called inside a transaction; memory learns of it after the commit.
"""

from typing import Any

from fleetloop import health
from fleetloop.core.db import Tx
from fleetloop.rollouts import book, store
from fleetloop.rollouts.cases import Attempt, Deployment, DeviceConfirmed
from fleetloop.rollouts.desk import Desk, Watch
from fleetloop.rollouts.engine import move
from fleetloop.rollouts.model import ENDED, Change, Effect, Event, State

GUARD = {
    Effect.STARTED: health.InstallState.STARTED,
    Effect.BOOTED: health.InstallState.BOOTED,
    Effect.FAILED: health.InstallState.FAILED,
}


def apply(
    tx: Tx, desk: Desk, case: tuple[Deployment, Attempt], event: Event, at: float
) -> tuple[Deployment, Attempt, Change]:
    """Let ``event`` happen to a deployment and its newest attempt."""
    deployment, attempt = case
    change = move(deployment.state, deployment.intent, event, closed=attempt.closed_at is not None)
    fields = _fields(deployment, change, at)
    stamps: dict[str, Any] = {}
    if change.closed_on_wire and attempt.closed_at is None:
        stamps["closed_at"] = at
    if event is Event.HANDED and change.moved:
        stamps["handed_at"] = at
    if fields:
        deployment = store.change(tx, deployment, **fields)
    if stamps:
        attempt = store.change_attempt(tx, attempt, **stamps)
    _guard(tx, desk, deployment, attempt, change, at)
    if deployment.state is State.CONFIRMED and change.moved:
        tx.record(DeviceConfirmed(at, deployment.rollout, deployment.device, deployment.version))
    if fields or stamps:
        revived = desk.revive(tx, deployment)

        def learn() -> None:
            desk.adopt(revived)
            desk.update(deployment, attempt)

        tx.after(learn)
    return deployment, attempt, change


def _fields(deployment: Deployment, change: Change, at: float) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if change.moved:
        fields = {"state": change.state, "intent": change.intent, "since": at, "open": change.state not in ENDED}
    if change.state is State.BOOTED and deployment.state is not State.BOOTED:
        fields |= {"booted_at": deployment.booted_at or at, "healthy_since": at}
    if Effect.SOAK_AGAIN in change.effects:
        fields["healthy_since"] = at
    if Effect.WEAK in change.effects:
        fields["weak"] = True
    return fields


def _guard(tx: Tx, desk: Desk, deployment: Deployment, attempt: Attempt, change: Change, at: float) -> None:
    watch = desk.watches.get(deployment.rollout)
    if watch is None or attempt.number > 1:  # the guard counts each device once
        return
    late = attempt.handed_at is not None and at - attempt.handed_at > watch.rollout.plan.window_s
    if late and deployment.booted_at is not None:  # what comes after W is the comparison's
        return
    for place, effect in enumerate(GUARD):  # the place sorts those of one instant: nothing fails before it started
        if effect in change.effects:
            line = health.Install(at, deployment.device, GUARD[effect])
            note(tx, desk, watch, line, f"{attempt.id}-{place}-{effect.name.lower()}")


def again(tx: Tx, desk: Desk, deployment: Deployment, number: int, at: float) -> None:
    """Another attempt of a deployment that ended badly."""
    attempt = store.add_attempt(tx, deployment, number, at)
    fresh = store.change(tx, deployment, state=State.WAITING, since=at, open=True, healthy_since=None)
    tx.after(lambda: desk.update(fresh, attempt))


def note(tx: Tx, desk: Desk, watch: Watch, line: health.Line, ident: str) -> None:
    """Add to the record of a rollout; the next tick books it."""
    book.note(tx, watch.rollout.id, watch.rollout.seed, line, ident)
    tx.after(lambda: desk.noted.add(watch.rollout.id))
