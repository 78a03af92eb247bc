"""Who may come in: decided from numbers, before the body of a request is read."""

import math
from dataclasses import dataclass

from perennial_serving.contract.results import Reason

_RETRY_AFTER_LIMIT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request may not come in now, and when to try again."""

    reason: Reason
    retry_after_seconds: int


class Admission:
    """Counts the requests that were let in; `closed` holds the reason while none may come."""

    def __init__(self, *, max_in_flight: int) -> None:
        """Start closed: nothing is loaded yet."""
        self._max_in_flight = max_in_flight
        self.in_flight = 0
        self.closed: Reason | None = Reason.STARTING

    def enter(self, *, wait_seconds: float, left_seconds: float) -> Refusal | None:
        """Let a request in, or say why not.

        `wait_seconds` is the predicted time until an answer, `left_seconds` the time that its
        client still waits.
        """
        if self.closed is not None:
            return Refusal(self.closed, _retry_after(wait_seconds))
        if self.in_flight >= self._max_in_flight:
            return Refusal(Reason.OVERLOADED, _retry_after(wait_seconds))
        if wait_seconds > left_seconds:
            return Refusal(Reason.DEADLINE_UNREACHABLE, _retry_after(wait_seconds))
        self.in_flight += 1
        return None

    def leave(self) -> None:
        """Count a request out."""
        self.in_flight -= 1


def _retry_after(wait_seconds: float) -> int:
    """Return whole seconds within 1 and 10."""
    return max(1, min(math.ceil(wait_seconds), _RETRY_AFTER_LIMIT_SECONDS))
