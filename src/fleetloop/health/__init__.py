"""Is the new release worse than the old one? The verdict of a rollout, as a pure function of its record.

This room holds the mathematics and its words: who is compared with whom, one number E that stops a rollout at 20, the
install guard, the interval, *good enough*, and what a plan will be able to see. It is not the rollout: it opens no
wave, hands nothing out, reads no clock and no database, and knows devices only by the lines fed to it.

    experiment = Experiment(Plan(p0=frozen_p0(failures, installs)))
    experiment.feed(Enrol(at, device, revision))
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.health.guard import Guard as Guard
    from fleetloop.health.guard import frozen_p0 as frozen_p0
    from fleetloop.health.model import Arm as Arm
    from fleetloop.health.model import Comparable as Comparable
    from fleetloop.health.model import Draw as Draw
    from fleetloop.health.model import End as End
    from fleetloop.health.model import Enrol as Enrol
    from fleetloop.health.model import Event as Event
    from fleetloop.health.model import Exposure as Exposure
    from fleetloop.health.model import Install as Install
    from fleetloop.health.model import InstallState as InstallState
    from fleetloop.health.model import Interval as Interval
    from fleetloop.health.model import Leave as Leave
    from fleetloop.health.model import Line as Line
    from fleetloop.health.model import Plan as Plan
    from fleetloop.health.model import Poll as Poll
    from fleetloop.health.model import RecordError as RecordError
    from fleetloop.health.model import Row as Row
    from fleetloop.health.model import Silences as Silences
    from fleetloop.health.model import Silent as Silent
    from fleetloop.health.model import Step as Step
    from fleetloop.health.model import Verdict as Verdict
    from fleetloop.health.model import Wave as Wave
    from fleetloop.health.power import Foresight as Foresight
    from fleetloop.health.power import Scheme as Scheme
    from fleetloop.health.power import default_shares as default_shares
    from fleetloop.health.power import foresee as foresee
    from fleetloop.health.power import smallest_ratio as smallest_ratio
    from fleetloop.health.record import LINE_MAX as LINE_MAX
    from fleetloop.health.record import encode as encode
    from fleetloop.health.record import parse as parse
    from fleetloop.health.sentence import counts_sentence as counts_sentence
    from fleetloop.health.sentence import cut_number as cut_number
    from fleetloop.health.sentence import enough_sentence as enough_sentence
    from fleetloop.health.sentence import first_release_sentence as first_release_sentence
    from fleetloop.health.sentence import held_sentence as held_sentence
    from fleetloop.health.sentence import inconclusive_sentence as inconclusive_sentence
    from fleetloop.health.sentence import interval_words as interval_words
    from fleetloop.health.sentence import meaning_sentence as meaning_sentence
    from fleetloop.health.sentence import not_comparable_sentence as not_comparable_sentence
    from fleetloop.health.sentence import planned_sentence as planned_sentence
    from fleetloop.health.sentence import raised_number as raised_number
    from fleetloop.health.sentence import size_words as size_words
    from fleetloop.health.sentence import stopped_sentence as stopped_sentence
    from fleetloop.health.sentence import watched_sentence as watched_sentence
    from fleetloop.health.verdict import Experiment as Experiment
    from fleetloop.health.verdict import read_record as read_record
    from fleetloop.health.verdict import verdict_of_log as verdict_of_log

__all__ = [
    "LINE_MAX",
    "Arm",
    "Comparable",
    "Draw",
    "End",
    "Enrol",
    "Event",
    "Experiment",
    "Exposure",
    "Foresight",
    "Guard",
    "Install",
    "InstallState",
    "Interval",
    "Leave",
    "Line",
    "Plan",
    "Poll",
    "RecordError",
    "Row",
    "Scheme",
    "Silences",
    "Silent",
    "Step",
    "Verdict",
    "Wave",
    "counts_sentence",
    "cut_number",
    "default_shares",
    "encode",
    "enough_sentence",
    "first_release_sentence",
    "foresee",
    "frozen_p0",
    "held_sentence",
    "inconclusive_sentence",
    "interval_words",
    "meaning_sentence",
    "not_comparable_sentence",
    "parse",
    "planned_sentence",
    "raised_number",
    "read_record",
    "size_words",
    "smallest_ratio",
    "stopped_sentence",
    "verdict_of_log",
    "watched_sentence",
]

_MODEL = (
    "Arm Comparable Draw End Enrol Event Exposure Install InstallState Interval Leave Line Plan Poll RecordError Row "
    "Silences Silent Step Verdict Wave"
)

_SENTENCE = (
    "counts_sentence cut_number enough_sentence first_release_sentence held_sentence "
    "inconclusive_sentence interval_words meaning_sentence not_comparable_sentence "
    "planned_sentence raised_number size_words stopped_sentence watched_sentence"
)

__getattr__ = lazy(
    "fleetloop.health",
    {
        **dict.fromkeys(_MODEL.split(), "model"),
        **dict.fromkeys(_SENTENCE.split(), "sentence"),
        **dict.fromkeys(("Experiment", "read_record", "verdict_of_log"), "verdict"),
        **dict.fromkeys(("Foresight", "Scheme", "default_shares", "foresee", "smallest_ratio"), "power"),
        **dict.fromkeys(("LINE_MAX", "encode", "parse"), "record"),
        **dict.fromkeys(("Guard", "frozen_p0"), "guard"),
    },
)
