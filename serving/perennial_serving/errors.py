"""The error tree of the serving image; three kinds only, and the third has no class.

PerennialError          never raised itself
|- Invalid              the user must act: reason, message with the next step, field path
|- Unavailable          retry helps: reason, message, when to try again
(anything else)         a bug

Errors know no HTTP and no exit codes. Messages name no path, address, secret or library text.
"""


class PerennialError(Exception):
    """What both kinds share: a machine reason and a sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason (a constant of `contract.results`) and the sentence."""
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        """Return both, for logs."""
        return f"{self.reason}: {self.message}"


class Invalid(PerennialError):  # noqa: N818  # the tree's word, in conditions and messages too
    """The user must act; the same call fails again. `field` is the path of what is wrong."""

    def __init__(self, reason: str, message: str, *, field: str = "") -> None:
        """Put the field's path in front of the sentence."""
        super().__init__(reason, f"{field}: {message}" if field else message)
        self.field = field


class Unavailable(PerennialError):  # noqa: N818  # see Invalid
    """Retry helps, not before `retry_after_seconds`."""

    def __init__(self, reason: str, message: str, *, retry_after_seconds: float = 1.0) -> None:
        """Keep how long to wait."""
        super().__init__(reason, message)
        self.retry_after_seconds = retry_after_seconds
