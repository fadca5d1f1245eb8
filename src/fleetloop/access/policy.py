"""Which role each operation needs: the one table. An operation without a cell is refused to everyone.

Keys are ``METHOD PATH`` as routes write them. ``None``: nobody need be logged in. ``PAGE`` and ``FORM`` are addresses
outside `API`, of a page and of what a page's form posts; a page without a cell only shows, and is a viewer's.
"""

from fleetloop.access.model import Role

API = "/api/v1"

_CELLS: dict[Role | None, str] = {
    None: """
        POST /login
        POST /logout
        PAGE /login
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
        GET /releases/{product}/{version}/bundle
        GET /releases/{product}/{version}/files/{path:path}
        GET /rollouts
        POST /rollouts/preview
        GET /rollouts/{id}
        GET /rollouts/{id}/record
        GET /rollouts/{id}/deployments
        GET /rollouts/{id}/attempts
        GET /rollouts/{id}/reports
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
        FORM /rollouts/{id}/stop
    """,
    Role.APPROVER: """
        POST /rollouts/{id}/decide
        FORM /rollouts/{id}/decide
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


OUTSIDE = {"PAGE": "GET", "FORM": "POST"}


def _spelt(line: str) -> str:
    method, path = line.split()
    return f"{OUTSIDE[method]} {path}" if method in OUTSIDE else f"{method} {API}{path}"


OPERATIONS: dict[str, Role | None] = {
    _spelt(line): role for role, lines in _CELLS.items() for line in lines.strip().splitlines()
}


def has_cell(method: str, path: str) -> bool:
    """Whether the table says anything of this operation."""
    return f"{method} {path}" in OPERATIONS or _is_page(method, path)


def needed(method: str, path: str) -> Role | None:
    """The role for a full path template. Raises `KeyError` for an operation without a cell."""
    operation = f"{'GET' if method == 'HEAD' else method} {path}"
    return Role.VIEWER if operation not in OPERATIONS and _is_page(method, path) else OPERATIONS[operation]


def _is_page(method: str, path: str) -> bool:
    return method in {"GET", "HEAD"} and not path.startswith("/api/")
