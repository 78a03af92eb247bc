"""What the exit code of every verb means, and which error ends in which."""

from enum import IntEnum

from perennial_sandbox.errors import NotReadyError


class ExitCode(IntEnum):
    """The five ways in which a verb ends."""

    DONE = 0
    ERROR = 1
    """Usage, refused, unavailable."""
    NOT_READY = 2
    """Not ready yet, or the time to wait ran out."""
    PERSON_AWAITED = 3
    WILL_NOT_GET_READY = 4
    """Stalled, Failed or Rejected: it needs a change."""


def of_error(error: Exception) -> ExitCode:
    """Return the exit code of a verb that ended with this error."""
    return ExitCode.NOT_READY if isinstance(error, NotReadyError) else ExitCode.ERROR
