import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.rollouts.engine import (
    ANSWERS,
    ASKED,
    BEFORE,
    LIVE,
    OPEN,
    REPORTS,
    TABLE,
    WIRE_CLOSED,
    as_markdown,
    duty,
    heard,
    move,
)
from fleetloop.rollouts.model import ENDED, PENDING, Change, Deadlines, Duty, Effect, Event, Intent, State
from fleetloop.wire import Execution, Finished, Outcome, Report

S, N, E = State, Intent, Event
TRUTH = {E.SEEN_TARGET, E.SEEN_OLD, E.BOOTED_OLD, E.SEEN_OTHER}
TIMERS = {E.DEADLINE, E.DEADLINE_OLD, E.HEALTHY}
ORDER = {state: i for i, state in enumerate(State)}
states, intents, events = st.sampled_from(State), st.sampled_from(Intent), st.sampled_from(Event)


def run(*happened: Event, state: State = S.WAITING, intent: Intent = N.RUN) -> Change:
    """The last change, after all of ``happened`` in order, with the wire's part kept as the store keeps it."""
    change = Change(state, intent)
    for event in happened:
        change = move(change.state, change.intent, event, closed=change.closed_on_wire)
    return change


def test_every_cell_is_defined() -> None:
    assert set(TABLE) == {(s, n, e) for s in State for n in Intent for e in Event}


def test_the_sets_are_what_they_say() -> None:
    assert ENDED | set(LIVE) == set(State)
    assert not ENDED & set(LIVE)
    assert {s.value for s in PENDING} == {"offered", "downloading", "downloaded", "installing", "installed"}
    assert len(REPORTS) == 9
    assert len(ANSWERS) == 5


@pytest.mark.parametrize("event", Event, ids=lambda e: e.name.lower())
@pytest.mark.parametrize("state", State, ids=lambda s: s.value)
def test_each_cell_keeps_the_rules(state: State, event: Event) -> None:
    for intent in Intent:
        rules_of_a_cell(state, intent, event)


def rules_of_a_cell(state: State, intent: Intent, event: Event) -> None:
    change = TABLE[state, intent, event]
    assert change.moved == ((change.state, change.intent) != (state, intent))
    if state in ENDED and event not in TRUTH:
        assert not change.moved, "an end is moved only by what the device shows"
        assert not change.effects
    if change.state in WIRE_CLOSED:
        assert change.closed_on_wire
    if event not in REPORTS | ANSWERS:
        assert change.outcome is Outcome.TAKEN
    if event in REPORTS:
        assert (change.outcome is Outcome.OVER) == (state in WIRE_CLOSED)
    if change.state is S.CONFIRMED and state is not S.CONFIRMED:
        assert (state, event) == (S.BOOTED, E.HEALTHY)
    if change.state is S.BOOTED and state is not S.BOOTED:
        assert event in (E.SEEN_TARGET, E.CAME_BACK), "a report is a claim"
    if change.moved and change.state not in ENDED:
        assert ORDER[change.state] >= ORDER[state] or change.state is S.BOOTED, "states never go back on the way"
    if Effect.FAILED in change.effects and Effect.STARTED not in change.effects:
        assert state in (*BEFORE, S.INSTALLED, S.BOOTED)


@pytest.mark.parametrize("state", LIVE)
@pytest.mark.parametrize("intent", Intent)
@pytest.mark.parametrize("event", [E.DEADLINE, E.DEADLINE_OLD])
def test_a_deadline_ends_each_live_deployment_in_one_step(state: State, intent: Intent, event: Event) -> None:
    assert TABLE[state, intent, event].state in ENDED - {S.CONFIRMED}
    assert (Deadlines().of(state, intent) or 0) > 0


@given(happened=st.lists(events, max_size=30))
def test_whatever_happens_the_clock_ends_it(happened: list[Event]) -> None:
    change = run(*happened, E.DEADLINE)
    assert change.state in ENDED
    assert change.closed_on_wire
    assert Deadlines().of(change.state, change.intent) is None


@given(happened=st.lists(events, max_size=20), later=st.lists(st.sampled_from(sorted(set(E) - TRUTH, key=str))))
def test_finished_stays_finished_but_for_the_devices_own_version(happened: list[Event], later: list[Event]) -> None:
    end = run(*happened, E.DEADLINE)
    after = run(*later, state=end.state, intent=end.intent)
    assert (after.state, after.intent) == (end.state, end.intent)


