import pytest

from fleetloop.core import errors
from fleetloop.core.problem import EDGE, document, edge, error_of


@pytest.mark.parametrize(
    ("kind", "status", "code"), [row[:3] for row in EDGE], ids=lambda v: getattr(v, "__name__", str(v))
)
def test_every_family_crosses_the_wire_as_itself(kind: type[errors.FleetloopError], status: int, code: int) -> None:
    error = kind("three at most", limit=3)
    assert edge(error)[:2] == (status, code)
    body = document(error, "4711")
    assert (body["status"], body["detail"], body["code"], body["limit"], body["request"]) == (
        status, "three at most", error.code, 3, "4711",
    )  # fmt: skip
    back = error_of(status, body)
    assert (edge(back)[0], str(back), back.code, back.fields) == (
        status,
        "three at most",
        error.code,
        {"limit": 3, "request": "4711"},
    )


def test_a_finer_error_keeps_its_code_and_its_families_status() -> None:
    class NoDevicesError(errors.ConflictError):
        code = "no-devices"

    body = document(NoDevicesError("nobody"))
    assert (body["status"], body["code"], body["title"], body["type"]) == (
        409,
        "no-devices",
        "no devices",
        "/problems/no-devices",
    )
    back = error_of(409, body)
    assert (type(back), back.code) == (errors.ConflictError, "no-devices")
    assert errors.ConflictError.code == "conflict"


def test_fields_do_not_overwrite_the_documents_own() -> None:
    assert document(errors.InputError("no", status=200, code="fine"))["status"] == 400


def test_an_answer_that_is_no_problem_document() -> None:
    assert str(error_of(418, {})) == "the server answered 418"
    assert type(error_of(418, {})) is errors.FleetloopError
