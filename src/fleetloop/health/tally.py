"""What the comparison and the install guard have counted, and the one number made of it.

E = 0.6 pooled + 0.3 mean over all enrolled revisions + 0.1 install guard. It is looked at after every bad event of
the comparison and every failed install; once it was 1/alpha or more the rollout has stopped, for good.
"""

from statistics import fmean

from fleetloop.health.cohort import Member, Stratum
from fleetloop.health.evidence import GUARD, POOLED, REVISIONS, TENTHS, Evidence
from fleetloop.health.guard import Guard
from fleetloop.health.model import Comparable, Event, Plan, Silent, Step


class Tally:
    """Events, failed installs, and their evidence."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.guard = Guard(plan.p0, plan.window_s)
        self.pooled = Evidence()
        self.revisions: dict[str, Evidence] = {}
        self.events: list[Comparable] = []
        self.steps: list[Step] = []
        self.hurt: dict[str, float] = {}
        """New devices, each with the time of its first bad event."""
        self.e_max = 1.0
        self.stopped_at: float | None = None

    @property
    def e_value(self) -> float:
        """E now. A first release has no control: its E is the guard's alone."""
        if not self._plan.comparison:
            return self.guard.value
        mean = fmean(evidence.value for evidence in self.revisions.values()) if self.revisions else 1.0
        return (POOLED * self.pooled.value + REVISIONS * mean + GUARD * self.guard.value) / TENTHS

    def enrol(self, revision: str, at: float) -> None:
        """A revision takes part in the mean."""
        if revision not in self.revisions:
            self.revisions[revision] = Evidence()
            self._look(at)

    def strike(self, line: Event | Silent, member: Member, before: Stratum) -> None:
        """A bad event of a device at risk, ``before`` the numbers at risk; evidence only if both arms were."""
        if member.new:
            self.hurt.setdefault(line.device, line.at)
        if not (self._plan.comparison and before.held_back and before.new):
            return
        for evidence in (self.pooled, self.revisions[member.revision]):
            evidence.add(before.held_back, before.new, new=member.new)
        what = line.what if isinstance(line, Event) else "silent"
        self.events.append(
            Comparable(
                at=line.at,
                device=line.device,
                revision=member.revision,
                group=member.group,
                arm=member.arm,
                what=what,
                a=before.held_back,
                b=before.new,
                e_after=self._step(line.at),
            )
        )

    def fail(self, device: str, at: float) -> None:
        """The device's install failed; a second failure is no news."""
        if self.guard.fail(device):
            self._step(at)

    def _step(self, at: float) -> float:
        value = self._look(at)
        self.steps.append(Step(at, value))
        return value

    def _look(self, at: float) -> float:
        value = self.e_value
        self.e_max = max(self.e_max, value)
        if self.stopped_at is None and value >= self._plan.limit:
            self.stopped_at = at
        return value
