"""The verdict as a pure function of a rollout's record.

experiment = Experiment(plan)
for line in lines:
    experiment.feed(line)
experiment.e_value, experiment.verdict, experiment.interval()
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from fleetloop.health.evidence import GUARD, SHOWN, TENTHS, good_enough, install_evidence
from fleetloop.health.fold import Fold
from fleetloop.health.guard import Guard
from fleetloop.health.interval import estimate, interval
from fleetloop.health.model import Comparable, Exposure, Interval, Plan, RecordError, Row, Step, Verdict
from fleetloop.health.record import parse

DAY_S = 86_400.0


class Experiment(Fold):
    """One rollout's comparison of new and held-back devices, fed line by line."""

    def __init__(self, plan: Plan) -> None:
        """Start with nobody enrolled and E = 1."""
        super().__init__(plan)
        self._intervals: dict[str | None, tuple[int, Interval]] = {}

    @property
    def guard(self) -> Guard:
        """Installs started, failed, booted and in flight, and their own evidence."""
        return self._tally.guard

    @property
    def events(self) -> Sequence[Comparable]:
        """The comparable bad events, in order."""
        return self._tally.events

    @property
    def steps(self) -> Sequence[Step]:
        """E after each bad event of the comparison and each failed install."""
        return self._tally.steps

    @property
    def hurt(self) -> int:
        """New devices with a first bad event in the comparison."""
        return len(self._tally.hurt)

    @property
    def hurt_devices(self) -> frozenset[str]:
        """Those devices."""
        return frozenset(self._tally.hurt)

    @property
    def hurt_at(self) -> Mapping[str, float]:
        """When each of them had it."""
        return self._tally.hurt

    @property
    def e_value(self) -> float:
        """E now."""
        return self._tally.e_value

    @property
    def e_max(self) -> float:
        """The highest E so far."""
        return self._tally.e_max

    @property
    def stopped_at(self) -> float | None:
        """When E first was 1/alpha or more; None if it never was."""
        return self._tally.stopped_at

    @property
    def e_pooled(self) -> float:
        """Evidence of the comparison over all strata."""
        return self._tally.pooled.value

    @property
    def e_by_revision(self) -> Mapping[str, float]:
        """Evidence of each revision alone: information, decides nothing."""
        return {revision: evidence.value for revision, evidence in self._tally.revisions.items()}

    @property
    def e_guard(self) -> float:
        """Evidence that installs fail too often."""
        return self.guard.value

    @property
    def failures_to_stop(self) -> int | None:
        """How many failed installs, of those started so far, would stop the rollout; None if not even all."""
        weight = GUARD / TENTHS if self.plan.comparison else 1.0
        rest = self.e_value - weight * self.e_guard
        for failed in range(self.guard.failed, self.guard.started + 1):
            if rest + weight * install_evidence(self.guard.started, failed, self.plan.p0) >= self.plan.limit:
                return failed
        return None

    @property
    def e_ok(self) -> float | None:
        """Evidence that the release is below what the product tolerates; None if it declares nothing."""
        tolerated = self.plan.tolerated
        return None if tolerated is None else good_enough(tolerated, self.device_days, self.hurt)

    @property
    def good_enough(self) -> bool:
        """Whether *good enough* may be shown: it opens no gate that E holds."""
        value = self.e_ok
        return value is not None and value >= SHOWN

    @property
    def device_days(self) -> float:
        """Device-days of new devices in the comparison."""
        return sum(exposure.new_days for exposure in self.exposures)

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """Device-days at risk, a row per wave."""
        return tuple(Exposure(int(wave), new / DAY_S, held / DAY_S) for wave, new, held in self._watched)

    def age_covered_s(self, now: float) -> float:
        """Age since booting that nine in ten of the new devices at risk have reached by ``now``; 0 if nobody is.

        A device at risk that has not booted the release has age 0. The record may have been quiet for long before
        ``now``: who is well says nothing.
        """
        members = self._cohort.members.items()
        risky = [device for device, member in members if member.new and member.stratum is not None]
        ages = sorted(now - (now if (at := self.guard.booted_at(device)) is None else at) for device in risky)
        return max(ages[len(ages) // 10], 0.0) if ages else 0.0

    @property
    def comparable(self) -> bool:
        """Whether any stratum has devices of both arms: without one, only failed installs can speak."""
        arms = {(member.revision, member.group, member.new) for _, member in self._cohort.eligible()}
        return self.plan.comparison and any((revision, group, not new) in arms for revision, group, new in arms)

    @property
    def new_events(self) -> int:
        """Comparable bad events on new devices."""
        return self._tally.pooled.new

    @property
    def held_events(self) -> int:
        """Comparable bad events on held-back devices."""
        return len(self.events) - self._tally.pooled.new

    @property
    def expected_new(self) -> float:
        """Comparable bad events on new devices to be expected were the release no worse."""
        return self._tally.pooled.expected

    @property
    def verdict(self) -> Verdict:
        """What the record says so far; a stop is final."""
        if self.stopped_at is not None:
            return Verdict.STOP
        if self.e_value >= self.plan.hold:
            return Verdict.HOLD
        upper = self.interval().upper
        return Verdict.INCONCLUSIVE if upper is None or upper >= 2 else Verdict.NOT_TWICE_AS_BAD

    def interval(self, revision: str | None = None) -> Interval:
        """Times as bad, of all revisions or of one; the same events are computed once."""
        evidence = self._tally.pooled if revision is None else self._tally.revisions[revision]
        count, found = self._intervals.get(revision, (-1, Interval(0.0, None)))
        if count != len(evidence.shares):
            found = interval(evidence.shares, evidence.new)
            self._intervals[revision] = (len(evidence.shares), found)
        return found

    def interval_after(self, count: int) -> Interval:
        """The interval of all revisions just after the first ``count`` comparable events, for the picture over time."""
        return interval(self._tally.pooled.shares[:count], sum(self._tally.pooled.news[:count]))

    def estimate(self, revision: str | None = None) -> float | None:
        """The most likely times as bad; 0 or None where one arm had no event."""
        evidence = self._tally.pooled if revision is None else self._tally.revisions[revision]
        return estimate(evidence.shares, evidence.new)

    def rows(self) -> tuple[Row, ...]:
        """The revisions in figures, in order of name."""
        present = Counter((m.revision, m.new) for m in self._cohort.members.values() if m.randomised and not m.gone)
        risky = Counter((m.revision, m.new) for m in self._cohort.members.values() if m.stratum is not None)
        return tuple(self._row(revision, present, risky) for revision in sorted(self._tally.revisions))

    def _row(self, revision: str, present: Counter[tuple[str, bool]], risky: Counter[tuple[str, bool]]) -> Row:
        evidence = self._tally.revisions[revision]
        return Row(
            revision=revision,
            new=present[revision, True],
            held_back=present[revision, False],
            new_at_risk=risky[revision, True],
            held_back_at_risk=risky[revision, False],
            new_events=evidence.new,
            held_back_events=len(evidence.shares) - evidence.new,
            expected_new=evidence.expected,
            e_value=evidence.value,
            interval=self.interval(revision),
            estimate=self.estimate(revision),
        )


def read_record(lines: Iterable[bytes]) -> Experiment:
    """Fold a whole record; empty lines are passed over.

    Raises:
        RecordError: the record is malformed; the first line is not its plan.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    number, first = next(numbered, (1, b""))
    plan = parse(first, number) if first else None
    if not isinstance(plan, Plan):
        raise RecordError(number, "the plan as the first line", first.decode(errors="replace") or "an empty record")
    experiment = Experiment(plan)
    for number, raw in numbered:
        line = parse(raw, number)
        if isinstance(line, Plan):
            raise RecordError(number, "one plan, as the first line", "another")
        experiment.feed(line, number)
    return experiment


def verdict_of_log(lines: Iterable[bytes]) -> dict[str, object]:
    """What ``fleetloop rollout verdict --log`` prints.

    Raises:
        RecordError: the record is malformed.
    """
    experiment = read_record(lines)
    found = experiment.interval()
    return {
        "verdict": experiment.verdict.value,
        "e_value": experiment.e_value,
        "hr_interval": [found.lower, found.upper],
    }
