"""Decides which waiting requests leave together. Knows no clock, task or future.

It counts rows, keeps the order of arrival, and never lets one request's departure touch another.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

# A batch stops growing when this multiple of its predicted cost would pass a deadline in it.
_SAFETY = 1.5


@dataclass(frozen=True, slots=True)
class Ticket:
    """What matters of a waiting request; only requests of one `kind` may share a run."""

    rows: int
    kind: Hashable
    deadline: float


class Batcher(Generic[T]):
    """Waiting requests in order of arrival; `rows` is how many rows they have together."""

    def __init__(self, *, max_rows: int, cost: Callable[[int], float]) -> None:
        """Take the row limit of a batch and the predicted seconds of a run."""
        self._max_rows = max_rows
        self._cost = cost
        self._waiting: dict[T, Ticket] = {}
        self.rows = 0

    def __len__(self) -> int:
        """Return how many requests wait."""
        return len(self._waiting)

    def add(self, item: T, ticket: Ticket) -> None:
        """Let a request wait."""
        self._waiting[item] = ticket
        self.rows += ticket.rows

    def discard(self, item: T) -> bool:
        """Forget a request whose client left; say whether it still waited."""
        ticket = self._waiting.pop(item, None)
        if ticket is None:
            return False
        self.rows -= ticket.rows
        return True

    def take(self, now: float) -> list[T]:
        """Return the requests that leave together; the oldest is always among them."""
        batch: list[T] = []
        rows = 0
        earliest = float("inf")
        first: Ticket | None = None
        for item, ticket in self._waiting.items():
            first = first or ticket
            if ticket.kind != first.kind:
                continue
            total = rows + ticket.rows
            earliest_with = min(earliest, ticket.deadline)
            if batch and not self._fits(total, now=now, deadline=earliest_with):
                break
            batch.append(item)
            rows, earliest = total, earliest_with
        for item in batch:
            self.discard(item)
        return batch

    def _fits(self, rows: int, *, now: float, deadline: float) -> bool:
        return rows <= self._max_rows and now + _SAFETY * self._cost(rows) <= deadline
