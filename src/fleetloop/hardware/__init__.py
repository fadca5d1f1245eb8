"""Products and their approved hardware revisions.

It is *not* the list of units built (`fleetloop.fleet`), and a product's releases and what it tolerates are not here.
"""

from typing import TYPE_CHECKING

from fleetloop.core.door import lazy

if TYPE_CHECKING:
    from fleetloop.hardware.model import Product as Product
    from fleetloop.hardware.model import Revision as Revision
    from fleetloop.hardware.model import State as State
    from fleetloop.hardware.model import UnknownRevisionError as UnknownRevisionError
    from fleetloop.hardware.service import Hardware as Hardware
    from fleetloop.hardware.store import check_revision as check_revision
    from fleetloop.hardware.store import get_product as get_product
    from fleetloop.hardware.store import list_revisions as list_revisions

_FILES = {
    "model": "Product Revision State UnknownRevisionError",
    "service": "Hardware",
    "store": "check_revision get_product list_revisions",
}
__all__ = [
    "Hardware", "Product", "Revision", "State", "UnknownRevisionError", "check_revision", "get_product",
    "list_revisions",
]  # fmt: skip
__getattr__ = lazy("fleetloop.hardware", {name: file for file, names in _FILES.items() for name in names.split()})
