"""How long to wait before a part is started again. Pure."""

from dataclasses import dataclass, replace

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 10.0
_STEADY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Pause:
    """When a part was started last, and how long to wait should it die early."""

    started_at: float | None = None
    seconds: float = 0.0

    def is_over(self, now: float) -> bool:
        """Whether the part may be started again."""
        return self.started_at is None or now >= self.started_at + self.seconds

    def started(self, now: float) -> "Pause":
        """Return the pause that follows a start at this moment."""
        if self.started_at is None or now - self.started_at > self.seconds + _STEADY_SECONDS:
            return Pause(now, _FIRST_SECONDS)
        return replace(self, started_at=now, seconds=min(_LONGEST_SECONDS, 2 * self.seconds))
