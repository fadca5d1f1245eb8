"""What an event makes of a deployment: one table over state, intent and event, every cell defined.

    change = move(State.OFFERED, Intent.RUN, Event.SAID_SUCCESS)
    change.state, change.closed_on_wire          # installed, True: the DDI action is over, the deployment is not

The rules that hold everywhere:

- Reports are claims. Only the version a device shows moves it to *booted*, whether or not it reported an install.
- An attempt that ended stays ended, whatever is reported, asked or due; only the device's own version opens it again.
  Show sightings to the *newest* attempt of a device alone: an older one is history.
- States never go back on the way: a repeated or late report moves nothing.
- Ended on the wire and ended are two things. Once the action is closed on the wire, each report on it is OVER.
- From *installed* on there is nothing to cancel or hold: a rollback takes the device back.
- `Event.DEADLINE` ends every deployment that has not ended, in one step.

`RULES` is that table as a person writes it; the first rule that fits a cell counts. `TABLE` is all its cells.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fleetloop.rollouts.model import ENDED, Change, Duty, Effect, Event, Intent, State
from fleetloop.wire import Execution, Finished, Outcome, Report

S, N, E, F = State, Intent, Event, Effect

REPORTS = frozenset(e for e in Event if e.name.startswith("SAID_"))
ANSWERS = frozenset(e for e in Event if e.name.startswith("ANSWER_"))
REFUSED = (E.ANSWER_FAILURE, E.ANSWER_REJECTED)

BEFORE = (S.OFFERED, S.DOWNLOADING, S.DOWNLOADED, S.INSTALLING)
"""Handed, and not installed yet: what a cancel can still reach."""
OPEN = (S.WAITING, *BEFORE)
LIVE = (*OPEN, S.INSTALLED, S.BOOTED)
SHOWN = (S.BOOTED, S.CONFIRMED)
ENDS = tuple(s for s in S if s in ENDED and s is not S.CONFIRMED)
WIRE_CLOSED = ENDED | {S.INSTALLED}
"""States in which the action is over on the wire. A booted one may be either."""
GOING = (N.RUN, N.HOLD, N.DENIED)
ASKED = (N.SOFT, N.HARD)
LATE = "too late to cancel: it is installed; a rollback takes the device back"


@dataclass(frozen=True)
class Rule:
    """For these events in these states (and intents; empty: all): what becomes of it. None: as it was."""

    on: tuple[Event, ...]
    at: tuple[State, ...]
    to: State | None = None
    note: str = ""
    when: tuple[Intent, ...] = ()
    intent: Intent | None = None
    effects: tuple[Effect, ...] = ()
    outcome: Outcome = Outcome.TAKEN
    closes: bool = False


RULES = (
    # Handing and downloads, as the house sees them.
    Rule((E.HANDED,), (S.WAITING,), S.OFFERED, when=(N.RUN,), effects=(F.STARTED,)),
    Rule((E.HANDED,), (S.WAITING,), note="not to be handed now"),
    Rule((E.DOWNLOAD_BEGUN, E.SAID_DOWNLOAD), (S.WAITING,), S.DOWNLOADING, "never handed", effects=(F.STARTED,)),
    Rule((E.DOWNLOAD_BEGUN, E.SAID_DOWNLOAD), (S.OFFERED,), S.DOWNLOADING),
    Rule((E.DOWNLOAD_BEGUN, E.SAID_DOWNLOAD), (S.DOWNLOADED, S.INSTALLING), note="downloads again"),
    Rule((E.SERVED, E.SAID_DOWNLOADED), (S.WAITING,), S.DOWNLOADED, "never handed", effects=(F.STARTED,)),
    Rule((E.SERVED, E.SAID_DOWNLOADED), (S.OFFERED, S.DOWNLOADING), S.DOWNLOADED),
    # Reports on the deployment. "proceeding" comes before the download from some clients: it proves no install.
    Rule((E.SAID_PROCEEDING,), (S.DOWNLOADED,), S.INSTALLING),
    Rule((E.SAID_PROCEEDING, E.SAID_RESUMED, E.SAID_SCHEDULED), (S.WAITING,), S.OFFERED, "never handed",
         effects=(F.STARTED,)),
    Rule((E.SAID_SUCCESS,), (S.WAITING,), S.INSTALLED, "never handed, closed without a download",
         intent=N.RUN, effects=(F.STARTED,)),
    Rule((E.SAID_SUCCESS,), (S.OFFERED,), S.INSTALLED, "closed without a download", intent=N.RUN),
    Rule((E.SAID_SUCCESS,), BEFORE, S.INSTALLED, "installed all the same: the cancel is forgotten", ASKED, N.RUN),
    Rule((E.SAID_SUCCESS,), BEFORE, S.INSTALLED, intent=N.RUN),
    Rule((E.SAID_FAILURE,), (S.WAITING,), S.FAILED, "never handed", effects=(F.STARTED, F.FAILED)),
    Rule((E.SAID_FAILURE,), BEFORE, S.FAILED, effects=(F.FAILED,)),
    Rule((E.SAID_SUCCESS,), (S.BOOTED,), closes=True),
    Rule((E.SAID_FAILURE,), (S.BOOTED,), note="reports a failure and runs the release", closes=True),
    Rule((E.SAID_REJECTED, E.SAID_CANCELED), OPEN, note="the device will not have it; the action stays open",
         effects=(F.STRIKE,)),
    Rule(tuple(REPORTS), (S.INSTALLED, *ENDED), note="late", outcome=Outcome.OVER),
    # Reports on a cancel. "canceled" ends nothing, whatever its name says.
    Rule((E.ANSWER_SUCCESS,), OPEN, S.CANCELLED, when=ASKED),
    Rule(REFUSED, OPEN, None, "the device refuses to cancel: it runs on", (N.SOFT,), N.RUN),
    Rule(REFUSED, OPEN, None, "the device refuses to cancel; it is not offered again", (N.HARD,)),
    Rule((E.ANSWER_CANCELED, E.ANSWER_OTHER), OPEN, None, "the cancel is still pending", ASKED),
    Rule(tuple(ANSWERS), (S.CANCELLED,), note="late"),
    Rule(tuple(ANSWERS), ENDS, None, "late", ASKED),
    Rule(tuple(ANSWERS), tuple(S), note="nothing is being cancelled", outcome=Outcome.NOT_CANCELLING),
    # What the device shows. Its truth beats every report, and every end but one that a newer rollout made.
    Rule((E.SEEN_TARGET,), (S.WAITING,), S.BOOTED, "booted without being handed", intent=N.RUN),
    Rule((E.SEEN_TARGET,), BEFORE, S.BOOTED, "booted all the same: the cancel is forgotten", ASKED, N.RUN, (F.BOOTED,)),
    Rule((E.SEEN_TARGET,), BEFORE, S.BOOTED, "booted without a report", intent=N.RUN, effects=(F.BOOTED,)),
    Rule((E.SEEN_TARGET,), (S.INSTALLED,), S.BOOTED, intent=N.RUN, effects=(F.BOOTED,)),
    Rule((E.SEEN_TARGET,), (S.SUPERSEDED,), note="runs the release, but a newer rollout has the device"),
    Rule((E.SEEN_TARGET,), ENDS, S.BOOTED, "runs the release after all", intent=N.RUN),
    Rule((E.SEEN_OLD,), (S.INSTALLED,), note="still the old version: not started again yet, or fallen back"),
    Rule((E.BOOTED_OLD,), BEFORE, note="started again on the old version, with no report"),
    Rule((E.BOOTED_OLD,), (S.INSTALLED,), S.REVERTED, "started again on the old version", effects=(F.FAILED,)),
    Rule((E.SEEN_OLD, E.BOOTED_OLD), (S.BOOTED,), S.REVERTED, "fell back to the old version", effects=(F.FAILED,)),
    Rule((E.SEEN_OLD, E.BOOTED_OLD), (S.CONFIRMED,), S.REVERTED, "fell back to the old version after it was confirmed"),
    Rule((E.SEEN_OTHER,), (*OPEN, S.INSTALLED), note="shows a version that is neither the old nor the new one"),
    Rule((E.SEEN_OTHER,), SHOWN, S.REVERTED, "shows a version that is neither the old nor the new one"),
    Rule((E.CAME_BACK,), (S.INSTALLED,), S.BOOTED, "came back after the install; cannot tell its version",
         intent=N.RUN, effects=(F.BOOTED, F.WEAK)),
    Rule((E.BAD_IN_WINDOW,), (*BEFORE, S.INSTALLED), note="bad event within the window", effects=(F.FAILED,)),
    Rule((E.BAD_IN_WINDOW,), (S.BOOTED,), note="bad event within the window", effects=(F.FAILED, F.SOAK_AGAIN)),
    Rule((E.BAD_EVENT,), (S.BOOTED,), note="bad event in its soak", effects=(F.SOAK_AGAIN,)),
    Rule((E.BAD_EVENT, E.BAD_IN_WINDOW), (S.CONFIRMED,), note="hurt, and confirmed all the same"),
    Rule((E.HEALTHY,), (S.BOOTED,), S.CONFIRMED),
    # Time.
    Rule((E.DEADLINE, E.DEADLINE_OLD), (S.BOOTED,), S.TIMED_OUT, "not healthy for the soak in time"),
    Rule((E.DEADLINE_OLD,), (S.INSTALLED,), S.REVERTED, "shows the old version to the end", effects=(F.FAILED,)),
    Rule((E.DEADLINE,), (S.INSTALLED,), S.TIMED_OUT, "never showed the release", effects=(F.FAILED,)),
    Rule((E.DEADLINE, E.DEADLINE_OLD), OPEN, S.DECLINED, "consent denied to the end", (N.DENIED,)),
    Rule((E.DEADLINE, E.DEADLINE_OLD), OPEN, S.CANCELLED, "the device never answered the cancel", ASKED),
    Rule((E.DEADLINE, E.DEADLINE_OLD), (S.WAITING,), S.TIMED_OUT, "never came for it"),
    Rule((E.DEADLINE, E.DEADLINE_OLD), BEFORE, S.TIMED_OUT, effects=(F.FAILED,)),
    Rule((E.INSTALL_DUE,), (*BEFORE, S.INSTALLED), note="not booted in the time of an install", effects=(F.FAILED,)),
    # What people and rollouts want.
    Rule((E.CANCEL_SOFT, E.CANCEL_HARD, E.STOP, E.FORCE_QUIT), (S.WAITING,), S.CANCELLED, "it was never handed"),
    Rule((E.FORCE_QUIT,), BEFORE, S.CANCELLED, "the device was not asked: it may still boot the release"),
    Rule((E.CANCEL_SOFT,), BEFORE, when=GOING, intent=N.SOFT),
    Rule((E.CANCEL_HARD, E.STOP), BEFORE, intent=N.HARD),
    Rule((E.CANCEL_SOFT, E.CANCEL_HARD, E.FORCE_QUIT, E.STOP), (S.INSTALLED,), note=LATE),
    Rule((E.CANCEL_SOFT, E.CANCEL_HARD, E.FORCE_QUIT, E.STOP), (S.BOOTED,), note=LATE, closes=True),
    Rule((E.SUPERSEDED,), LIVE, S.SUPERSEDED),
    Rule((E.HOLD,), OPEN, when=(N.RUN,), intent=N.HOLD),
    Rule((E.RELEASE,), OPEN, when=(N.HOLD, N.DENIED), intent=N.RUN),
    Rule((E.CONSENT_DENIED,), (S.INSTALLING,), note="too late to deny: it is installing"),
    Rule((E.CONSENT_DENIED,), OPEN, when=(N.RUN, N.HOLD), intent=N.DENIED),
    Rule((E.REJECTED_TOO_OFTEN,), OPEN, S.DECLINED, "the device rejected it too often"),
    Rule((E.BUDGET_SPENT,), BEFORE, S.FAILED, "downloads it again and again", effects=(F.FAILED,)),
    Rule((E.RETIRED,), LIVE, S.CANCELLED, "the device was retired"),
    # Everything else is taken and moves nothing.
    Rule(tuple(E), tuple(S)),
)  # fmt: skip


def _cell(rule: Rule, state: State, intent: Intent) -> Change:
    to, wanted = rule.to or state, rule.intent or intent
    return Change(
        state=to,
        intent=wanted,
        moved=(to, wanted) != (state, intent),
        outcome=rule.outcome,
        closed_on_wire=rule.closes or to in WIRE_CLOSED or (to is S.BOOTED and state in WIRE_CLOSED),
        effects=frozenset(rule.effects),
        note=rule.note,
    )


def _cells() -> Iterator[tuple[tuple[State, Intent, Event], Change]]:
    for event in Event:
        rules = [rule for rule in RULES if event in rule.on]
        for state in State:
            here = [rule for rule in rules if state in rule.at]
            for intent in Intent:
                rule = next(rule for rule in here if not rule.when or intent in rule.when)
                yield (state, intent, event), _cell(rule, state, intent)


TABLE: Mapping[tuple[State, Intent, Event], Change] = dict(_cells())


def move(state: State, intent: Intent, event: Event, *, closed: bool = False) -> Change:
    """What ``event`` makes of a deployment. ``closed``: its action is closed on the wire already.

    Raises nothing: every cell is defined.
    """
    if closed and event in REPORTS:
        return Change(state, intent, outcome=Outcome.OVER, closed_on_wire=True, note="late")
    change = TABLE[state, intent, event]
    return replace(change, closed_on_wire=True) if closed else change


def duty(state: State, intent: Intent, *, closed: bool = False) -> Duty:
    """What the next poll shows the device.

    A device that booted without a report is shown its action until it closes it or is confirmed: some clients report
    success only on an action they are offered, and would else report it on the next one.
    """
    if closed or state in WIRE_CLOSED:
        return Duty.NOTHING
    if state is S.BOOTED:
        return Duty.DEPLOY
    if intent in ASKED:
        return Duty.CANCEL if state in BEFORE else Duty.NOTHING
    return Duty.DEPLOY if intent is N.RUN else Duty.NOTHING


_SAID = {
    Execution.PROCEEDING: E.SAID_PROCEEDING,
    Execution.CANCELED: E.SAID_CANCELED,
    Execution.SCHEDULED: E.SAID_SCHEDULED,
    Execution.REJECTED: E.SAID_REJECTED,
    Execution.RESUMED: E.SAID_RESUMED,
    Execution.DOWNLOAD: E.SAID_DOWNLOAD,
    Execution.DOWNLOADED: E.SAID_DOWNLOADED,
}
_ANSWERED = {Execution.REJECTED: E.ANSWER_REJECTED, Execution.CANCELED: E.ANSWER_CANCELED}


def heard(report: Report, *, on_cancel: bool = False) -> Event:
    """The event that a report is. ``finished`` counts only with ``closed``; closed with ``none`` is success."""
    if report.execution is Execution.CLOSED:
        failed = report.finished is Finished.FAILURE
        if on_cancel:
            return E.ANSWER_FAILURE if failed else E.ANSWER_SUCCESS
        return E.SAID_FAILURE if failed else E.SAID_SUCCESS
    return _ANSWERED.get(report.execution, E.ANSWER_OTHER) if on_cancel else _SAID[report.execution]


def as_markdown() -> str:
    """The whole table for the docs: all events for `Intent.RUN`, then, for each other intent, the rows that differ.

    A cell is the state it goes to, ``·`` for none, and a DDI status that is not 200. Numbers point to the notes below.
    """
    notes: dict[str, int] = {}
    parts = [_section(n, [e for e in Event if n is Intent.RUN or _differs(n, e)], notes) for n in Intent]
    return "\n\n".join([*parts, "\n".join(f"{n}. {note}" for note, n in notes.items())]) + "\n"


def _differs(intent: Intent, event: Event) -> bool:
    plain = (TABLE[s, Intent.RUN, event] for s in State)
    return any(
        replace(TABLE[s, intent, event], intent=run.intent, moved=run.moved) != run or _turn(s, intent, event)
        for s, run in zip(State, plain, strict=True)
    )


def _turn(state: State, intent: Intent, event: Event) -> str:
    """``run`` where the intent becomes that, while the state stays."""
    change = TABLE[state, intent, event]
    return change.intent.value if change.state is state and change.intent is not intent else ""


def _section(intent: Intent, events: Iterable[Event], notes: dict[str, int]) -> str:
    head = ["| event | " + " | ".join(s.value for s in State) + " |", "|---" * (len(State) + 1) + "|"]
    rows = [f"| {e.value} | " + " | ".join(_text(s, intent, e, notes) for s in State) + " |" for e in events]
    return "\n".join([f"### Intent: {intent.value}", "", *head, *rows])


def _text(state: State, intent: Intent, event: Event, notes: dict[str, int]) -> str:
    change = TABLE[state, intent, event]
    words = [change.state.value if change.state is not state else f"({_turn(state, intent, event)})"]
    words = ["·"] if words == ["()"] else words
    if change.outcome is not Outcome.TAKEN:
        words.append(str(change.outcome.value))
    effects = ", ".join(sorted(effect.value for effect in change.effects))
    note = "; ".join(part for part in (change.note, effects) if part)
    return " ".join([*words, *([f"[{notes.setdefault(note, len(notes) + 1)}]"] if note else [])])
