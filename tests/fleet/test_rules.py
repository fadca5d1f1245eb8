import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.core.errors import InputError, LimitError
from fleetloop.fleet.rules import check_id, differing, merged, same_revision, told_revision

TEXT = st.text(max_size=5)
DATA = st.dictionaries(TEXT, TEXT, max_size=6)
TOLD = st.dictionaries(TEXT, st.none() | TEXT, max_size=6)


@pytest.mark.parametrize("device", ["d", "cell-0001", "a.b", "x" * 128, "urn:1"])
def test_ids(device: str) -> None:
    check_id(device)


@pytest.mark.parametrize("device", ["", "x" * 129, "a b", "a/b", "a%2f", "a;b", "a\\b", "ä", "a\n", "..", "a\x00"])
def test_ids_that_will_not_do(device: str) -> None:
    with pytest.raises(InputError, match="is no device id"):
        check_id(device)


@pytest.mark.parametrize(
    ("mode", "data", "new"),
    [
        ("merge", {"b": "3", "c": "4"}, {"a": "1", "b": "3", "c": "4"}),
        ("merge", {"a": None}, {"b": "2"}),
        ("replace", {"c": "4"}, {"c": "4"}),
        ("remove", {"a": "whatever"}, {"b": "2"}),
        ("remove", {"x": "not there"}, {"a": "1", "b": "2"}),
    ],
)
def test_modes(mode: str, data: dict[str, str | None], new: dict[str, str]) -> None:
    assert merged({"a": "1", "b": "2"}, mode, data) == new


def test_bounds() -> None:
    full: dict[str, str | None] = {f"k{n}": "v" for n in range(100)}
    assert len(merged({}, "merge", full)) == 100
    with pytest.raises(LimitError, match="at most 100 attributes; these would be 101"):
        merged({"one": "more"}, "merge", full)
    assert merged({}, "merge", {"k" * 128: "v" * 128})
    for data in ({"k" * 129: "v"}, {"k": "v" * 129}):
        with pytest.raises(InputError, match="128"):
            merged({}, "merge", data)
    with pytest.raises(InputError, match="expected merge, replace or remove"):
        merged({}, "add", {"a": "b"})


@given(DATA, TOLD)
def test_merge_and_remove_are_settled_by_once(old: dict[str, str], data: dict[str, str | None]) -> None:
    for mode in ("merge", "remove", "replace"):
        new = merged(old, mode, data)
        assert merged(new, mode, data) == new
        assert differing(new, new) == ()
        assert set(differing(old, new)) <= old.keys() | new.keys()
    assert merged(old, "remove", data).keys() == old.keys() - data.keys()


def test_revision_words() -> None:
    assert told_revision({"hwRevision": "B"}) == "B"
    assert told_revision({"hwRevision": "B", "hardware_revision": "c"}) == "c"
    assert told_revision({"hwRevision": None, "x": "y"}) == ""
    assert same_revision("b", "B")
    assert not same_revision("b", "c")
