import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import InputError
from fleetloop.wire.attributes import parse


def test_mode_is_merge_unless_said() -> None:
    assert parse(b'{"data":{"VIN":"1"}}') == ("merge", {"VIN": "1"})
    assert parse(b'{"mode":"remove","data":{"VIN":null}}') == ("remove", {"VIN": None})


def test_what_old_clients_add_is_ignored() -> None:
    body = b'{"id":"","time":"20231114T221320","status":{"result":{"finished":"success"},"execution":"closed","details":[""]},"data":{"hw":"b"}}'
    assert parse(body) == ("merge", {"hw": "b"})


def test_numbers_and_booleans_become_texts() -> None:
    assert parse(b'{"data":{"a":1,"b":true,"c":1.5}}')[1] == {"a": "1", "b": "true", "c": "1.5"}


def test_a_name_beyond_ascii_and_raw_white_space_are_taken() -> None:
    assert parse('{"data":{"ort":"Kühl\tzelle"}}'.encode())[1] == {"ort": "Kühl\tzelle"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"[]", "data must be"),
        (b"{}", "data must be"),
        (b'{"data":{}}', "data must be"),
        (b'{"mode":"merged","data":{"a":"b"}}', "merge, replace, remove"),
        (b'{"data":{"a":{}}}', "'a' must be a text"),
        (b'{"data":{"a":"' + b"x" * 129 + b'"}}', "129 characters"),
        (b'{"data":{"' + b"x" * 129 + b'":"a"}}', "129 characters"),
        (b'{"data":{"a":"\x00"}}', "cannot be printed"),
        (b'{"data":{"a":"\\ud800"}}', "cannot be printed"),
    ],
)
def test_what_is_refused_is_named(body: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse(body)


@given(
    st.binary(max_size=200)
    | st.dictionaries(st.text(max_size=4), st.text(max_size=4)).map(lambda d: json.dumps({"data": d}).encode())
)
def test_any_bytes_are_attributes_or_an_input_error(body: bytes) -> None:
    try:
        mode, data = parse(body)
    except InputError as error:
        str(error).encode()
        return
    assert mode in ("merge", "replace", "remove")
    assert data
