"""Which role each operation needs: the one table. An operation without a cell is refused to everyone.

Keys are ``METHOD PATH`` as routes write them. ``None``: nobody need be logged in. Pages only show: every one of them,
outside `API`, is a viewer's.
"""

from fleetloop.access.model import Role

API = "/api/v1"

_CELLS: dict[Role | None, str] = {
    None: """
        POST /login
        POST /logout
    """,
    Role.VIEWER: """
        GET /me
        PUT /me/password
        GET /tokens
        POST /tokens
        DELETE /tokens/{id}
        GET /products
        GET /products/{product}/revisions
        GET /devices
        GET /devices/{id}
        GET /devices/{id}/timeline
        GET /releases
        GET /releases/{product}/{version}
        GET /releases/{product}/{version}/files/{path:path}
        GET /rollouts
        GET /rollouts/{id}
        GET /rollouts/{id}/record
        GET /rollouts/{id}/deployments
        GET /incidents
        GET /incidents/{id}
        GET /trust
    """,
    Role.OPERATOR: """
        POST /products
        POST /products/{product}/revisions
        POST /devices
        PATCH /devices/{id}
        DELETE /devices/{id}
        POST /releases
        POST /rollouts
        POST /rollouts/{id}/stop
        POST /rollouts/{id}/pause
    """,
    Role.APPROVER: """
        POST /rollouts/{id}/decide
    """,
    Role.ADMIN: """
        GET /people
        POST /people
        DELETE /people/{name}
        GET /gateways
        POST /gateways
        DELETE /gateways/{name}
        POST /trust
        GET /audit
        GET /audit/chain
    """,
}


def _spelt(line: str) -> str:
    method, path = line.split()
    return f"{method} {API}{path}"


OPERATIONS: dict[str, Role | None] = {
    _spelt(line): role for role, lines in _CELLS.items() for line in lines.strip().splitlines()
}


def has_cell(method: str, path: str) -> bool:
    """Whether the table says anything of this operation."""
    return f"{method} {path}" in OPERATIONS or _is_page(method, path)


def needed(method: str, path: str) -> Role | None:
    """The role for a full path template. Raises `KeyError` for an operation without a cell."""
    if _is_page(method, path):
        return Role.VIEWER
    return OPERATIONS[f"{'GET' if method == 'HEAD' else method} {path}"]


def _is_page(method: str, path: str) -> bool:
    return method in {"GET", "HEAD"} and not path.startswith("/api/")
