"""A token bucket: pure, the caller passes the time and does the waiting."""


class TokenBucket:
    """`rate` tokens a second, at most `burst` saved; a pause lets nothing through for a while."""

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        """Start full."""
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now
        self._paused_until = now

    def take(self, *, now: float) -> float:
        """Take one token and return the seconds to wait before using it."""
        self._refill(now)
        self._tokens -= 1
        wait = max(0.0, -self._tokens / self._rate)
        return max(wait, self._paused_until - now)

    def try_take(self, *, now: float) -> bool:
        """Take one token if there is one; return whether there was."""
        self._refill(now)
        if self._tokens < 1 or now < self._paused_until:
            return False
        self._tokens -= 1
        return True

    def pause(self, seconds: float, *, now: float) -> None:
        """Let nothing through for that long: the server asked for it."""
        self._paused_until = max(self._paused_until, now + seconds)

    def _refill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
