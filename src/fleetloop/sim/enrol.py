"""New devices for a running server: added over its API, in equal parts of the revisions that have a factory library."""

import secrets
from collections.abc import Mapping

from fleetloop.core.client import Client
from fleetloop.sim.model import Population, Unit

TAKES = "host-library"


def enrol(client: Client, product: str, count: int, libraries: Mapping[str, str], poll_s: int) -> Population:
    """Add ``count`` devices. ``poll_s`` 0: as the server says. Raises what the server raises."""
    mark, revisions = secrets.token_hex(2), sorted(libraries)
    named = ((f"{product}-{mark}-{i:04d}", revisions[i % len(revisions)]) for i in range(count))
    asked = [{"id": name, "product": product, "revision": revision, "takes": TAKES} for name, revision in named]
    tokens = {told["id"]: told["token"] for told in client.post("/devices", asked)}
    units = (Unit(a["id"], tokens[a["id"]], a["revision"], {"takes": TAKES}) for a in asked)
    return Population(tuple(units), libraries, poll_s=poll_s)
