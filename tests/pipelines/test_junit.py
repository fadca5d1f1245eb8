"""Reports as an enemy or a crash would leave them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.pipelines.junit import STATES, Case, Report, ReportError, merge, parse, write

words = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=20)
one_line = words.map(lambda text: " ".join(text.split()))
cases = st.builds(Case, words, words, st.sampled_from(STATES), one_line).map(
    lambda c: Case(c.suite, c.name, c.state, "" if c.state == "passed" else c.message)
)


@given(st.lists(cases, max_size=20))
def test_what_is_written_is_read_again(found: list[Case]) -> None:
    report = Report(tuple(sorted(found)))
    assert parse(write(report), "x") == report


@given(st.binary(max_size=200))
def test_no_bytes_end_in_another_error(raw: bytes) -> None:
    with contextlib.suppress(ReportError):
        assert parse(raw, "x").cases == ()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"<testsuite tests='2'><testcase name='a'/>", "x is incomplete or no XML"),
        (b"<testsuite tests='2'><testcase name='a'/></testsuite>", "x announces 2 tests and has 1; it is incomplete"),
        (b"", "x is incomplete or no XML"),
        (b"<html/>", "x has the root <html>; expected JUnit's <testsuites>"),
        (b"<!DOCTYPE x><testsuite/>", "x has a DOCTYPE or an entity"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite>&a;</testsuite>', "x has a DOCTYPE"),
    ],
)
def test_refused(raw: bytes, text: str) -> None:
    with pytest.raises(ReportError) as caught:
        parse(raw, "x")
    assert str(caught.value).startswith(text)


def test_a_lost_board_is_an_error_wherever_it_was_lost() -> None:
    raw = b"""<testsuites><testsuite name="s" tests="3"><testcase name="a"><properties><property name="kind" value="infrastructure"/>
    </properties><failure message="lost"/></testcase><testcase name="b"><failure>no
    way</failure></testcase><testcase name="c" time="1.2"><skipped message="later"/></testcase></testsuite></testsuites>"""
    report = parse(raw, "x")
    assert [(c.suite, c.name, c.state, c.message) for c in report.cases] == [
        ("s", "a", "error", "lost"),
        ("s", "b", "failed", "no way"),
        ("s", "c", "skipped", "later"),
    ]
    assert report.named("failed") == "b (no way)"
    assert (
        Report(tuple(Case("s", name, "error", "lost") for name in "abcde")).named("error") == "a, b, c and 2 more: lost"
    )
    assert merge([report, report]).count("error") == 2
