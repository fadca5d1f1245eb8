import re
from dataclasses import replace

import pytest
from tests.web import sample as s

from fleetloop import health
from fleetloop.rollouts import view
from fleetloop.web import Wave


def words(marked: str) -> str:
    return re.sub(r"<[^>]+>", "", marked)


def test_a_stop_says_when_on_what_and_both_arms() -> None:
    gate = view.present(s.STOPPED, s.PAGE_AT).gate
    assert words(gate.sentence) == "Stopped 03:05, 14 min ago: 8 of 40 new rev-b devices crashed, 3 of 120 held back."
    assert gate.detail == (
        "Each came about 20 hours after booting 1.1.0. On rev-a and rev-c nothing speaks against it. Nobody was handed "
        "1.1.0 after the stop, and 375 of 500 devices never saw it. A stopped rollout does not go on: ship the fix as a "
        "new release."
    )
    assert (gate.state, gate.stays) == ("hurt", False)


def test_a_stop_by_a_person_names_them() -> None:
    gate = view.gate(
        replace(s.STOPPED, ended_by="oncall", comparison=None, sentence="Stopped: the site asked for it."), s.PAGE_AT
    )
    assert words(gate.sentence) == "Stopped 03:05, 14 min ago by oncall: the site asked for it."
    gate = view.gate(
        replace(s.STOPPED, ended_by="oncall", comparison=None, sentence="Stopped by oncall: the site asked for it."),
        s.PAGE_AT,
    )
    assert words(gate.sentence) == "Stopped 03:05, 14 min ago by oncall: the site asked for it."


def test_a_stop_by_a_person_is_not_shown_as_one_by_the_evidence() -> None:
    calm = replace(s.RUNNING_COMPARISON, evidence=0.9, highest=1.1)
    card = view.present(replace(s.STOPPED, ended_by="oncall", comparison=calm), s.PAGE_AT).evidence
    assert card is not None
    assert [step.name for step in card.steps if step.here] == ["none"]
    assert "Evidence stood at 0.9 when the rollout was stopped" in card.pictures.evidence


def test_what_is_paused_says_so_whatever_it_waits_for() -> None:
    asking = replace(s.RUNNING, phase="waiting for a person", paused=True)
    assert view.badge(asking).word == "paused: wave 2 of 4"
    assert replace(asking, phase="stopped").look == "stopped"


def test_a_gate_says_who_waits_for_what_until_when() -> None:
    gate = view.gate(s.RUNNING, s.RUNNING_AT)
    assert words(gate.sentence) == "Wave 3 waits for wave 2 to boot and soak: not before Wed 07:10, in 24 h 38 min."
    assert gate.stays


def test_a_time_in_the_rollouts_own_sentence_is_not_said_twice() -> None:
    told = replace(s.RUNNING, sentence="Wave 3 waits for wave 2 to soak: not before Wed 07:10, in 24 h 38 min.")
    assert words(view.gate(told, s.RUNNING_AT).sentence).count("07:10") == 1


def test_a_hold_is_calm_and_says_who_decides_in_the_end() -> None:
    page = view.present(s.HELD_ROLLOUT, s.at("11-11 01:40:00"))
    assert words(page.gate.sentence) == (
        "Held: 4 of 9 comparable bad events were on new devices, 2.0 expected (evidence 1.7, stops at 20). The next wave waits."
    )
    assert (page.gate.state, page.badge.word, page.alarm) == ("waiting", "held: wave 2 of 4", False)


def test_good_enough_names_the_rate_and_the_age_covered() -> None:
    gate = view.present(s.GOOD, s.LATER).gate
    assert (
        words(gate.sentence)
        == "Good enough, Thu 19 Nov 14:10: below 1 bad event per 100 device-days, up to 36 hours after booting."
    )
    assert gate.detail.startswith("3 of 400 new devices had a bad event in 1,178 device-days; 9 of 475 held back.")


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        ("running", "booted"), ("waiting for a person", "waiting"), ("updating the held-back", "booted"), ("stopped", "hurt"),
        ("finished: good enough", "confirmed"), ("finished: inconclusive", "cancelled"), ("rollback done", "confirmed"), ("cancelled", "cancelled"),
    ],
)  # fmt: skip
def test_every_phase_has_a_page(phase: str, state: str) -> None:
    page = view.present(replace(s.RUNNING, phase=phase, ended_at=s.RUNNING_AT), s.RUNNING_AT)
    assert page.gate.state == state


