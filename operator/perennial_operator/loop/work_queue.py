"""Which key is due, and which comes first. Pure: the caller passes the time and the jitter.

One entry a key and one worker a key; rank 0 before 1 before 2, first in first out within a rank;
no namespace crowds out the others. Nothing is persisted: deadlines live in status.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from perennial_operator.plan.snapshot import Key

URGENT = 0
NORMAL = 1
BACKGROUND = 2
RANKS = (URGENT, NORMAL, BACKGROUND)

AGING_SECONDS = 60.0
SOONEST_SECONDS = 1.0
LATEST_SECONDS = 3_600.0
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 300.0
STALE_IN_A_ROW = 5


class Outcome(Enum):
    """How a pass over a key ended, as far as the queue is concerned."""

    DONE = auto()
    AGAIN = auto()
    RETRY = auto()
    BUG = auto()
    DROPPED = auto()


@dataclass(frozen=True, slots=True)
class Result:
    """What to do with a key after its pass; `after_seconds` is a wish of who asked for it.

    DONE: look again after that time, None for not at all. RETRY: back-off, or longer if asked.
    """

    outcome: Outcome
    after_seconds: float | None = None
    rank: int = NORMAL


@dataclass(frozen=True, slots=True)
class Taken:
    """A key to work on, and how long it was due."""

    key: Key
    rank: int
    waited_seconds: float


@dataclass(frozen=True, slots=True)
class _Entry:
    rank: int
    due_at: float


class WorkQueue:
    """Entries by key; those that are due stand in one line a rank."""

    def __init__(self, *, workers: int, jitter: Callable[[], float]) -> None:
        """`jitter` returns uniform numbers from 0 to 1."""
        self._share = max(1, workers // 4)
        self._jitter = jitter
        self._entries: dict[Key, _Entry] = {}
        self._later: list[tuple[float, int, Key]] = []
        self._ready: tuple[dict[Key, float], ...] = tuple({} for _ in RANKS)
        self._in_flight: dict[Key, _Entry | None] = {}
        self._failures: dict[Key, int] = {}
        self._stale: dict[Key, int] = {}
        self._sequence = 0

    def add(self, key: Key, *, rank: int, now: float, after: float = 0.0) -> None:
        """Make a key due; an earlier time and a better rank win over what is known."""
        entry = _Entry(rank, now + after)
        if key in self._in_flight:
            self._in_flight[key] = _merged(self._in_flight[key], entry)
            return
        self._place(key, _merged(self._entries.get(key), entry))

    def take(self, now: float) -> Taken | None:
        """Return the next key that is due, None if none is; it is in flight until `done`."""
        self._promote(now)
        chosen = next(self._allowed(), None)
        if not chosen:
            return None
        rank, key = chosen
        waited = now - self._entries.pop(key).due_at
        del self._ready[rank][key]
        self._in_flight[key] = None
        return Taken(key, rank, max(0.0, waited))

    def done(self, key: Key, *, now: float, result: Result) -> None:
        """Give a key back; what was added during its flight is queued again."""
        waiting = self._in_flight.pop(key)
        after = self._delay(key, result)
        if after is not None:
            waiting = _merged(waiting, _Entry(result.rank, now + after))
        if waiting:
            self._place(key, waiting)

    def forgive(self, key: Key) -> None:
        """Forget the failures of a key: its object has a new generation."""
        self._failures.pop(key, None)
        self._stale.pop(key, None)

    def next_due(self) -> float | None:
        """Return when the next key is due, None if none will be; past times mean now."""
        ready = [next(iter(line.values())) for line in self._ready if line]
        while self._later and not self._is_current(self._later[0]):
            heapq.heappop(self._later)
        later = [self._later[0][0]] if self._later else []
        return min(ready + later, default=None)

    def depth(self, rank: int) -> int:
        """Return how many keys of a rank are due now."""
        return len(self._ready[rank])

    @property
    def in_flight(self) -> int:
        """Return how many keys are being worked on."""
        return len(self._in_flight)

    def _place(self, key: Key, entry: _Entry) -> None:
        before = self._entries.get(key)
        if before == entry:
            return
        if before:
            self._ready[before.rank].pop(key, None)
        self._entries[key] = entry
        self._sequence += 1
        heapq.heappush(self._later, (entry.due_at, self._sequence, key))

    def _promote(self, now: float) -> None:
        """Move what became due into its line, and what waited long in the background ahead."""
        while self._later and self._later[0][0] <= now:
            item = heapq.heappop(self._later)
            if self._is_current(item):
                due_at, _, key = item
                self._ready[self._entries[key].rank][key] = due_at
        background = self._ready[BACKGROUND]
        while background and now - next(iter(background.values())) >= AGING_SECONDS:
            key = next(iter(background))
            self._ready[NORMAL][key] = background.pop(key)
            self._entries[key] = _Entry(NORMAL, self._entries[key].due_at)

    def _is_current(self, item: tuple[float, int, Key]) -> bool:
        due_at, _, key = item
        entry = self._entries.get(key)
        return entry is not None and entry.due_at == due_at and key not in self._ready[entry.rank]

    def _allowed(self) -> Iterator[tuple[int, Key]]:
        """Yield what is ready, first of all what belongs to namespaces below their share."""
        busy: dict[str, int] = {}
        for key in self._in_flight:
            busy[key.namespace] = busy.get(key.namespace, 0) + 1
        for rank, line in enumerate(self._ready):
            yield from ((rank, key) for key in line if busy.get(key.namespace, 0) < self._share)
        for rank, line in enumerate(self._ready):
            yield from ((rank, key) for key in line)

    def _delay(self, key: Key, result: Result) -> float | None:
        match result.outcome:
            case Outcome.DONE:
                self.forgive(key)
                return _clamped(result.after_seconds)
            case Outcome.AGAIN:
                self._stale[key] = self._stale.get(key, 0) + 1
                is_often = self._stale[key] >= STALE_IN_A_ROW
                return self._backoff(key, result.after_seconds) if is_often else 0.0
            case Outcome.RETRY:
                return self._backoff(key, result.after_seconds)
            case Outcome.BUG:
                return LONGEST_BACKOFF_SECONDS * self._spread()
        self.forgive(key)  # dropped
        return None

    def _backoff(self, key: Key, asked_seconds: float | None) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        grown = FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 20)
        return max(min(LONGEST_BACKOFF_SECONDS, grown) * self._spread(), asked_seconds or 0.0)

    def _spread(self) -> float:
        return 0.5 + self._jitter() / 2


def _merged(known: _Entry | None, new: _Entry) -> _Entry:
    if not known:
        return new
    return _Entry(min(known.rank, new.rank), min(known.due_at, new.due_at))


def _clamped(seconds: float | None) -> float | None:
    return None if seconds is None else min(LATEST_SECONDS, max(SOONEST_SECONDS, seconds))
