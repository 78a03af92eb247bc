"""What is known and what is due: store and queue under one roof, touched by one thread.

Every way in leads here: watch events of any kind, replies to our own writes, timers.
"""

import asyncio
from collections.abc import Callable, Iterable

from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Document, Kind
from perennial_operator.cluster.watch import Changes
from perennial_operator.loop import metrics, work_queue
from perennial_operator.loop.echoes import Echoes
from perennial_operator.loop.store import CHILD, DECISION, USER, Due, Store
from perennial_operator.loop.work_queue import Result, Taken, WorkQueue
from perennial_operator.observe import records
from perennial_operator.observe.records import Record
from perennial_operator.plan.snapshot import Key

RESYNC = "resync"
TIMER = "timer"

CHILD_DELAY_SECONDS = 0.2
RANK_OF_SOURCE = {
    DECISION: work_queue.URGENT,
    USER: work_queue.NORMAL,
    CHILD: work_queue.NORMAL,
    TIMER: work_queue.NORMAL,
    RESYNC: work_queue.BACKGROUND,
}


class Agenda:
    """The store, the queue, and the bell that wakes idle workers."""

    def __init__(self, queue: WorkQueue, *, monotonic: Callable[[], float]) -> None:
        """`monotonic` is the clock of the queue."""
        self.store = Store()
        self.echoes = Echoes()
        self._queue = queue
        self._monotonic = monotonic
        self._bell = asyncio.Event()

    def see(self, document: Document) -> None:
        """Take an object that a watch or a list showed."""
        record = records.record(document)
        self.echoes.reached(record.kind, record.resource_version)
        self._queue_all(self.store.upsert(record))

    def lose(self, document: Document) -> None:
        """Take a deletion; `document` is the last state."""
        record = records.record(document)
        self.echoes.reached(record.kind, record.resource_version)
        self._queue_all(self.store.remove(record))

    def bury(self, record: Record) -> None:
        """Take it that an object is gone: a list did not show it."""
        self._queue_all(self.store.remove(record))

    def take(self, changes: Changes[Record]) -> None:
        """Take what a watch thread saw, parsed there."""
        kind = changes.kind.kind
        self.echoes.reached(kind, changes.resource_version)
        if changes.is_whole:
            self._queue_all(
                self.store.replace(
                    kind,
                    changes.namespace,
                    records=changes.upserts,
                    version=changes.resource_version,
                )
            )
            return
        for record in changes.upserts:
            self._queue_all(self.store.upsert(record))
        for record in changes.removals:
            self._queue_all(self.store.remove(record))

    def take_list(self, kind: Kind, namespace: str, *, items: list[Document], version: str) -> None:
        """Take a whole list of a kind that has no thread of its own."""
        whole = Changes(
            kind=kind,
            namespace=namespace,
            upserts=tuple(records.record(item) for item in items),
            is_whole=True,
            resource_version=int(version),
        )
        self.take(whole)

    def remember(self, document: Document) -> None:
        """Take the reply to our own write at once; its watch must show it soon."""
        record = records.record(document)
        if kinds.named(record.kind) in (*kinds.WATCHED, *kinds.OURS):
            self.echoes.expect(record.kind, record.resource_version, now=self._monotonic())
            self._queue_all(self.store.upsert(record, is_own=True))

    def queue(self, key: Key, *, source: str, after: float = 0.0) -> None:
        """Make a key due."""
        metrics.QUEUE_ADDS.labels(key.kind, source).inc()
        rank = RANK_OF_SOURCE[source]
        if source == USER:
            self._queue.forgive(key)
        self._queue.add(key, rank=rank, now=self._monotonic(), after=after)
        self._bell.set()

    def queue_everything(self) -> None:
        """Make every key due in the background."""
        for key in self.store.all_keys():
            self.queue(key, source=RESYNC)

    async def next(self) -> Taken:
        """Wait for the next key that is due."""
        while True:
            self._bell.clear()
            if taken := self._queue.take(self._monotonic()):
                self._measure(taken)
                return taken
            due = self._queue.next_due()
            wait = None if due is None else max(0.0, due - self._monotonic())
            try:
                async with asyncio.timeout(wait):
                    await self._bell.wait()
            except TimeoutError:
                continue

    def done(self, key: Key, result: Result) -> None:
        """Give a key back."""
        self._queue.done(key, now=self._monotonic(), result=result)
        metrics.QUEUE_IN_FLIGHT.set(self._queue.in_flight)
        self._bell.set()

    def _queue_all(self, dues: Iterable[Due]) -> None:
        for due in dues:
            delay = CHILD_DELAY_SECONDS if due.source == CHILD else 0.0
            self.queue(due.key, source=due.source, after=delay)

    def _measure(self, taken: Taken) -> None:
        metrics.QUEUE_WAIT_SECONDS.labels(str(taken.rank)).observe(taken.waited_seconds)
        metrics.QUEUE_IN_FLIGHT.set(self._queue.in_flight)
        for rank in work_queue.RANKS:
            metrics.QUEUE_DEPTH.labels(str(rank)).set(self._queue.depth(rank))
