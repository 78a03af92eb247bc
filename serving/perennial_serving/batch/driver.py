"""Runs requests: cheap ones at once on the loop, others in runner threads, batched while busy.

A failing batch is halved until single requests fail by themselves.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from perennial_serving.batch import merge
from perennial_serving.batch.batcher import Batcher, Ticket
from perennial_serving.batch.cost import Cost
from perennial_serving.batch.port import Runnable
from perennial_serving.codec.tensors import Array, Tensors
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Unavailable

# A hop to a thread and back costs about this; between the two, the last choice stays.
_INLINE_BELOW_SECONDS = 200e-6
_THREAD_ABOVE_SECONDS = 300e-6


@dataclass(frozen=True, slots=True)
class Work:
    """What one request wants of the model."""

    inputs: Tensors
    outputs: tuple[str, ...]
    rows: int
    deadline: float


@dataclass(frozen=True, slots=True)
class Ran:
    """The outputs of one request, how long it waited, and how long its run took."""

    outputs: list[Array]
    queued_seconds: float
    run_seconds: float


@dataclass(slots=True)
class Counts:
    """What the driver did so far."""

    rows: int = 0
    batches: int = 0
    splits: int = 0


@dataclass(eq=False, slots=True)
class Entry:
    """One request on its way; `result` is what its handler awaits."""

    work: Work
    result: asyncio.Future[Ran]
    arrived: float
    started: float | None = None


@dataclass(frozen=True, eq=False, slots=True)
class _Batch:
    entries: tuple[Entry, ...]
    started: float


class Driver:
    """Owns the runner threads of one model; every method belongs to the event loop."""

    def __init__(
        self, model: Runnable, *, cost: Cost, threads: int, max_batch_rows: int, is_mergeable: bool
    ) -> None:
        """Take a warmed model; `is_mergeable` allows rows of several requests in one run."""
        self._model = model
        self._cost = cost
        self._threads = threads
        self._is_mergeable = is_mergeable
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="runner")
        self._batcher: Batcher[Entry] = Batcher(max_rows=max_batch_rows, cost=cost.predict)
        self._running: set[_Batch] = set()
        self._was_inline = not model.is_threaded
        self.counts = Counts()

    @property
    def queued(self) -> int:
        """Return how many requests wait for a runner."""
        return len(self._batcher)

    def oldest_run_seconds(self, now: float) -> float:
        """Return how long the longest present run goes on."""
        return max((now - batch.started for batch in self._running), default=0.0)

    def wait_seconds(self) -> float:
        """Predict the time until a request that comes now has its answer."""
        running = sum(entry.work.rows for batch in self._running for entry in batch.entries)
        return self._cost.predict(self._batcher.rows + running + 1)

    def is_inline(self, rows: int) -> bool:
        """Say whether so few rows are cheaper on the loop than in a thread."""
        if self._model.is_threaded or self._running:
            return False
        seconds = self._cost.predict(rows)
        limit = _THREAD_ABOVE_SECONDS if self._was_inline else _INLINE_BELOW_SECONDS
        self._was_inline = seconds < limit
        return self._was_inline

    def run_now(self, work: Work) -> Ran:
        """Run on the loop; what the model raises leaves."""
        started = time.monotonic()
        outputs = self._model.run(work.inputs, work.outputs)
        seconds = time.monotonic() - started
        self._learn(work.rows, seconds)
        return Ran(outputs, 0.0, seconds)

    def start(self, work: Work) -> Entry:
        """Let a request wait for a runner; its `result` ends by its deadline at the latest."""
        loop = asyncio.get_running_loop()
        entry = Entry(work, loop.create_future(), arrived=time.monotonic())
        kind = (work.outputs, _shapes(work.inputs)) if self._is_mergeable else entry
        self._batcher.add(entry, Ticket(work.rows, kind, work.deadline))
        timer = loop.call_later(max(work.deadline - entry.arrived, 0.0), self._expire, entry)
        entry.result.add_done_callback(lambda _: timer.cancel())
        self._pump()
        return entry

    def discard(self, entry: Entry) -> None:
        """Forget a request whose client left; if it runs already, its result is dropped."""
        self._batcher.discard(entry)
        entry.result.cancel()

    def close(self) -> None:
        """Take no more work; a run that goes on keeps its thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _expire(self, entry: Entry) -> None:
        self._batcher.discard(entry)
        if not entry.result.done():
            message = "the deadline passed before there was an answer"
            entry.result.set_exception(Unavailable(Reason.DEADLINE_EXCEEDED, message))

    def _pump(self) -> None:
        """Start batches while runners are free."""
        while len(self._running) < self._threads:
            entries = self._batcher.take(time.monotonic())
            if not entries:
                return
            self._launch(tuple(entries))

    def _launch(self, entries: tuple[Entry, ...]) -> None:
        batch = _Batch(entries, started=time.monotonic())
        for entry in entries:
            entry.started = batch.started
        self._running.add(batch)
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._execute, batch)
        future.add_done_callback(lambda done: self._finish(batch, done))

    def _execute(self, batch: _Batch) -> tuple[list[list[Array]], float]:
        """Run in a thread; what the model raises ends up in the thread's future."""
        started = time.monotonic()
        works = [entry.work for entry in batch.entries]
        outputs = self._model.run(merge.joined([work.inputs for work in works]), works[0].outputs)
        parts = merge.parted(outputs, [work.rows for work in works])
        return parts, time.monotonic() - started

    def _finish(
        self, batch: _Batch, done: "asyncio.Future[tuple[list[list[Array]], float]]"
    ) -> None:
        self._running.discard(batch)
        if done.cancelled():
            return
        if error := done.exception():
            self._blame(batch, error)
        else:
            parts, seconds = done.result()
            self._learn(sum(entry.work.rows for entry in batch.entries), seconds)
            for entry, outputs in zip(batch.entries, parts, strict=True):
                if not entry.result.done():
                    waited = batch.started - entry.arrived
                    entry.result.set_result(Ran(outputs, waited, seconds))
        self._pump()

    def _blame(self, batch: _Batch, error: BaseException) -> None:
        """Find the request that fails: halve the batch; of a single one it is the fault."""
        alive = tuple(entry for entry in batch.entries if not entry.result.done())
        if len(batch.entries) == 1:
            for entry in alive:
                entry.result.set_exception(error)
            return
        self.counts.splits += 1
        for half in (alive[: len(alive) // 2], alive[len(alive) // 2 :]):
            if half:
                self._launch(half)

    def _learn(self, rows: int, seconds: float) -> None:
        self._cost.observe(rows, seconds)
        self.counts.rows += rows
        self.counts.batches += 1


def _shapes(inputs: Tensors) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return what must be equal for rows to fit together; datatypes are the signature's."""
    return tuple((name, array.shape[1:]) for name, array in sorted(inputs.items()))