@given(state=states, intent=intents, event=st.sampled_from(sorted(REPORTS | ANSWERS, key=str)))
def test_a_repeated_report_moves_nothing(state: State, intent: Intent, event: Event) -> None:
    first = move(state, intent, event)
    second = move(first.state, first.intent, event, closed=first.closed_on_wire)
    if event is E.SAID_PROCEEDING and state is S.WAITING:
        return
    assert not second.moved
    assert second.effects <= {Effect.STRIKE}


@given(happened=st.lists(events, max_size=30), event=st.sampled_from(sorted(REPORTS, key=str)))
def test_once_closed_on_the_wire_every_report_is_over(happened: list[Event], event: Event) -> None:
    change = run(*happened)
    if change.closed_on_wire:
        late = move(change.state, change.intent, event, closed=True)
        assert (late.outcome, late.moved, late.closed_on_wire) == (Outcome.OVER, False, True)


@given(happened=st.lists(events, max_size=30))
def test_nothing_is_offered_while_cancelled_or_over(happened: list[Event]) -> None:
    change = run(*happened)
    todo = duty(change.state, change.intent, closed=change.closed_on_wire)
    if change.state in ENDED or change.closed_on_wire:
        assert todo is Duty.NOTHING
    if change.state in BEFORE:
        assert (todo is Duty.CANCEL) == (change.intent in ASKED)
        assert (todo is Duty.DEPLOY) == (change.intent is N.RUN)


@given(happened=st.lists(events, max_size=30))
def test_after_a_stop_the_release_is_never_offered_again_before_it_runs(happened: list[Event]) -> None:
    stopped = run(*happened, E.STOP)
    quiet = [e for e in happened if e not in TRUTH | {E.CAME_BACK}]
    after = run(*quiet, state=stopped.state, intent=stopped.intent)
    assert duty(after.state, after.intent, closed=stopped.closed_on_wire) is not Duty.DEPLOY


@given(happened=st.lists(events, max_size=30))
def test_the_guard_counts_a_start_once(happened: list[Event]) -> None:
    change, starts = Change(S.WAITING, N.RUN), 0
    for event in happened:
        change = move(change.state, change.intent, event, closed=change.closed_on_wire)
        starts += Effect.STARTED in change.effects
    assert starts <= 1


# Stories.


def test_the_good_way_of_a_client_that_reports_before_its_reboot() -> None:
    way = (E.HANDED, E.DOWNLOAD_BEGUN, E.SERVED, E.SAID_PROCEEDING, E.SAID_SUCCESS)
    installed = run(*way)
    assert (installed.state, installed.closed_on_wire) == (S.INSTALLED, True)
    assert run(*way, E.SEEN_OLD).state is S.INSTALLED, "it has not started again yet"
    assert run(*way, E.SEEN_TARGET, E.HEALTHY).state is S.CONFIRMED


def test_a_client_that_reports_after_its_reboot() -> None:
    way = (E.HANDED, E.SAID_PROCEEDING, E.DOWNLOAD_BEGUN, E.SERVED, E.SEEN_TARGET)
    booted = run(*way)
    assert (booted.state, booted.closed_on_wire, booted.note) == (S.BOOTED, False, "booted without a report")
    assert duty(booted.state, booted.intent) is Duty.DEPLOY, "it closes only what it is offered"
    closed = run(*way, E.SAID_SUCCESS)
    assert (closed.state, closed.outcome, closed.closed_on_wire) == (S.BOOTED, Outcome.TAKEN, True)
    assert run(*way, E.SAID_SUCCESS, E.SAID_SUCCESS).outcome is Outcome.OVER


def test_a_fall_back_after_the_report_is_reverted_and_a_failed_install() -> None:
    change = run(E.HANDED, E.DOWNLOAD_BEGUN, E.SAID_SUCCESS, E.BOOTED_OLD)
    assert (change.state, change.effects) == (S.REVERTED, {Effect.FAILED})


def test_a_client_without_boot_ids_that_fell_back_is_reverted_at_its_deadline() -> None:
    assert run(E.HANDED, E.SAID_SUCCESS, E.SEEN_OLD, E.DEADLINE_OLD).state is S.REVERTED
    assert run(E.HANDED, E.SAID_SUCCESS, E.DEADLINE).state is S.TIMED_OUT


