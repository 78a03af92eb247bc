"""Workers: take a key, run its pass, give it back. A bug in one pass ends nothing else.

The only module of the loop that reads the clock.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime

from perennial_operator.loop import metrics
from perennial_operator.loop.agenda import Agenda
from perennial_operator.loop.passes import Ended, Passes
from perennial_operator.loop.work_queue import Outcome, Result, Taken
from perennial_operator.plan.snapshot import Key

logger = logging.getLogger(__name__)

SILENT = frozenset({"noop"})
FAILED = frozenset({"invalid", "unavailable", "bug"})


class Clock:
    """The time of day; it never goes back within a process."""

    def __init__(self) -> None:
        """Start now."""
        self._last = datetime.now(UTC)  # noqa: TID251  # the one place where time comes in

    def __call__(self) -> datetime:
        """Return the time of day."""
        self._last = max(self._last, datetime.now(UTC))  # noqa: TID251  # as above
        return self._last


class Workers:
    """A few tasks over one agenda."""

    def __init__(self, agenda: Agenda, passes: Passes, *, clock: Clock, count: int) -> None:
        """Start nothing yet."""
        self._agenda = agenda
        self._passes = passes
        self._clock = clock
        self._count = count
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_stopping = False

    async def run(self) -> None:
        """Work until canceled; an end of any worker ends all."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._work())

    async def rest(self, *, timeout_seconds: float) -> None:
        """Start no further pass and wait a little for those that run."""
        self._is_stopping = True
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("passes were cut off at the end")

    async def _work(self) -> None:
        while True:
            taken = await self._agenda.next()
            if self._is_stopping:
                return
            self._busy += 1
            self._idle.clear()
            try:
                await self._pass(taken)
            finally:
                self._busy -= 1
                if not self._busy:
                    self._idle.set()

    async def _pass(self, taken: Taken) -> None:
        key, started = taken.key, time.monotonic()
        ended = await self._guarded(key)
        self._agenda.done(key, ended.result)
        seconds = time.monotonic() - started
        metrics.RECONCILES.labels(key.kind, ended.word).inc()
        metrics.RECONCILE_SECONDS.labels(key.kind).observe(seconds)
        if ended.result.outcome in (Outcome.RETRY, Outcome.BUG):
            metrics.QUEUE_RETRIES.labels(key.kind).inc()
        if ended.word not in SILENT:
            _log(key, ended, seconds)

    async def _guarded(self, key: Key) -> Ended:
        try:
            return await self._passes.run(key, now=self._clock())
        except Exception:
            logger.exception("bug in a pass", extra={"key": shown(key)})
            metrics.BUGS.labels(key.kind).inc()
            self._passes.report_bug(key, now=self._clock())
            return Ended("bug", Result(Outcome.BUG))


def shown(key: Key) -> str:
    """Return a key as logs show it."""
    return "/".join(part for part in (key.kind, key.namespace, key.name) if part)


def _log(key: Key, ended: Ended, seconds: float) -> None:
    level = logging.WARNING if ended.word in FAILED else logging.INFO
    facts = {
        "key": shown(key),
        "uid": ended.uid,
        "generation": ended.generation,
        "result": ended.word,
        "detail": ended.detail,
        "seconds": round(seconds, 3),
    }
    logger.log(level, "pass", extra=facts)
