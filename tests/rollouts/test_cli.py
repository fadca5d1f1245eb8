"""What `fleetloop rollout show` says of a stop: the same numbers as the page, and the way back by its number."""

import argparse
from typing import Any, ClassVar

import pytest

from fleetloop.core.command import Output
from fleetloop.rollouts.cli import COMMANDS


class Told:
    """A server's answers."""

    answers: ClassVar[dict[str, dict[str, Any]]] = {}

    def get(self, path: str) -> dict[str, Any]:
        return self.answers[path]


class Console(Output):
    def client(self) -> Any:
        return Told()


STUCK = "30 devices run 1.0.0 and have no confirmed release to go back to."
BASE = {"product": "cell", "version": "1.0.0", "started_by": "ann", "blocked": STUCK, "sight": ""}
EVIDENCE = {"e_value": 1.0, "new_events": 0, "comparable_events": 0}
WAVE = {"number": 2, "drawn": 23, "hurt": 0, "states": {"timed_out": 23}, "states_at_stop": {"booted": 23}}
STOPPED = BASE | {
    "id": 1, "kind": "update", "phase": "stopped", "waves": [WAVE], "evidence": EVIDENCE,
    "rollback": {"id": 2, "phase": "rollback done", "blocked": STUCK},
}  # fmt: skip
EMPTY = BASE | {
    "id": 2,
    "kind": "rollback",
    "phase": "rollback done",
    "waves": [],
    "evidence": EVIDENCE,
    "rollback": None,
}


def show(number: int) -> None:
    command = next(c for c in COMMANDS if c.verb == "show")
    command.run(argparse.Namespace(id=number), Console())


def test_a_stop_is_shown_as_it_was_with_its_rollback(capsys: pytest.CaptureFixture[str]) -> None:
    Told.answers = {"/rollouts/1": STOPPED}
    show(1)
    said = capsys.readouterr().out
    assert "rollback" in said
    assert STUCK in said
    assert said.split("HURT", 1)[1].split()[:5] == ["2", "23", "0", "23", "0"]


def test_a_rollback_of_nobody_shows_no_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    Told.answers = {"/rollouts/2": EMPTY}
    show(2)
    said = capsys.readouterr().out
    assert "no wave yet" not in said
    assert "evidence" not in said