def test_a_confirmed_device_that_shows_the_old_version_opens_again_as_reverted() -> None:
    change = run(E.HANDED, E.SAID_SUCCESS, E.SEEN_TARGET, E.HEALTHY, E.SEEN_OLD)
    assert (change.state, change.moved) == (S.REVERTED, True)


@pytest.mark.parametrize("state", sorted(ENDED - {S.CONFIRMED, S.SUPERSEDED}, key=str))
def test_a_device_that_runs_the_release_after_all_opens_again(state: State) -> None:
    change = move(state, N.RUN, E.SEEN_TARGET)
    assert (change.state, change.closed_on_wire) == (S.BOOTED, True)


def test_closed_without_a_download_is_taken_and_noted() -> None:
    change = run(E.HANDED, E.SAID_SUCCESS)
    assert (change.state, change.outcome, change.note) == (S.INSTALLED, Outcome.TAKEN, "closed without a download")


def test_rejected_keeps_the_action_open_and_counts() -> None:
    change = run(E.HANDED, E.SAID_REJECTED)
    assert (change.state, change.outcome, change.closed_on_wire) == (S.OFFERED, Outcome.TAKEN, False)
    assert Effect.STRIKE in change.effects
    assert run(E.HANDED, E.SAID_REJECTED, E.REJECTED_TOO_OFTEN).state is S.DECLINED


def test_a_closed_success_wins_over_a_cancel() -> None:
    for cancel in (E.CANCEL_SOFT, E.CANCEL_HARD, E.STOP):
        change = run(E.HANDED, E.DOWNLOAD_BEGUN, cancel, E.SAID_SUCCESS)
        assert (change.state, change.intent) == (S.INSTALLED, N.RUN)
        assert move(change.state, change.intent, E.ANSWER_SUCCESS).outcome is Outcome.NOT_CANCELLING


def test_a_soft_cancel_accepted_refused_and_unanswered() -> None:
    asked = (E.HANDED, E.DOWNLOAD_BEGUN, E.CANCEL_SOFT)
    assert run(*asked, E.ANSWER_SUCCESS).state is S.CANCELLED
    assert run(*asked, E.ANSWER_FAILURE).intent is N.RUN
    assert run(*asked, E.ANSWER_REJECTED).intent is N.RUN
    assert run(*asked, E.ANSWER_CANCELED).intent is N.SOFT, "hawkBit: canceled ends nothing"
    assert run(*asked, E.DEADLINE).state is S.CANCELLED


def test_a_refusal_of_a_stop_changes_nothing() -> None:
    change = run(E.HANDED, E.DOWNLOAD_BEGUN, E.STOP, E.ANSWER_REJECTED)
    assert (change.state, change.intent) == (S.DOWNLOADING, N.HARD)
    assert duty(change.state, change.intent) is Duty.CANCEL
    assert run(E.HANDED, E.STOP, E.ANSWER_FAILURE, E.DEADLINE).state is S.CANCELLED


def test_a_late_answer_to_a_cancel_is_taken_and_never_runs_it_again() -> None:
    change = run(E.HANDED, E.CANCEL_SOFT, E.ANSWER_SUCCESS, E.ANSWER_FAILURE)
    assert (change.state, change.outcome, change.moved) == (S.CANCELLED, Outcome.TAKEN, False)
    assert run(E.HANDED, E.ANSWER_SUCCESS).outcome is Outcome.NOT_CANCELLING


def test_a_cancel_between_install_and_reboot_is_too_late_and_says_so() -> None:
    change = run(E.HANDED, E.SAID_SUCCESS, E.CANCEL_SOFT)
    assert (change.state, change.intent) == (S.INSTALLED, N.RUN)
    assert "rollback" in change.note
    assert run(E.HANDED, E.SAID_SUCCESS, E.STOP, E.SEEN_TARGET).state is S.BOOTED


def test_a_stop_takes_what_was_never_handed_at_once() -> None:
    assert run(E.STOP).state is S.CANCELLED
    assert not run(E.STOP, E.HANDED).moved
    assert run(E.HOLD, E.HANDED).state is S.WAITING


def test_consent_denied_waits_until_the_deadline_declines() -> None:
    denied = run(E.HANDED, E.CONSENT_DENIED)
    assert (denied.state, denied.intent) == (S.OFFERED, N.DENIED)
    assert duty(denied.state, denied.intent) is Duty.NOTHING
    assert run(E.HANDED, E.CONSENT_DENIED, E.DEADLINE).state is S.DECLINED
    assert run(E.HANDED, E.CONSENT_DENIED, E.RELEASE).intent is N.RUN