def test_every_figure_has_its_denominator() -> None:
    stats = {one.label: (one.figure, one.of, words(one.note)) for one in view.present(s.STOPPED, s.PAGE_AT).stats}
    assert stats == {
        "Hurt by 1.1.0": ("8", "of 125 drawn", "all rev-b, of wave 2"),
        "First bad event to stop": ("3 h 23 min", "", "Tue 23:41 to Wed 03:05"),
        "Handed after the stop": ("0", "of 500", "2 running downloads ended"),
        "Never touched": ("375", "of 500", "held back as control"),
        "No contact since start": ("5", "of 125 drawn", "counted as offline, not as success"),
    }


def test_who_did_not_get_it_adds_up() -> None:
    table = view.present(s.STOPPED, s.PAGE_AT).missed
    assert table is not None
    assert [words(cell) for cell in table.rows[-1].cells] == ["did not get it", "185", "121", "79", "385 of 500"]


def test_a_first_release_shows_no_comparison() -> None:
    page = view.present(s.FIRST, s.RUNNING_AT)
    assert page.revisions is None
    assert page.evidence is not None


def test_a_rollback_has_no_verdict() -> None:
    page = view.present(s.ROLLBACK, s.PAGE_AT)
    assert page.evidence is None
    assert [one.label for one in page.stats] == ["Back", "Failed", "No contact since start"]
    assert page.stats[0].figure == "41"


def test_a_list_line_says_what_it_waits_for() -> None:
    line = view.listed(s.RUNNING, s.RUNNING_AT)
    assert words(line.sentence).startswith("Wave 3 waits")
    assert line.whole.devices == 500


def test_a_rollout_before_its_first_wave() -> None:
    early = replace(
        s.RUNNING, waves=(Wave("Wave 1", ()),), openings=(), comparison=None, wave=0, until=None, sentence=""
    )
    page = view.present(early, s.RUNNING_AT)
    assert words(page.gate.sentence) == "Running."
    assert page.badge.word == "running"


def experiment() -> health.Experiment:
    """Ten devices, half of them drawn; all five new ones crash."""
    found = health.Experiment(health.Plan(window_s=0.0, p0=0.05))
    for n in range(10):
        found.feed(health.Enrol(0.0, f"d{n}", "b"))
    found.feed(health.Wave(1.0, 1))
    for n in range(5):
        found.feed(health.Draw(1.0, f"d{n}", 1))
    for at in (2.0, 3.0):
        for n in range(10):
            found.feed(health.Poll(at, f"d{n}", "1.1.0" if n < 5 else "1.0.0"))
    for n in (0, 5, 1, 2):
        found.feed(
            health.Event(10.0 + n, f"d{n}", "crash", str(n)) if n != 5 else health.Event(10.5, "d5", "crash", "5")
        )
    return found


def test_the_pictures_show_what_the_verdict_found() -> None:
    found = experiment()
    shown = view.compared(found)
    assert (shown.on_new, len(shown.events)) == (found.new_events, 4)
    assert shown.evidence == found.e_value
    assert shown.points[-1].evidence == found.e_value
    assert (shown.events[0].at_risk_new, shown.events[0].at_risk_held) == (5, 5)
    assert shown.all.new.devices == 5
    assert view.likely(found.events) == pytest.approx(found.estimate(), rel=1e-6)
    assert view.likely(found.events[:1]) is None
    one = replace(s.RUNNING, comparison=shown)
    assert view.present(one, s.RUNNING_AT).evidence is not None
