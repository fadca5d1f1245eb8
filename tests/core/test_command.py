import json
import time
from dataclasses import dataclass

import pytest

from fleetloop.core.command import Output, table


@dataclass(frozen=True)
class Thing:
    name: str
    good: bool
    words: list[str]
    note: str | None = None


ONE, TWO = Thing("a", True, ["x"]), Thing("bcd", False, [], "said")


def shown(capsys: pytest.CaptureFixture[str], value: object, *columns: str, as_json: bool = False) -> str:
    Output(json_wanted=as_json).show(value, columns)
    return capsys.readouterr().out


def test_a_list_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, [ONE, TWO], "name", "good", "note") == "NAME  GOOD  NOTE\na     yes   -\nbcd   no    said\n"
    assert shown(capsys, [ONE]).splitlines()[0] == "NAME  GOOD  WORDS  NOTE"
    assert shown(capsys, []) == "none\n"


def test_an_object_is_a_key_and_a_value_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, ONE) == 'name   a\ngood   yes\nwords  ["x"]\nnote   -\n'


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(shown(capsys, [ONE], as_json=True)) == [{"name": "a", "good": True, "words": ["x"], "note": None}]
    assert json.loads(shown(capsys, [], as_json=True)) == []


def test_times_are_iso_in_documents_and_relative_in_tables(capsys: pytest.CaptureFixture[str]) -> None:
    then = {"started_at": 1_760_000_400.0, "soak_s": 1_760_000_400.0, "wave_at": 5.0, "at": None}
    told = json.loads(shown(capsys, then, as_json=True))
    assert told == {"started_at": "2025-10-09T09:00:00Z", "soak_s": 1_760_000_400.0, "wave_at": 5.0, "at": None}
    now = time.time()
    rows = [{"at": now - 90.0}, {"at": now - 3 * 86_400.0}, {"at": now + 7300.0}]
    assert shown(capsys, rows) == "AT\n2 min ago\n3 d ago\nin 2 h\n"


def test_notes_go_beside_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    Output().note("going on")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "going on\n")


def test_a_table_is_as_wide_as_its_words() -> None:
    assert table([{"some_key": "x"}], ("some_key", "missing")) == "SOME KEY  MISSING\nx         -"
