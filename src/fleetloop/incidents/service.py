"""Opens an incident when the verdict stops a rollout, and notes when the fleet was restored and fixed."""

from collections.abc import Sequence

from fleetloop import releases, rollouts
from fleetloop.core.db import Database, Tx
from fleetloop.core.errors import NotFoundError
from fleetloop.core.facts import Recorded
from fleetloop.core.listen import Listener
from fleetloop.health import Experiment
from fleetloop.incidents import store
from fleetloop.incidents.model import Incident

ENDED_WELL = {rollouts.Phase.GOOD_ENOUGH.value, rollouts.Phase.INCONCLUSIVE.value}


class Incidents:
    """One server's incidents."""

    def __init__(self, db: Database) -> None:
        self._db = db

    @property
    def listener(self) -> Listener:
        """For the wiring."""
        return Listener("incidents", (rollouts.RolloutStopped, rollouts.RolloutEnded), self._hear)

    def _hear(self, tx: Tx, facts: Sequence[Recorded]) -> None:
        for recorded in facts:
            fact = recorded.fact
            if isinstance(fact, rollouts.RolloutStopped) and fact.by == "verdict":
                self._open(tx, fact)
            elif isinstance(fact, rollouts.RolloutEnded):
                self._ended(tx, fact)

    def _open(self, tx: Tx, fact: rollouts.RolloutStopped) -> None:
        experiment = rollouts.experiment_of(tx, fact.rollout)
        manifest = releases.get_release(tx, fact.product, fact.version).manifest if fact.version else None
        store.add(
            tx,
            Incident(
                id=0,
                rollout=fact.rollout,
                product=fact.product,
                version=fact.version,
                revision=worst(experiment),
                commit=manifest.commit if manifest else "",
                subject=manifest.subject if manifest else "",
                sentence=fact.sentence,
                evidence=experiment.e_max,
                first_event_at=next((e.at for e in experiment.events if e.arm.value == "new"), None),
                opened_at=fact.at,
                restored_at=None,
                fixed_by="",
                fixed_at=None,
                devices=tuple(sorted(experiment.hurt_devices)),
            ),
        )

    def _ended(self, tx: Tx, fact: rollouts.RolloutEnded) -> None:
        """A rollback that is done restores; a later release that reached everybody fixes."""
        if fact.phase == rollouts.Phase.ROLLED_BACK.value:
            undone = rollouts.undone_by(tx, fact.rollout)
            found = store.of_rollout(tx, undone) if undone else None
            if found and found.restored_at is None:
                store.change(tx, found.id, restored_at=fact.at)
        elif fact.phase in ENDED_WELL and not any(r.held_back for r in rollouts.experiment_of(tx, fact.rollout).rows()):
            for incident in store.all_of(tx, fact.product):
                if incident.fixed_at is None and fact.rollout > incident.rollout:
                    store.change(tx, incident.id, fixed_by=fact.version, fixed_at=fact.at)

    async def all(self, product: str | None = None) -> list[Incident]:
        """Newest first."""
        return await self._db.read(lambda reader: store.all_of(reader, product))

    async def unrestored(self) -> int:
        """How many are open."""
        return await self._db.read(store.unrestored)

    async def get(self, number: int) -> Incident:
        """Raises `NotFoundError`."""
        found = await self._db.read(lambda reader: store.get(reader, number))
        if found is None:
            raise NotFoundError(f"there is no incident {number}; `fleetloop incident list` shows all")
        return found

    async def of_rollout(self, rollout: int) -> Incident | None:
        """The incident of a stopped rollout."""
        return await self._db.read(lambda reader: store.of_rollout(reader, rollout))


def worst(experiment: Experiment) -> str:
    """The hardware revision with the most evidence against the release; empty if no single one stands out."""
    rows = sorted(experiment.rows(), key=lambda r: r.e_value, reverse=True)
    return rows[0].revision if rows and rows[0].new_events and rows[0].e_value > 1 else ""
