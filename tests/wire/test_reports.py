"""The feedback parser: what real clients send, and everything else."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleetloop.core.errors import InputError
from fleetloop.wire.model import Execution, Finished, Report
from fleetloop.wire.reports import MESSAGE_CHARS, MESSAGES, parse

SWUPDATE = (
    b'{"id":7,"time":"20231114T221320","status":{"result":{"finished":"%s","progress":{"cnt":1,"of":1}},'
    b'"execution":"%s","details":["%s"]}}'
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda c: st.lists(c) | st.dictionaries(st.text(), c),
    max_leaves=8,
)


def full(**more: object) -> dict[str, object]:
    return {"status": {"execution": "closed", "result": {"finished": "success"}, **more}}


def test_everything_that_is_said() -> None:
    body = json.dumps(
        {"timestamp": 1627997501890, "id": "7", "time": "x"} | full(code=200, details=["a", "b"])
    ).encode()
    assert parse(body) == Report(Execution.CLOSED, Finished.SUCCESS, ("a", "b"), 200, 1627997501.89)


def test_raw_control_characters_of_swupdate() -> None:
    report = parse(SWUPDATE % (b"none", b"proceeding", b"line one\nline\ttwo\x1b[0m"))
    assert report.details == ("line one\nline\ttwo [0m",)
    assert not report.broken


def test_quotes_of_swupdate_break_json_but_lose_nothing() -> None:
    report = parse(SWUPDATE % (b"failure", b"closed", b'no "file" here","second'))
    assert report == Report(Execution.CLOSED, Finished.FAILURE, ('no "file" here', "second"), broken=True)


def test_a_quoted_report_inside_a_message_is_not_the_report() -> None:
    lie = b'sent {"execution":"closed","finished":"success"} "'
    report = parse(SWUPDATE % (b"none", b"proceeding", lie))
    assert (report.execution, report.finished, report.broken) == (Execution.PROCEEDING, Finished.NONE, True)


def test_words_after_the_messages_are_found_too() -> None:
    report = parse(b'{"status":{"details":["a "quote""],"execution":"closed","result":{"finished":"failure"}}')
    assert (report.execution, report.finished) == (Execution.CLOSED, Finished.FAILURE)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "execution"),
        (b"hello", "finished"),
        (b"[]", "body"),
        (b"{}", "status"),
        (b'{"status":{"execution":"closed"}}', "status.result"),
        (b'{"status":{"execution":"CLOSED","result":{"finished":"success"}}}', "status.execution"),
        (b'{"status":{"execution":1,"result":{"finished":"success"}}}', "status.execution"),
        (b'{"status":{"execution":"closed","result":{"finished":null}}}', "status.result.finished"),
        (b'{"status":{"execution":["closed"],"result":{"finished":"none"}}}', "status.execution"),
        (b'{"status": "execution":"wild", "finished":"none"', "status.execution"),
    ],
)
def test_what_cannot_be_understood_is_named(body: bytes, names: str) -> None:
    with pytest.raises(InputError, match=re.escape(names)):
        parse(body)


@pytest.mark.parametrize(
    "more",
    [{"code": "7"}, {"code": 1.5}, {"code": 2**31}, {"code": True}, {"details": {"a": 1}}, {"details": [1, None]}],
)
def test_an_optional_field_of_a_wrong_type_is_left_out(more: dict[str, object]) -> None:
    assert parse(json.dumps(full(**more)).encode()) == Report(Execution.CLOSED, Finished.SUCCESS)


def test_a_text_for_details_and_a_byte_order_mark_pass() -> None:
    assert parse(b"\xef\xbb\xbf" + json.dumps(full(details="alone")).encode()).details == ("alone",)


@pytest.mark.parametrize("stamp", ["1", None, True, 10**400, "NaN"])
def test_a_device_clock_that_is_none(stamp: object) -> None:
    assert parse(json.dumps({"timestamp": stamp} | full()).encode()).device_time is None


def test_too_much_is_cut_and_says_so() -> None:
    report = parse(json.dumps(full(details=["x" * 1_000_000, "end"])).encode())
    assert len(report.details) == MESSAGES
    assert all(len(d) <= MESSAGE_CHARS for d in report.details)
    assert report.details[-1] == "… and 1906 more"


def test_depth_is_bounded() -> None:
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    body = b'{"deep":' + deep + b',"status":{"execution":"closed","result":{"finished":"failure"}}}'
    assert parse(body).finished is Finished.FAILURE


@given(st.binary(max_size=300))
@example(b'{"status":{"execution":"closed","result":{"finished":"none"},"details":["\\ud800"]}}')
@example(b'{"x":' + b"9" * 5000 + b"}")
def test_any_bytes_are_a_report_or_an_input_error(body: bytes) -> None:
    try:
        report = parse(body)
    except InputError:
        return
    "".join(report.details).encode()
    assert len(report.details) <= MESSAGES


@given(st.dictionaries(st.text(), JUNK), st.dictionaries(st.sampled_from(["code", "details", "extra"]), JUNK))
def test_whatever_stands_beside_the_two_words_they_are_taken(top: dict[str, object], more: dict[str, object]) -> None:
    report = parse(json.dumps(top | full(**more)).encode())
    assert (report.execution, report.finished) == (Execution.CLOSED, Finished.SUCCESS)


@given(st.sampled_from(Execution), st.sampled_from(Finished), st.lists(st.text(), max_size=3), st.integers(0, 30))
def test_a_text_cut_or_garbled_behind_the_words_still_says_them(
    execution: Execution, finished: Finished, lines: list[str], cut: int
) -> None:
    status = {"result": {"finished": finished.value}, "execution": execution.value, "details": lines}
    text = json.dumps({"status": status}).encode()
    report = parse(text[: max(text.index(b'"details"'), len(text) - cut)])
    assert (report.execution, report.finished) == (execution, finished)
