"""Sums of what router Pods count, over their restarts; windows and quiet times. Pure.

The first sight of a Pod, or of a revision in it, is a baseline: what it counted before is unknown
to us (a retried revision may come back with its old counters), so it adds nothing, but a revision
that was ever used counts as moving at that moment.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from perennial_operator.api.routing_intent import RevisionCounters, RouterState
from perennial_operator.plan.snapshot import RevisionTraffic, Traffic, WindowCounts

WINDOW = timedelta(seconds=10)
REMEMBERED = timedelta(seconds=60)
NOTHING = RevisionCounters()


@dataclass(frozen=True, slots=True)
class _Seen:
    boot: str
    counters: Mapping[str, RevisionCounters]


class Tally:
    """Remembers the last answer of each router Pod of one namespace."""

    def __init__(self) -> None:
        """Start without any answer."""
        self._seen: dict[str, _Seen] = {}
        self._totals: dict[str, RevisionCounters] = {}
        self._open: defaultdict[str, RevisionCounters] = defaultdict(RevisionCounters)
        self._opened_at: datetime | None = None
        self._windows: defaultdict[str, tuple[WindowCounts, ...]] = defaultdict(tuple)
        self._moved_at: dict[str, datetime] = {}
        self._is_moving: dict[str, bool] = {}

    def take(self, states: Sequence[RouterState], *, expected: int, now: datetime) -> Traffic:
        """Take the answers of one round and return the whole picture.

        A round in which a Pod did not answer never makes a revision quiet.
        """
        current = {state.pod: _Seen(state.boot, _counters(state)) for state in states}
        is_complete = len(states) >= expected
        reported = {name for seen in current.values() for name in seen.counters}
        for revision in reported:
            self._count(revision, current, is_complete=is_complete, now=now)
        self._seen = (self._seen if not is_complete else {}) | current
        self._close_window(now)
        for revision in set(self._totals) - reported if is_complete else ():
            self._drop(revision)
        return Traffic(
            expected=expected,
            states=tuple(states),
            revisions={name: self._revision(name) for name in sorted(self._totals)},
        )

    def _count(
        self, revision: str, current: Mapping[str, _Seen], *, is_complete: bool, now: datetime
    ) -> None:
        added = _sum(self._added(revision, pod, seen) for pod, seen in current.items())
        active = sum(_of(seen, revision).active for seen in current.values())
        is_new = revision not in self._totals
        was_used = is_new and any(_of(seen, revision).first for seen in current.values())
        total = _sum((self._totals.get(revision, NOTHING), added))
        self._totals[revision] = replace(total, active=active)
        self._open[revision] = _sum((self._open[revision], added))
        self._is_moving[revision] = bool(added.first or active or was_used) or not is_complete
        if self._is_moving[revision] or is_new:
            self._moved_at[revision] = now

    def _added(self, revision: str, pod: str, seen: _Seen) -> RevisionCounters:
        before = self._seen.get(pod)
        if before is None or (before.boot == seen.boot and revision not in before.counters):
            return NOTHING
        known = _of(before, revision) if before.boot == seen.boot else NOTHING
        return _difference(_of(seen, revision), known)

    def _close_window(self, now: datetime) -> None:
        if self._opened_at is None:
            self._opened_at = now
        elapsed = now - self._opened_at
        if elapsed < WINDOW:
            return
        for revision in self._totals:
            kept = (w for w in self._windows[revision] if w.ended_at > now - REMEMBERED)
            window = _window(self._open[revision], now, elapsed)
            self._windows[revision] = (*kept, window)
        self._open.clear()
        self._opened_at = now

    def _drop(self, revision: str) -> None:
        for memory in (self._totals, self._open, self._windows, self._moved_at, self._is_moving):
            memory.pop(revision, None)

    def _revision(self, revision: str) -> RevisionTraffic:
        return RevisionTraffic(
            totals=self._totals[revision],
            quiet_since=None if self._is_moving[revision] else self._moved_at[revision],
            windows=self._windows[revision],
        )


def _counters(state: RouterState) -> Mapping[str, RevisionCounters]:
    return {
        revision: counters
        for model in state.models.values()
        for revision, counters in model.counters.items()
    }


def _of(seen: _Seen, revision: str) -> RevisionCounters:
    return seen.counters.get(revision, NOTHING)


def _sum(parts: Iterable[RevisionCounters]) -> RevisionCounters:
    listed = list(parts)
    return RevisionCounters(
        **{
            each.name: sum(getattr(part, each.name) for part in listed)
            for each in fields(RevisionCounters)
        }
    )


def _difference(after: RevisionCounters, before: RevisionCounters) -> RevisionCounters:
    """Return what was added; a counter that fell began again at zero."""
    pairs = {
        each.name: (getattr(after, each.name), getattr(before, each.name))
        for each in fields(RevisionCounters)
        if each.name != "active"
    }
    return RevisionCounters(
        **{name: new - old if new >= old else new for name, (new, old) in pairs.items()}
    )


def _window(counters: RevisionCounters, now: datetime, elapsed: timedelta) -> WindowCounts:
    return WindowCounts(
        ended_at=now,
        seconds=elapsed.total_seconds(),
        first=counters.first,
        status_5xx=counters.status_5xx,
        unreachable=counters.connect_failures + counters.resets + counters.timeouts,
    )
