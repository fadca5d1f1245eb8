import pytest

from fleetloop.access import OPERATIONS, Role
from fleetloop.access.policy import has_cell, needed


def test_roles_are_ordered() -> None:
    assert [a.covers(Role.OPERATOR) for a in Role] == [False, True, True, True]


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("POST", "/api/v1/login", None),
        ("GET", "/api/v1/devices", Role.VIEWER),
        ("HEAD", "/api/v1/devices", Role.VIEWER),
        ("POST", "/api/v1/devices", Role.OPERATOR),
        ("POST", "/api/v1/rollouts/{id}/decide", Role.APPROVER),
        ("POST", "/api/v1/trust", Role.ADMIN),
        ("GET", "/rollouts/{id}", Role.VIEWER),
        ("POST", "/rollouts/{id}/stop", Role.OPERATOR),
        ("POST", "/rollouts/{id}/decide", Role.APPROVER),
        ("GET", "/login", None),
    ],
)
def test_needed(method: str, path: str, role: Role | None) -> None:
    assert needed(method, path) is role


def test_an_operation_without_a_cell_has_no_role() -> None:
    assert not has_cell("POST", "/api/v1/nowhere")
    with pytest.raises(KeyError):
        needed("POST", "/api/v1/nowhere")
    with pytest.raises(KeyError):
        needed("POST", "/rollouts/{id}")


def test_only_logging_in_and_out_is_open() -> None:
    open_ones = {name for name, role in OPERATIONS.items() if role is None}
    assert open_ones == {"POST /api/v1/login", "POST /api/v1/logout", "GET /login"}
