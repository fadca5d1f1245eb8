"""Who may do what: people with a role, their sessions and tokens, the tokens of devices and gateways, the audit log.

It is *not* the list of devices (`fleetloop.fleet`) and knows nothing of what an operation does: it has one table that
says which role each operation needs, and one log that says who did it.
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.access.entry import CSRF_HEADER as CSRF_HEADER
    from fleetloop.access.entry import SESSION_COOKIE as SESSION_COOKIE
    from fleetloop.access.entry import Frames as Frames
    from fleetloop.access.entry import csrf_of as csrf_of
    from fleetloop.access.entry import may as may
    from fleetloop.access.entry import needs as needs
    from fleetloop.access.entry import who as who
    from fleetloop.access.log import audit as audit
    from fleetloop.access.log import verify as verify
    from fleetloop.access.model import SYSTEM as SYSTEM
    from fleetloop.access.model import Gateway as Gateway
    from fleetloop.access.model import Person as Person
    from fleetloop.access.model import Role as Role
    from fleetloop.access.policy import OPERATIONS as OPERATIONS
    from fleetloop.access.service import Access as Access
    from fleetloop.access.service import first_admin as first_admin
    from fleetloop.access.tokens import Tokens as Tokens

_FILES = {
    "log": "audit verify",
    "model": "SYSTEM Gateway Person Role",
    "entry": "CSRF_HEADER SESSION_COOKIE Frames csrf_of may needs who",
    "policy": "OPERATIONS",
    "service": "Access first_admin",
    "tokens": "Tokens",
}
__all__ = [
    "CSRF_HEADER", "OPERATIONS", "SESSION_COOKIE", "SYSTEM", "Access", "Frames", "Gateway", "Person", "Role", "Tokens",
    "audit", "csrf_of", "first_admin", "may", "needs", "verify", "who",
]  # fmt: skip
__getattr__ = lazy("fleetloop.access", {name: file for file, names in _FILES.items() for name in names.split()})
