"""The error tree; errors know no HTTP and no exit codes.

PerennialError                 never raised itself
|- Invalid                     the user must act: condition False, exit 1, not retried
|- Unavailable                 retry helps: requeue with back-off
(anything else)                a bug: the unit of work ends with a traceback
"""


class PerennialError(Exception):
    """The root of our errors; catch it at the edges only."""


class Invalid(PerennialError):  # noqa: N818  # named for what it says, not for what it is
    """The user must act.

    `reason` is a constant of `api.reasons`, `message` says what to do next, `field` is the path
    of the field at fault ("" if none).
    """

    def __init__(self, reason: str, message: str, *, field: str = "") -> None:
        """Keep the machine reason, the sentence and the field path."""
        super().__init__(f"{field}: {message}" if field else message)
        self.reason = reason
        self.message = message
        self.field = field


class Unavailable(PerennialError):  # noqa: N818  # as above
    """Something outside does not answer now; `retry_after_seconds` is its own wish, if any."""

    def __init__(
        self, what: str, *, reason: str = "Unavailable", retry_after_seconds: float | None = None
    ) -> None:
        """Keep what did not answer, and when to ask again."""
        super().__init__(what)
        self.what = what
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
