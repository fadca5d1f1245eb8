import pytest

from fleetloop.core.errors import PreconditionError
from fleetloop.core.tags import anything, check_of, tag_of

NOW = {"phase": "running", "wave": 2}
OLD = {"phase": "running", "wave": 1}


def test_a_tag_tells_of_the_state_alone() -> None:
    assert tag_of(NOW) == tag_of(dict(reversed(NOW.items())))
    assert tag_of(NOW) != tag_of(OLD)


@pytest.mark.parametrize("seen", [None, "*", tag_of(NOW), f"{tag_of(OLD)}, {tag_of(NOW)}"])
def test_what_is_as_it_was_seen_passes(seen: str | None) -> None:
    check_of(seen, dict)(NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("seen", ["", "*, *", tag_of(OLD), f"W/{tag_of(NOW)}", tag_of(NOW).strip('"')])
def test_anything_else_is_told_how_it_is_now(seen: str) -> None:
    with pytest.raises(PreconditionError) as caught:
        check_of(seen, dict)(NOW)  # type: ignore[arg-type]
    assert caught.value.fields == {"current": NOW, "etag": tag_of(NOW)}


def test_who_did_not_say_what_they_saw_is_not_asked() -> None:
    anything(OLD)
