"""The verdict in words.

Evidence and lower ends are cut, upper ends rounded up: no number claims more than was seen. A missing end is said,
and where nothing can be told the sentence says "cannot tell".
"""

# ruff: noqa: RUF001  a ratio is written with the sign that people read

import math

from fleetloop.health.evidence import GUARD, TENTHS
from fleetloop.health.model import Interval
from fleetloop.health.power import Foresight, Scheme, foresee
from fleetloop.health.verdict import Experiment

HOUR_S = 3600.0
_MOST = 1_000_000
_WORTH = 10.0  # an upper end from here on says nothing that helps
_NUDGE = 1e-9  # 2.9 is a little less than 2.9 in binary


def cut_number(value: float) -> str:
    """One decimal below 10, none from there; never rounded up."""
    if value >= _MOST:
        return f"over {_MOST:,}"
    return f"{math.floor(value + _NUDGE):,}" if value >= 10 else f"{math.floor(value * 10 + _NUDGE) / 10:.1f}"


def raised_number(value: float) -> str:
    """As ``cut_number``, never rounded down: for upper ends."""
    if value >= _MOST:
        return f"over {_MOST:,}"
    return f"{math.ceil(value - _NUDGE):,}" if value > 9.9 else f"{math.ceil(value * 10 - _NUDGE) / 10:.1f}"


def interval_words(found: Interval) -> str:
    """The interval in a table's cell."""
    if found.upper is None:
        return "cannot tell" if found.lower <= 0 else f"× {cut_number(found.lower)} to no upper end"
    return f"× {cut_number(found.lower)} to × {raised_number(found.upper)}"


def size_words(found: Interval, likely: float | None, events: int) -> str:
    """How many times as bad, in a few words; ``events``: comparable ones of both arms."""
    if events == 0:
        return "no bad events: cannot tell"
    if found.lower > 1:
        return f"{_about(likely)}at least × {cut_number(found.lower)}"
    if found.upper is not None and found.upper < _WORTH:
        return f"{_about(likely)}at most × {raised_number(found.upper)}"
    return "cannot tell"


def counts_sentence(experiment: Experiment) -> str:
    """What the comparison saw: events on new devices, of how many, and how many were to be expected."""
    if not experiment.events:
        return "No comparable bad events yet: cannot tell."
    return f"{_counted(experiment)}."


def held_sentence(experiment: Experiment) -> str:
    """Why the next wave waits."""
    why = _installs(experiment) if _by_installs(experiment) else _counted(experiment)
    evidence = f"evidence {cut_number(experiment.e_value)}, stops at {cut_number(experiment.plan.limit)}"
    return f"Held: {why} ({evidence}). The next wave waits."


def stopped_sentence(experiment: Experiment) -> str:
    """Why the rollout stopped."""
    evidence = f"evidence {cut_number(max(experiment.e_value, experiment.e_max))}"
    if _by_installs(experiment):
        return f"Stopped: {_installs(experiment)} ({evidence})."
    return f"Stopped: {_counted(experiment)}; {_ends(experiment.interval())} ({evidence})."


def enough_sentence(experiment: Experiment, now: float) -> str:
    """*Good enough*, with the age covered by ``now``; the plan declares what is tolerated."""
    hours = math.floor(experiment.age_covered_s(now) / HOUR_S)
    return f"Good enough: below {_rate(experiment.plan.tolerated or 0.0)}, up to {hours} hours after booting."


def watched_sentence(experiment: Experiment) -> str:
    """What *good enough* rests on."""
    return f"{_events(experiment.hurt)} on new devices in {math.floor(experiment.device_days):,} device-days."


def inconclusive_sentence(ratio: float | None) -> str:
    """The end without a verdict; ``ratio``: ``smallest_ratio`` of what was watched."""
    if ratio is None:
        return "Inconclusive: this rollout could not have shown even × 10; nothing can be told of its size."
    return f"Inconclusive: this rollout could have shown × {ratio:g} and worse; nothing of that size was seen."


def not_comparable_sentence() -> str:
    """What stands where no stratum has devices of both arms."""
    return (
        "Not comparable: no new device was drawn at random from a revision that still has devices held back. "
        "Only failed installs can stop this rollout now."
    )


def meaning_sentence(version: str, evidence: float) -> str:
    """What the number says, once per page."""
    number = cut_number(evidence)
    return (
        f"{number} means: were {version} no worse, evidence this strong would come up in fewer than 1 of {number} "
        "rollouts, however often anyone looks."
    )


def planned_sentence(scheme: Scheme) -> str:
    """What the rollout will be able to see, before it starts."""
    sight = foresee(scheme)
    if sight.by_hand:
        return (
            "Fewer than 20 devices: nobody is held back, and a person opens each wave. Failed installs stop this "
            "rollout, and so do two crashed devices."
        )
    if not sight.stops:
        return "With these waves this comparison cannot stop; only failed installs can."
    soak = f"With these waves and {scheme.soak_s / HOUR_S:g} hours of soak"
    if sight.ratio is None:
        return f"{soak} not even a regression of × 10 is sure to be seen; failed installs are.{_blind(sight)}"
    return (
        f"{soak} you will see regressions of × {sight.ratio:g} and worse, with about {sight.hurt} devices hurt "
        f"before the stop.{_blind(sight)}"
    )


def first_release_sentence() -> str:
    """The same for a product's first release."""
    return (
        "A first release has nothing to be compared with: only failed installs stop it, "
        'and "good enough" decides at the end.'
    )


def _blind(sight: Foresight) -> str:
    if sight.first_wave >= sight.first_wave_needs:
        return ""
    return f" Wave 1 ({sight.first_wave} devices) is nearly blind: it takes {sight.first_wave_needs:,} to see × 10."


def _by_installs(experiment: Experiment) -> bool:
    """Whether failed installs are most of the evidence."""
    return not experiment.plan.comparison or GUARD / TENTHS * experiment.e_guard > experiment.e_value / 2


def _installs(experiment: Experiment) -> str:
    guard = experiment.guard
    return f"{guard.failed:,} of {guard.started:,} installs failed, usual is at most {experiment.plan.p0 * 100:.3g} %"


def _counted(experiment: Experiment) -> str:
    return (
        f"{experiment.new_events:,} of {len(experiment.events):,} comparable bad events were on new devices, "
        f"{experiment.expected_new:,.1f} expected"
    )


def _ends(found: Interval) -> str:
    if found.lower <= 0:
        return "how many times as bad, cannot tell"
    upper = "no upper end" if found.upper is None else f"at most {raised_number(found.upper)}"
    return f"at least {cut_number(found.lower)} times as bad, {upper}, of all bad events"


def _about(likely: float | None) -> str:
    if likely is None:
        return ""
    return f"× {likely:.0f}, " if likely >= 3 else f"× {likely:.1f}, "


def _rate(tolerated: float) -> str:
    """Per 100 device-days, or per the next power of ten that makes it one event or more."""
    days = 100
    while 0 < tolerated * days < 1 - _NUDGE:
        days *= 10
    number = tolerated * days
    return f"{number:.3g} bad event{'' if abs(number - 1) < _NUDGE else 's'} per {days:,} device-days"


def _events(count: int) -> str:
    return f"{count:,} first bad event{'' if count == 1 else 's'}"
