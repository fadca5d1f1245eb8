from fleetloop.core import errors


def families() -> list[type[errors.FleetloopError]]:
    found = [errors.FleetloopError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == "fleetloop.core.errors"]


def test_the_docstring_is_the_default_message() -> None:
    assert str(errors.LimitError()) == "Too much at once; try again later."
    assert str(errors.LimitError("three at most")) == "three at most"


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    text = errors.__doc__ or ""
    for kind in families():
        line = next(row for row in text.splitlines() if f" {kind.__name__} " in f"{row} ")
        assert ("(passing)" in line) == kind.passing, kind
        if kind.__base__ not in (Exception, errors.FleetloopError):
            assert line.startswith("    │   └── "), kind


def test_codes_are_words_and_nobodys_twice() -> None:
    codes = [kind.code for kind in families()]
    assert len(set(codes)) == len(codes)
    assert all(code == code.lower() and " " not in code for code in codes)


def test_fields_travel_with_the_error() -> None:
    assert errors.InputError("no", field="name").fields == {"field": "name"}
