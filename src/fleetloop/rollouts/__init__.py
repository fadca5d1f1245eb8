"""Who gets what, when: rollouts, waves, gates, dispatch; every rollout is an experiment with a control group.

It is *not* the judge of a release (`fleetloop.health` computes the verdict, this room feeds it and obeys) and it speaks
no protocol (`fleetloop.wire` asks its `Dispatch`).
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.rollouts.cases import Deployment as Deployment
    from fleetloop.rollouts.cases import DeviceConfirmed as DeviceConfirmed
    from fleetloop.rollouts.cases import Entry as Entry
    from fleetloop.rollouts.cases import OpenWave as OpenWave
    from fleetloop.rollouts.cases import Rollout as Rollout
    from fleetloop.rollouts.cases import RolloutEnded as RolloutEnded
    from fleetloop.rollouts.cases import RolloutStarted as RolloutStarted
    from fleetloop.rollouts.cases import RolloutStopped as RolloutStopped
    from fleetloop.rollouts.cases import Sort as Sort
    from fleetloop.rollouts.cases import WaveOpened as WaveOpened
    from fleetloop.rollouts.cases import WentSilent as WentSilent
    from fleetloop.rollouts.contacts import Clocks as Clocks
    from fleetloop.rollouts.desk import Desk as Desk
    from fleetloop.rollouts.dispatch import Dispatch as Dispatch
    from fleetloop.rollouts.glance import Stand as Stand
    from fleetloop.rollouts.glance import confirmed_at as confirmed_at
    from fleetloop.rollouts.glance import stands as stands
    from fleetloop.rollouts.hearing import Hearing as Hearing
    from fleetloop.rollouts.model import OVER as OVER
    from fleetloop.rollouts.model import Phase as Phase
    from fleetloop.rollouts.model import Plan as Plan
    from fleetloop.rollouts.model import State as State
    from fleetloop.rollouts.runner import Runner as Runner
    from fleetloop.rollouts.service import Rollouts as Rollouts
    from fleetloop.rollouts.service import Whole as Whole
    from fleetloop.rollouts.service import experiment_of as experiment_of
    from fleetloop.rollouts.service import undone_by as undone_by
    from fleetloop.rollouts.showing import Showing as Showing
    from fleetloop.rollouts.shown import RolloutShown as RolloutShown
    from fleetloop.rollouts.turn import Turn as Turn
    from fleetloop.rollouts.turn import turns as turns
    from fleetloop.rollouts.view import badge as badge
    from fleetloop.rollouts.view import blame as blame
    from fleetloop.rollouts.view import gate as gate
    from fleetloop.rollouts.view import group as group
    from fleetloop.rollouts.words import stuck_sentence as stuck_sentence

_FILES = {
    "cases": "Deployment DeviceConfirmed Entry OpenWave Rollout RolloutEnded RolloutStarted RolloutStopped Sort "
    "WaveOpened WentSilent",
    "contacts": "Clocks",
    "desk": "Desk",
    "dispatch": "Dispatch",
    "glance": "Stand confirmed_at stands",
    "hearing": "Hearing",
    "model": "OVER Phase Plan State",
    "runner": "Runner",
    "service": "Rollouts Whole experiment_of undone_by",
    "showing": "Showing",
    "shown": "RolloutShown",
    "turn": "Turn turns",
    "view": "badge blame gate group",
    "words": "stuck_sentence",
}
__all__ = [
    "OVER", "Clocks", "Deployment", "Desk", "DeviceConfirmed", "Dispatch", "Entry", "Hearing", "OpenWave", "Phase",
    "Plan", "Rollout", "RolloutEnded", "RolloutShown", "RolloutStarted", "RolloutStopped", "Rollouts", "Runner",
    "Showing", "Sort", "Stand", "State", "Turn", "WaveOpened", "WentSilent", "Whole", "badge", "blame", "confirmed_at",
    "experiment_of", "gate", "group", "stands", "stuck_sentence", "turns", "undone_by",
]  # fmt: skip
__getattr__ = lazy("fleetloop.rollouts", {name: file for file, names in _FILES.items() for name in names.split()})
