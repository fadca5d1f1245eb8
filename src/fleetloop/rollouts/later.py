"""Who comes later: devices that join a fleet after its rollout is over, and devices that show a stopped release.

The newest good release takes late joiners as one more wave of its rollout, by the same gates and the same evidence.
Strays of a stopped release go back by its rollback, which goes on.
"""

from dataclasses import replace

from fleetloop import releases
from fleetloop.core.db import Reader, Tx
from fleetloop.rollouts import store, undo
from fleetloop.rollouts.cases import Entry, Member, Rollout, Sort
from fleetloop.rollouts.draft import Offer, selection
from fleetloop.rollouts.model import OVER, Phase

GOOD = (Phase.GOOD_ENOUGH, Phase.INCONCLUSIVE)


def waiting(reader: Reader) -> list[tuple[Rollout, Offer, list[Member]]]:
    """Of each product: the rollout whose release late joiners get, and those joiners. Nobody is downgraded by it."""
    found: list[tuple[Rollout, Offer, list[Member]]] = []
    everything = store.rollouts(reader)
    for product in sorted({(r.product, r.component) for r in everything}):
        updates = [r for r in everything if (r.product, r.component) == product and r.kind is Sort.UPDATE]
        good = next((r for r in updates if r.phase in GOOD), None)
        if good is None or any(r.phase not in OVER for r in updates):
            continue
        newer = {r.version for r in updates if r.id > good.id}
        offer = offer_of(reader, releases.get_release(reader, good.product, good.version))
        known = {m.device for m in store.members(reader, good.id)}
        late = [m for m in selection(reader, offer) if m.device not in known and m.version not in newer]
        if late:
            found.append((good, offer, late))
    return found


def straying(reader: Reader) -> list[Rollout]:
    """Rollbacks that are over, and whose stopped release somebody runs again."""
    found: list[Rollout] = []
    for back in store.rollouts(reader):
        stopped = store.rollout(reader, back.undoes) if back.undoes and back.phase is Phase.ROLLED_BACK else None
        if stopped is None:
            continue
        taken = {m.device for m in store.members(reader, back.id)}
        revisions = sorted({m.revision for m in store.members(reader, stopped.id)})
        if any(b.member.artifact for b in undo.strays(reader, stopped, revisions, taken, back.id)):
            found.append(back)
    return found


def reopen(tx: Tx, case: Rollout, phase: Phase, sentence: str, at: float) -> Rollout:
    """A rollout that was over goes on."""
    store.change_rollout(tx, case.id, phase=phase, blocked=sentence, ended_at=None)
    store.write(tx, case.id, Entry(at, "wave", "Goes on", sentence))
    return replace(case, phase=phase, blocked=sentence, ended_at=None)


def offer_of(reader: Reader, release: releases.Release) -> Offer:
    """What a release has for devices."""
    return Offer(release.product, release.version, releases.artifacts_for(reader, release))
