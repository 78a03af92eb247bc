"""Who may write: the fence that the port asks before every write."""

from typing import Protocol


class Fence(Protocol):
    """Says whether this process may still start a write."""

    def is_open(self) -> bool:
        """Whether a write that starts now ends before anybody else may write."""


class SingleReplica:
    """The fence of an operator that runs once: its Deployment has one replica and `Recreate`."""

    def is_open(self) -> bool:
        """Return True: nobody else writes."""
        return True
