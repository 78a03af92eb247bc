"""Events: one for each edge that a person would want to know, best effort, never awaited.

A name is made of what the Event says and of a ten-minute bucket, so a repeat is the same Event
and becomes a longer series.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perennial_operator.api import names
from perennial_operator.apply import metrics
from perennial_operator.cluster import kinds
from perennial_operator.cluster.answers import Exists, Unexpected
from perennial_operator.cluster.port import Cluster, Document
from perennial_operator.cluster.token_bucket import TokenBucket
from perennial_operator.errors import PerennialError
from perennial_operator.plan.actions import Event

BUCKET_SECONDS = 600
SERIES_SECONDS = 300
NOTE_BYTES = 1_024
QUEUE_LENGTH = 1_000
BURST = 10
REFILL_SECONDS = 30
REMEMBERED_OBJECTS = 10_000

Call = Callable[..., Awaitable[Any]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object that Events are about."""

    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports: the Pod of this process."""

    instance: str


def document(event: Event, regarding: Regarding, *, reporter: Reporter, now: datetime) -> Document:
    """Return the Event as it is created."""
    note = event.note.encode()[:NOTE_BYTES].decode(errors="ignore")
    return {
        "apiVersion": kinds.EVENT.api_version,
        "kind": kinds.EVENT.kind,
        "metadata": {
            "name": name(event, regarding, now=now),
            "namespace": regarding.namespace,
        },
        "eventTime": _micro_time(now),
        "type": event.type,
        "reason": event.reason,
        "note": note,
        "action": event.reason,
        "regarding": {
            "apiVersion": names.API_VERSION,
            "kind": regarding.kind,
            "namespace": regarding.namespace,
            "name": regarding.name,
            "uid": regarding.uid,
        },
        "reportingController": names.EVENT_CONTROLLER,
        "reportingInstance": reporter.instance,
    }


def name(event: Event, regarding: Regarding, *, now: datetime) -> str:
    """Return the name: equal for the same words about the same object within ten minutes."""
    bucket = int(now.timestamp()) // BUCKET_SECONDS
    text = "\n".join((regarding.uid, event.reason, event.note, str(bucket)))
    return f"{regarding.name}.{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def series(count: int, *, now: datetime) -> Mapping[str, Any]:
    """Return the patch that makes a series of an Event."""
    return {"series": {"count": count, "lastObservedTime": _micro_time(now)}}


class Recorder:
    """Queues Events and sends them one by one; drops the oldest when there are too many."""

    def __init__(self, cluster: Cluster, *, call: Call, reporter: Reporter) -> None:
        """`call` runs a blocking function elsewhere."""
        self._cluster = cluster
        self._call = call
        self._reporter = reporter
        self._waiting: OrderedDict[str, tuple[Document, datetime]] = OrderedDict()
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._repeats: OrderedDict[str, tuple[int, datetime]] = OrderedDict()
        self._bell = asyncio.Event()

    def record(self, event: Event, regarding: Regarding, *, now: datetime) -> None:
        """Queue one Event, unless its object has said too much lately."""
        if not self._may_speak(regarding.uid, now):
            metrics.EVENTS_DROPPED.inc()
            return
        made = document(event, regarding, reporter=self._reporter, now=now)
        self._waiting[made["metadata"]["name"]] = (made, now)
        if len(self._waiting) > QUEUE_LENGTH:
            self._waiting.popitem(last=False)
            metrics.EVENTS_DROPPED.inc()
        self._bell.set()

    async def run(self) -> None:
        """Send what is queued, for ever."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            while self._waiting:
                _, (made, now) = self._waiting.popitem(last=False)
                await self._send(made, now)

    async def _send(self, made: Document, now: datetime) -> None:
        try:
            await self._call(self._cluster.create, made)
            metrics.EVENTS.labels(made["type"], made["reason"]).inc()
            metrics.WRITES.labels(kinds.EVENT.plural, "event").inc()
        except Exists:
            await self._repeat(made, now)
        except (PerennialError, Unexpected) as error:
            _drop(made, error)

    async def _repeat(self, made: Document, now: datetime) -> None:
        """Lengthen the series of an Event that exists, at most once in five minutes."""
        key = made["metadata"]["name"]
        count, last = self._repeats.get(key, (1, None))
        self._repeats[key] = (count + 1, last or now)
        _limit(self._repeats)
        if last and (now - last).total_seconds() < SERIES_SECONDS:
            return
        self._repeats[key] = (count + 1, now)
        try:
            await self._call(
                lambda: self._cluster.merge_patch(
                    kinds.EVENT,
                    namespace=made["metadata"]["namespace"],
                    name=key,
                    patch=series(count + 1, now=now),
                )
            )
        except (PerennialError, Unexpected) as error:
            _drop(made, error)

    def _may_speak(self, uid: str, now: datetime) -> bool:
        seconds = now.timestamp()
        fresh = TokenBucket(rate=1 / REFILL_SECONDS, burst=BURST, now=seconds)
        bucket = self._buckets.setdefault(uid, fresh)
        self._buckets.move_to_end(uid)
        _limit(self._buckets)
        return bucket.try_take(now=seconds)


def _drop(made: Document, error: Exception) -> None:
    """Go on without it: an Event is never worth a failure, but a line in the log."""
    metrics.EVENTS_DROPPED.inc()
    logger.warning("no event", extra={"reason": made["reason"], "detail": str(error)})


def _limit(memory: OrderedDict[str, Any]) -> None:
    if len(memory) > REMEMBERED_OBJECTS:
        memory.popitem(last=False)


def _micro_time(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
