"""Ids that nobody can guess and that sort by nothing."""

import secrets


def new_id() -> str:
    """16 hexadecimal digits: of a request, a run."""
    return secrets.token_hex(8)
