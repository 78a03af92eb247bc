"""Counts of the serving process: plain integers and sums, written on the event loop only.

Every label has a closed set of values, so the number of series is bounded.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from perennial_serving.contract.metrics import REQUEST_BUCKETS


@dataclass(slots=True)
class Durations:
    """A histogram: one count per bucket (the last is open), and the sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(REQUEST_BUCKETS) + 1))
    total_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(REQUEST_BUCKETS, seconds)] += 1
        self.total_seconds += seconds


@dataclass(slots=True)
class Stage:
    """A summary without quantiles."""

    count: int = 0
    total_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.count += 1
        self.total_seconds += seconds


@dataclass(slots=True)
class Recorder:
    """What happened since the start; keys begin with the lane."""

    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    seconds: defaultdict[tuple[str, str], Durations] = field(
        default_factory=lambda: defaultdict(Durations)
    )
    stages: defaultdict[tuple[str, str], Stage] = field(default_factory=lambda: defaultdict(Stage))
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    invalid: Counter[tuple[str, str]] = field(default_factory=Counter)
    deadline_exceeded: Counter[tuple[str, str]] = field(default_factory=Counter)
    bugs: Counter[str] = field(default_factory=Counter)
    canceled: Counter[str] = field(default_factory=Counter)
    nonfinite: Counter[str] = field(default_factory=Counter)
    loop_lag_seconds: float = 0.0

    def answered(self, lane: str, protocol: str, *, code: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests[lane, protocol, code] += 1
        self.seconds[lane, protocol].add(seconds)

    def lagged(self, seconds: float) -> None:
        """Keep the largest lag of the event loop since the last scrape."""
        self.loop_lag_seconds = max(self.loop_lag_seconds, seconds)

    def take_loop_lag(self) -> float:
        """Return the largest lag and start anew."""
        lag, self.loop_lag_seconds = self.loop_lag_seconds, 0.0
        return lag
