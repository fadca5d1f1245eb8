import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import InputError
from fleetloop.health import (
    LINE_MAX,
    Draw,
    End,
    Enrol,
    Event,
    Install,
    InstallState,
    Leave,
    Plan,
    Poll,
    RecordError,
    Silences,
    Silent,
    Wave,
    encode,
    parse,
)

AT = st.floats(min_value=-1e12, max_value=1e12)
TEXT = st.text(min_size=1, max_size=20)
WHOLE = st.integers(min_value=1, max_value=1000)
LINES = st.one_of(
    st.builds(Enrol, AT, TEXT, TEXT, st.booleans()),
    st.builds(Wave, AT, WHOLE),
    st.builds(Draw, AT, TEXT, WHOLE, st.booleans()),
    st.builds(Poll, AT, TEXT, st.none() | TEXT),
    st.builds(Install, AT, TEXT, st.sampled_from(InstallState)),
    st.builds(Event, AT, TEXT, TEXT, st.none() | TEXT, st.none() | AT),
    st.builds(Silent, AT, TEXT),
    st.builds(Leave, AT, TEXT),
    st.builds(End, AT),
)


@given(LINES)
def test_what_is_encoded_is_read_back(line: Poll) -> None:
    assert parse(encode(line), 2) == line


@given(
    st.builds(
        Plan,
        alpha=st.floats(1e-6, 0.9),
        silences=st.sampled_from(Silences),
        comparison=st.booleans(),
        tolerated=st.none() | st.floats(0, 1),
    )
)
def test_a_plan_is_read_back(plan: Plan) -> None:
    assert parse(encode(plan), 1) == plan


def test_the_lines_of_the_specification() -> None:
    plan = (
        '{"kind":"plan","alpha":0.05,"hold":1.5,"window_s":7200,"silent_s":10800,"install_deadline_s":14400,"p0":0.01}'
    )
    assert parse(plan, 1) == Plan()
    assert parse('{"kind":"plan","silences":"recorded"}', 1) == Plan(silences=Silences.RECORDED)
    assert parse('{"at":1,"kind":"enrol","device":"d1","revision":"r2"}', 2) == Enrol(1, "d1", "r2", True)
    assert parse(b'{"at":1,"kind":"draw","device":"d1","wave":1,"randomised":false}', 2) == Draw(1, "d1", 1, False)
    told = '{"at":1,"kind":"event","device":"d1","what":"crash","id":"e1","device_time":"yesterday","more":[1]}'
    assert parse(told, 2) == Event(1, "d1", "crash", "e1", None)


def test_an_encoded_line_is_one_line_with_its_time_first() -> None:
    assert encode(Poll(1.5, "d\n1")) == '{"at":1.5,"kind":"poll","device":"d\\n1"}'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "one JSON object"),
        ("[]", "one JSON object"),
        ("{", "one JSON object"),
        ('{"at":1} {"at":2}', "one JSON object"),
        ("[" * 10_000, "one JSON object"),
        (b'\xff{"at":1}', "one JSON object"),
        ('{"at":NaN,"kind":"end"}', "NaN"),
        ('{"at":-Infinity,"kind":"end"}', "Infinity"),
        ('{"at":1e999,"kind":"end"}', "`at` to be a number, got inf"),
        (f'{{"at":{10**400},"kind":"end"}}', "`at` to be a number"),
        ('{"at":true,"kind":"end"}', "`at` to be a number, got True"),
        ('{"at":"1","kind":"end"}', "`at` to be a number, got '1'"),
        ('{"kind":"end"}', "`at` to be a number, got none"),
        ('{"at":1,"kind":"reboot"}', "`kind` to be one of plan, enrol"),
        ('{"at":1,"kind":["poll"]}', "`kind` to be one of"),
        ('{"at":1}', "`kind` to be one of"),
        ('{"at":1,"kind":"poll"}', "`device` to be a text, got none"),
        ('{"at":1,"kind":"poll","device":""}', "`device` to be a text"),
        ('{"at":1,"kind":"poll","device":7}', "`device` to be a text, got 7"),
        ('{"at":1,"kind":"wave","number":0}', "`number` to be a whole number from 1"),
        ('{"at":1,"kind":"wave","number":1.5}', "`number` to be a whole number from 1"),
        ('{"at":1,"kind":"enrol","device":"d","revision":"r","randomised":1}', "`randomised` to be true or false"),
        ('{"at":1,"kind":"install","device":"d","state":"bricked"}', "`state` to be started or booted or failed"),
        ('{"kind":"plan","alpha":2}', "alpha must be above 0 and below 1, got 2"),
        ('{"kind":"plan","silences":"none"}', "`silences` to be derived or recorded"),
        ('{"kind":"plan","hold":"1.5"}', "`hold` to be a number"),
    ],
)
def test_a_malformed_line_is_refused(line: str | bytes, words: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse(line, 12)
    assert str(caught.value).startswith("Line 12 of the record: expected")
    assert words in str(caught.value)


def test_a_line_too_long_is_refused() -> None:
    line = '{"at":1,"kind":"poll","device":"' + "d" * LINE_MAX + '"}'
    with pytest.raises(RecordError, match=f"at most {LINE_MAX} bytes"):
        parse(line, 2)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.floats(), st.lists, max_leaves=5).map(lambda v: json.dumps(v).encode())
)
def test_no_bytes_raise_anything_but_an_input_error(line: bytes) -> None:
    try:
        parse(line, 1)
    except InputError:
        return


@given(
    st.sampled_from(["at", "device", "wave", "randomised"]),
    st.none() | st.booleans() | st.text() | st.floats() | st.lists(st.integers()),
)
def test_an_odd_value_is_refused_or_read(key: str, value: object) -> None:
    line = {"at": 1, "kind": "draw", "device": "d", "wave": 1, "randomised": True, key: value}
    try:
        read = parse(json.dumps(line), 1)
    except RecordError:
        return
    assert isinstance(read, Draw)
    assert math.isfinite(read.at)
