"""Tokens for forms: another site can send a person's cookie, but cannot know the token that belongs to it."""

import hashlib
import hmac


def csrf(session_id: str, secret: bytes) -> str:
    """The token of a session; the same for all its forms, useless without the cookie."""
    return hmac.new(secret, b"csrf:" + session_id.encode(), hashlib.sha256).hexdigest()


def csrf_matches(token: str, session_id: str, secret: bytes) -> bool:
    """Whether a form was ours. Takes the same time for every wrong token."""
    return hmac.compare_digest(token.encode(), csrf(session_id, secret).encode())
