"""The node's only wall clock; pure code gets the moment as an argument."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)  # noqa: TID251  # the one place of the node that reads the clock
