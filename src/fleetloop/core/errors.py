"""Every error a person or a program may meet; each family says whose turn it is.

    FleetloopError
    ├── InputError          what came is wrong: send something else
    │   └── UsageError      the command line is wrong
    ├── LoginError          nobody we know: log in, or give a token
    ├── DeniedError         known, but not allowed to
    ├── NotFoundError       no such thing
    ├── ConflictError       right in form, wrong in this state
    │   └── GoneError       it was there and is over
    ├── PreconditionError   somebody changed it meanwhile: read again
    ├── TooLargeError       over a bound that is named in the message
    ├── LimitError          too much at once: try again later          (passing)
    ├── UnavailableError    not now: try again                         (passing)
    ├── TimedOutError       waited as long as was asked
    ├── InfrastructureError a tool, board or network is missing or hung; says nothing about the product
    └── FailedError         it ran, and the answer is no

The docstring is the default message. ``code`` is stable: programs compare it, messages may change.
"""

from typing import ClassVar


class FleetloopError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    passing: ClassVar[bool] = False
    """Whether trying the same again can help."""

    def __init__(self, message: str | None = None, **fields: object) -> None:
        """``fields`` go into the problem document beside the sentence."""
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.fields = fields


class InputError(FleetloopError):
    """What was sent is not what was expected."""

    code = "bad-input"


class UsageError(InputError):
    """The command line is not one we know."""

    code = "usage"


class LoginError(FleetloopError):
    """Log in first: `fleetloop login`."""

    code = "login-required"


class DeniedError(FleetloopError):
    """Your role does not allow this."""

    code = "denied"


class NotFoundError(FleetloopError):
    """There is no such thing."""

    code = "not-found"


class ConflictError(FleetloopError):
    """That is not possible in the present state."""

    code = "conflict"


class GoneError(ConflictError):
    """That is over."""

    code = "gone"


class PreconditionError(FleetloopError):
    """It was changed meanwhile; read it again."""

    code = "changed-meanwhile"


class TooLargeError(FleetloopError):
    """That is larger than the bound."""

    code = "too-large"


class LimitError(FleetloopError):
    """Too much at once; try again later."""

    code = "limit"
    passing = True


class UnavailableError(FleetloopError):
    """Not available now; try again."""

    code = "unavailable"
    passing = True


class TimedOutError(FleetloopError):
    """The time given is over."""

    code = "timed-out"


class InfrastructureError(FleetloopError):
    """A tool, a board or the network failed; this says nothing about the product."""

    code = "infrastructure"


class FailedError(FleetloopError):
    """It ran, and it failed."""

    code = "failed"
