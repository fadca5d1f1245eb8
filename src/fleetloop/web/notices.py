"""Pages that belong to no room: the login, and what failed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Login:
    """The login form. ``next``: where to go afterwards, a path of this server; ``error``: why the last try failed."""

    next: str = "/"
    name: str = ""
    error: str = ""


@dataclass(frozen=True)
class Trouble:
    """A page that could not be made, or a change that was refused: what failed, what still works, what to do.

    ``code`` is stable; ``again`` is the address to try again or to go back to; ``bare``: nobody is logged in.
    """

    title: str
    code: str
    status: int
    detail: str = ""
    advice: tuple[str, ...] = ()
    request: str = ""
    again: str = "/"
    passing: bool = False
    bare: bool = False
