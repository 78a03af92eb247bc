"""One pass over one key: look, decide, carry out; and what its end means for the next one.

A failure is fed to the next pass as data: planners turn it into a condition, they never wait.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from perennial_operator.api import reasons
from perennial_operator.apply.writer import Writer
from perennial_operator.cluster.answers import Gone, Stale
from perennial_operator.errors import Invalid, Unavailable
from perennial_operator.loop import metrics
from perennial_operator.loop.store import Store
from perennial_operator.loop.work_queue import BACKGROUND, Outcome, Result
from perennial_operator.observe import objects
from perennial_operator.observe.objects import Look, Surroundings
from perennial_operator.plan.actions import Answer, Event, Plan
from perennial_operator.plan.snapshot import (
    DecisionFacts,
    Failure,
    Key,
    Meta,
    RouterSnapshot,
    Snapshot,
)

Decide = Callable[[Snapshot, datetime], Plan]

NEXT_STEP_SECONDS = 1.0
ABSENT_SECONDS = 5.0
FAILURE_KEPT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pass ended: a word for metrics and logs, and what the queue shall do."""

    word: str
    result: Result
    detail: str = ""
    uid: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True)
class _Remembered:
    failure: Failure
    generation: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one pass is about."""

    key: Key
    now: datetime
    seen: Snapshot | None = None

    @property
    def meta(self) -> Meta | None:
        """Return the identity of the root; a router has none."""
        return None if isinstance(self.seen, RouterSnapshot | None) else self.seen.meta

    def ended(self, word: str, result: Result, detail: str = "") -> Ended:
        """Return the end of this pass."""
        uid, generation = (self.meta.uid, self.meta.generation) if self.meta else ("", 0)
        return Ended(word, result, detail, uid, generation)


class Passes:
    """Runs passes; remembers only how the last one over a key failed."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        *,
        decide: Decide,
        surroundings: Callable[[], Surroundings],
        replan_seconds: Callable[[], float],
    ) -> None:
        """`replan_seconds` returns when a key at rest is planned again: other for each call."""
        self._store = store
        self._writer = writer
        self._decide = decide
        self._surroundings = surroundings
        self._replan_seconds = replan_seconds
        self._failures: dict[Key, _Remembered] = {}

    async def run(self, key: Key, *, now: datetime) -> Ended:
        """Bring one key a step closer to its spec; bugs are the caller's."""
        current = _Pass(key, now)
        try:
            current = _Pass(key, now, self._look(key))
            return await self._step(current)
        except Stale as error:
            return current.ended("stale", Result(Outcome.AGAIN), str(error))
        except Gone as error:
            self._failures.pop(key, None)
            return current.ended("gone", Result(Outcome.DROPPED), str(error))
        except Invalid as error:
            return self._invalid(current, error)
        except Unavailable as error:
            return self._unavailable(current, error)

    def report_bug(self, key: Key, *, now: datetime) -> None:
        """Tell the people who watch the object that our own code failed on it; cannot fail."""
        note = "the operator failed on this object and goes on with others: see its log"
        if found := objects.root(self._store, key):
            event = Event("Warning", reasons.RECONCILE_BUG, note)
            self._writer.report((event,), key, uid=found.uid, now=now)

    def _look(self, key: Key) -> Snapshot | None:
        known = self._failures.get(key)
        root = objects.root(self._store, key)
        if known and root and root.generation != known.generation:
            known = None
        last_failure = known.failure if known else None
        return objects.snapshot(Look(self._store, key, self._surroundings(), last_failure))

    async def _step(self, current: _Pass) -> Ended:
        seen, now = current.seen, current.now
        if seen is None:
            return await self._absent(current)
        if current.meta and not isinstance(seen, RouterSnapshot) and current.meta.is_deleting:
            plan = Plan(actions=(_not_found(seen.decisions),))
        else:
            with metrics.DECIDE_SECONDS.labels(current.key.kind).time():
                plan = self._decide(seen, now)
        has_written = await self._writer.carry_out(plan, seen, now=now)
        was_failing = self._succeeded(current.key, plan, now)
        if has_written or was_failing:
            return current.ended("changed", _soon(plan.look_again_seconds))
        return current.ended("noop", self._later(plan.look_again_seconds))

    def _succeeded(self, key: Key, plan: Plan, now: datetime) -> bool:
        """Forget a failure once actions were carried out; return whether there was one.

        A plan that leaves out what failed proves nothing: then it is forgotten after a while.
        """
        known = self._failures.get(key)
        if not known or not (plan.actions or now - known.at >= FAILURE_KEPT):
            return False
        del self._failures[key]
        return True

    async def _absent(self, current: _Pass) -> Ended:
        """Answer Decisions about what does not exist; a root may yet come into the store."""
        waiting = objects.decisions(self._store, current.key)
        self._failures.pop(current.key, None)
        if not waiting:
            return current.ended("noop", Result(Outcome.DROPPED))
        age = (current.now - waiting[0].created_at).total_seconds()
        if age < ABSENT_SECONDS or await self._writer.root_exists(current.key):
            return current.ended("noop", Result(Outcome.DONE, ABSENT_SECONDS))
        await self._writer.answer(_not_found(waiting), current.key.namespace, now=current.now)
        return current.ended("changed", Result(Outcome.DROPPED))

    def _invalid(self, current: _Pass, error: Invalid) -> Ended:
        is_new = self._remember(current, Failure(error.reason, error.message, is_invalid=True))
        if is_new and current.meta:
            event = Event("Warning", error.reason, error.message)
            self._writer.report((event,), current.key, uid=current.meta.uid, now=current.now)
        return current.ended("invalid", Result(Outcome.RETRY), f"{error.reason}: {error}")

    def _unavailable(self, current: _Pass, error: Unavailable) -> Ended:
        self._remember(current, Failure(error.reason, error.what, is_invalid=False))
        result = Result(Outcome.RETRY, error.retry_after_seconds)
        return current.ended("unavailable", result, f"{error.reason}: {error}")

    def _remember(self, current: _Pass, failure: Failure) -> bool:
        """Keep a failure; return whether it is another than before."""
        before = self._failures.get(current.key)
        is_same = before is not None and before.failure.is_invalid == failure.is_invalid
        in_a_row = before.failure.in_a_row + 1 if before and is_same else 1
        counted = Failure(failure.reason, failure.message, failure.is_invalid, in_a_row)
        generation = current.meta.generation if current.meta else 0
        self._failures[current.key] = _Remembered(counted, generation, current.now)
        return not (before and is_same and before.failure.reason == failure.reason)

    def _later(self, asked_seconds: float | None) -> Result:
        if asked_seconds is None:
            return Result(Outcome.DONE, self._replan_seconds(), BACKGROUND)
        return Result(Outcome.DONE, asked_seconds)


def _soon(asked_seconds: float | None) -> Result:
    """Look again soon after a write: the next pass takes the next step, or finds none."""
    return Result(Outcome.DONE, min(asked_seconds or NEXT_STEP_SECONDS, NEXT_STEP_SECONDS))


def _not_found(waiting: tuple[DecisionFacts, ...]) -> tuple[Answer, ...]:
    return tuple(
        Answer(
            name=each.name,
            uid=each.uid,
            resource_version=each.resource_version,
            answer=reasons.TARGET_NOT_FOUND,
            message=f"{each.spec.target.kind} {each.spec.target.name} does not exist",
            generation=each.generation,
        )
        for each in waiting
    )
