"""Whether watches show what we wrote: a kind whose stream lies silent is named. Pure."""

OVERDUE_SECONDS = 15.0


class Echoes:
    """For each kind the newest version seen, and the oldest write that was not seen yet."""

    def __init__(self) -> None:
        """Expect nothing."""
        self._reached: dict[str, int] = {}
        self._expected: dict[str, tuple[int, float]] = {}

    def expect(self, kind: str, version: int, *, now: float) -> None:
        """Note that a write was answered with this version."""
        if version > self._reached.get(kind, 0) and kind not in self._expected:
            self._expected[kind] = (version, now)

    def reached(self, kind: str, version: int) -> None:
        """Note that a watch or a list showed this version."""
        self._reached[kind] = max(version, self._reached.get(kind, 0))
        if kind in self._expected and self._expected[kind][0] <= version:
            del self._expected[kind]

    def overdue(self, now: float) -> tuple[str, ...]:
        """Return the kinds that are late, once each: the next write is expected anew."""
        late = tuple(
            kind for kind, (_, since) in self._expected.items() if now - since > OVERDUE_SECONDS
        )
        for kind in late:
            del self._expected[kind]
        return late