def test_a_bad_event_in_the_soak_starts_it_again_and_a_later_one_does_not_undo_confirmed() -> None:
    booted = (E.HANDED, E.SAID_SUCCESS, E.SEEN_TARGET)
    assert run(*booted, E.BAD_EVENT).effects == {Effect.SOAK_AGAIN}
    assert run(*booted, E.BAD_IN_WINDOW).effects == {Effect.SOAK_AGAIN, Effect.FAILED}
    assert run(*booted, E.HEALTHY, E.BAD_EVENT).state is S.CONFIRMED


def test_the_install_deadline_is_the_guards_and_the_deployment_goes_on() -> None:
    change = run(E.HANDED, E.DOWNLOAD_BEGUN, E.INSTALL_DUE)
    assert (change.state, change.effects) == (S.DOWNLOADING, {Effect.FAILED})
    assert run(E.HANDED, E.SAID_SUCCESS, E.SEEN_TARGET, E.INSTALL_DUE).effects == frozenset()


def test_a_client_that_cannot_tell_is_weak_evidence() -> None:
    change = run(E.HANDED, E.SAID_SUCCESS, E.CAME_BACK)
    assert (change.state, change.effects) == (S.BOOTED, {Effect.BOOTED, Effect.WEAK})


def test_a_version_nobody_shipped_is_no_success() -> None:
    assert run(E.HANDED, E.SAID_SUCCESS, E.SEEN_OTHER).state is S.INSTALLED
    assert run(E.HANDED, E.SAID_SUCCESS, E.SEEN_TARGET, E.SEEN_OTHER).state is S.REVERTED


def test_what_a_restored_house_forgot_is_believed() -> None:
    change = run(E.SAID_SUCCESS)
    assert (change.state, change.outcome) == (S.INSTALLED, Outcome.TAKEN)
    assert change.note.startswith("never handed")


@pytest.mark.parametrize("state", OPEN)
def test_a_newer_rollout_takes_the_device(state: State) -> None:
    assert TABLE[state, N.RUN, E.SUPERSEDED].state is S.SUPERSEDED
    assert not move(S.SUPERSEDED, N.RUN, E.SEEN_TARGET).moved


@pytest.mark.parametrize(
    ("execution", "finished", "on_cancel", "event"),
    [
        (Execution.CLOSED, Finished.SUCCESS, False, E.SAID_SUCCESS),
        (Execution.CLOSED, Finished.NONE, False, E.SAID_SUCCESS),
        (Execution.CLOSED, Finished.FAILURE, False, E.SAID_FAILURE),
        (Execution.REJECTED, Finished.SUCCESS, False, E.SAID_REJECTED),
        (Execution.CANCELED, Finished.FAILURE, False, E.SAID_CANCELED),
        (Execution.DOWNLOADED, Finished.FAILURE, False, E.SAID_DOWNLOADED),
        (Execution.CLOSED, Finished.NONE, True, E.ANSWER_SUCCESS),
        (Execution.CLOSED, Finished.FAILURE, True, E.ANSWER_FAILURE),
        (Execution.REJECTED, Finished.SUCCESS, True, E.ANSWER_REJECTED),
        (Execution.CANCELED, Finished.SUCCESS, True, E.ANSWER_CANCELED),
        (Execution.PROCEEDING, Finished.SUCCESS, True, E.ANSWER_OTHER),
    ],
)
def test_finished_counts_only_with_closed(
    execution: Execution, finished: Finished, on_cancel: bool, event: Event
) -> None:
    assert heard(Report(execution, finished), on_cancel=on_cancel) is event


def test_each_word_of_a_report_is_an_event() -> None:
    heards = {heard(Report(x, f), on_cancel=c) for x in Execution for f in Finished for c in (False, True)}
    assert heards == REPORTS | ANSWERS


def test_the_printed_table_has_each_event_and_each_note_once() -> None:
    text = as_markdown()
    assert text.count("### Intent:") == len(Intent)
    plain = text.split("### Intent:")[1]
    assert all(f"| {event.value} |" in plain for event in Event)
    used = {int(n) for n in re.findall(r"\[(\d+)\]", text)}
    listed = [int(n) for n in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
    assert listed == sorted(used) == list(range(1, len(used) + 1))
    assert "| report: closed, success or none | installed" in plain
