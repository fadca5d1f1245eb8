"""Ranges and conditions against RFC 9110, where hawkBit differs from it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.wire.ranges import SPANS, Artifact, Plan, plan, spans

FILE = Artifact("c0ffee", 1_700_000_000, 100)
DATE = b"Tue, 14 Nov 2023 22:13:20 GMT"
WHOLE = Plan(200, ((0, 99),))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", [(0, 9)]),
        ("bytes=90-", [(90, 99)]),
        ("bytes=-10", [(90, 99)]),
        ("bytes=-500", [(0, 99)]),  # a suffix longer than the file is the whole file
        ("bytes=50-500", [(50, 99)]),
        ("BYTES=0-0", [(0, 0)]),
        ("bytes=0-9, 20-29", [(0, 9), (20, 29)]),  # a space after the comma
        ("bytes=20-29,0-9", [(20, 29), (0, 9)]),  # in the order asked
        ("bytes=0-9,5-20,40-50", [(0, 20), (40, 50)]),  # overlapping: joined
        ("bytes=0-9,100-200", [(0, 9)]),  # one of several past the end
        ("bytes=100-", []),
        ("bytes=-0", []),
        ("lines=0-9", None),  # another unit is ignored
        ("bytes=9-0", None),
        ("bytes=a-b", None),
        ("bytes=", None),
        ("bytes", None),
        ("", None),
        ("bytes=" + ",".join(["0-1"] * (SPANS + 1)), None),
    ],
)
def test_spans(header: str, expected: list[tuple[int, int]] | None) -> None:
    assert spans(header, 100) == expected


def test_nothing_of_an_empty_file_can_be_had() -> None:
    assert spans("bytes=0-", 0) == []
    assert spans("bytes=-1", 0) == []
    assert plan({}, Artifact("x", 0, 0), head=False) == Plan(200)


@given(
    st.text(st.characters(codec="latin-1"), max_size=80) | st.from_regex(r"bytes=[\d,\- ]{0,40}"), st.integers(0, 500)
)
def test_whatever_comes_the_ranges_lie_inside_and_apart(header: str, size: int) -> None:
    found = spans(header, size) or []
    assert all(0 <= first <= last < size for first, last in found)
    ordered = sorted(found)
    assert all(a[1] < b[0] for a, b in pairwise(ordered))


@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 120) | st.none()), min_size=1, max_size=6),
    st.integers(1, 99),
)
def test_exactly_the_bytes_asked_for_come_once(asked: list[tuple[int, int | None]], size: int) -> None:
    asked = [(a, b if b is None else max(a, b)) for a, b in asked]
    header = "bytes=" + ",".join(f"{a}-{'' if b is None else b}" for a, b in asked)
    wanted = {i for a, b in asked for i in range(a, size if b is None else b + 1) if i < size}
    sent = [i for first, last in spans(header, size) or [] for i in range(first, last + 1)]
    assert sorted(sent) == sorted(wanted)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, WHOLE),
        ({b"range": b"bytes=0-9"}, Plan(206, ((0, 9),))),
        ({b"range": b"bytes=100-"}, Plan(416)),
        ({b"range": b"bytes=0-9", b"if-range": b'"c0ffee"'}, Plan(206, ((0, 9),))),
        ({b"range": b"bytes=0-9", b"if-range": b'"other"'}, WHOLE),
        ({b"range": b"bytes=0-9", b"if-range": b'W/"c0ffee"'}, WHOLE),  # weak never fits
        ({b"range": b"bytes=0-9", b"if-range": DATE}, Plan(206, ((0, 9),))),
        ({b"range": b"bytes=0-9", b"if-range": b"Tue, 14 Nov 2023 22:13:21 GMT"}, WHOLE),
        ({b"range": b"bytes=0-9", b"if-range": b"rubbish"}, WHOLE),
        ({b"if-match": b'"c0ffee"'}, WHOLE),
        ({b"if-match": b"c0ffee"}, WHOLE),  # as clients of hawkBit send it
        ({b"if-match": b'"a", "c0ffee"'}, WHOLE),
        ({b"if-match": b"*"}, WHOLE),
        ({b"if-match": b'W/"c0ffee"'}, Plan(412)),
        ({b"if-match": b'"other"'}, Plan(412)),
        ({b"if-unmodified-since": DATE}, WHOLE),
        ({b"if-unmodified-since": b"Tue, 14 Nov 2023 22:13:19 GMT"}, Plan(412)),
        ({b"if-unmodified-since": b"rubbish"}, WHOLE),
        ({b"if-match": b'"c0ffee"', b"if-unmodified-since": b"Tue, 14 Nov 2000 22:13:19 GMT"}, WHOLE),
        ({b"if-none-match": b'W/"c0ffee"'}, Plan(304)),
        ({b"if-none-match": b'"other"', b"if-modified-since": DATE}, WHOLE),
        ({b"if-modified-since": DATE}, Plan(304)),
        ({b"if-modified-since": b"Tue Nov 14 22:13:20 2023"}, Plan(304)),  # asctime
        ({b"if-modified-since": b"Tue, 14 Nov 2023 22:13:19 GMT"}, WHOLE),
    ],
)
def test_conditions(headers: dict[bytes, bytes], expected: Plan) -> None:
    assert plan(headers, FILE, head=False) == expected


def test_a_range_counts_for_get_alone() -> None:
    assert plan({b"range": b"bytes=0-9"}, FILE, head=True) == WHOLE


@given(
    st.dictionaries(
        st.sampled_from(
            [b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"]
        ),
        st.binary(max_size=40),
    )
)
def test_no_header_breaks_it(headers: dict[bytes, bytes]) -> None:
    assert plan(headers, FILE, head=False).status in (200, 206, 304, 412, 416)


def test_without_a_date_of_its_own_dates_are_ignored() -> None:
    undated = Artifact("c0ffee", 0, 100)
    for name in (b"if-modified-since", b"if-unmodified-since"):
        assert plan({name: DATE}, undated, head=False) == WHOLE
    assert plan({b"range": b"bytes=0-9", b"if-range": b"Thu, 01 Jan 1970 00:00:00 GMT"}, undated, head=False) == WHOLE


def test_a_start_is_what_has_the_first_byte() -> None:
    assert WHOLE.starts
    assert plan({b"range": b"bytes=0-"}, FILE, head=False).starts
    assert not plan({b"range": b"bytes=1-"}, FILE, head=False).starts
