"""LIST and WATCH of one kind in a thread of its own, for ever; parsing happens off the loop.

`Followers` owns the threads and one watchdog, which ends streams that went silent. Only a bug
ends a thread: then `on_end` is told, and the process should go.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from perennial_operator.cluster import metrics
from perennial_operator.cluster.answers import Expired
from perennial_operator.cluster.port import (
    Cluster,
    Document,
    Kind,
    Selection,
    Stream,
    WatchEvent,
    pages,
)
from perennial_operator.errors import PerennialError

SILENCE_SECONDS = 55.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changes(Generic[T]):
    """What a watch saw. `is_whole`: `upserts` is everything there is, the rest has vanished."""

    kind: Kind
    namespace: str
    upserts: tuple[T, ...] = ()
    removals: tuple[T, ...] = ()
    is_whole: bool = False
    resource_version: int = 0


Deliver = Callable[[Changes[T]], None]


class Follower(Generic[T]):
    """Follows one kind in one selection; `deliver` is called in this thread."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        *,
        selection: Selection,
        project: Callable[[Document], T],
        deliver: Deliver[T],
    ) -> None:
        """Start nothing yet."""
        self.kind = kind
        self._cluster = cluster
        self._selection = selection
        self._project = project
        self._deliver = deliver
        self._since = ""
        self._stream: Stream | None = None
        self._stopping = threading.Event()
        self._heard_at = time.monotonic()
        self.is_synced = threading.Event()
        self.first_pause_seconds = FIRST_PAUSE_SECONDS

    @property
    def age_seconds(self) -> float:
        """Seconds since the last complete event or list."""
        return time.monotonic() - self._heard_at

    def run(self) -> None:
        """List and watch until `stop`; errors of the cluster make it pause, bugs end it."""
        pause = self.first_pause_seconds
        while not self._stopping.is_set():
            try:
                self._follow()
                pause, reason = self.first_pause_seconds, "ended"
            except Expired:
                self._since, reason = "", "expired"
            except PerennialError as error:
                reason = type(error).__name__.lower()
                self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
                pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)
            metrics.WATCH_RESTARTS.labels(self.kind.plural, reason).inc()

    def stop(self) -> None:
        """End the thread soon."""
        self._stopping.set()
        self.reconnect()

    def reconnect(self) -> None:
        """End the open stream; the thread goes on from the last resourceVersion."""
        if stream := self._stream:
            stream.close()

    def _follow(self) -> None:
        if not self._since:
            self._list()
        stream = self._cluster.watch(self.kind, self._selection, since=self._since)
        self._stream, self._heard_at = stream, time.monotonic()
        if self._stopping.is_set():
            stream.close()
        try:
            for event in stream:
                self._heard_at = time.monotonic()
                self._since = event.object["metadata"]["resourceVersion"]
                self._deliver(self._changes(event))
        finally:
            self._stream = None

    def _list(self) -> None:
        items, self._since = pages(self._cluster, self.kind, self._selection)
        self._heard_at = time.monotonic()
        self._deliver(
            Changes(
                kind=self.kind,
                namespace=self._selection.namespace,
                upserts=tuple(self._project(item) for item in items),
                is_whole=True,
                resource_version=int(self._since),
            )
        )
        self.is_synced.set()

    def _changes(self, event: WatchEvent) -> Changes[T]:
        found = () if event.type == "BOOKMARK" else (self._project(event.object),)
        is_removal = event.type == "DELETED"
        return Changes(
            kind=self.kind,
            namespace=self._selection.namespace,
            upserts=() if is_removal else found,
            removals=found if is_removal else (),
            resource_version=int(self._since),
        )


class Followers(Generic[T]):
    """The threads of several followers, and the watchdog that ends silent streams."""

    def __init__(
        self,
        followers: Iterable[Follower[T]],
        *,
        on_end: Callable[[str], None],
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """Start nothing yet; `on_end` gets the name of a thread that ended unasked."""
        self._followers = tuple(followers)
        self._on_end = on_end
        self._silence_seconds = silence_seconds
        self._stopping = threading.Event()
        names_and_bodies: Mapping[str, Callable[[], None]] = {
            f"watch-{each.kind.plural}-{number}": each.run
            for number, each in enumerate(self._followers)
        } | {"watchdog": self._watchdog}
        self._threads = [
            threading.Thread(target=self._guarded, args=(name, body), name=name, daemon=True)
            for name, body in names_and_bodies.items()
        ]

    def start(self) -> None:
        """Start all threads."""
        for thread in self._threads:
            thread.start()

    @property
    def is_synced(self) -> bool:
        """Whether every kind was listed once."""
        return all(each.is_synced.is_set() for each in self._followers)

    def reconnect(self, kind: Kind) -> None:
        """End the streams of a kind, so that they are opened again."""
        for each in self._followers:
            if each.kind == kind:
                each.reconnect()

    def stop(self, *, timeout_seconds: float = 2.0) -> None:
        """End all threads; what does not end in time is a daemon and dies with the process."""
        self._stopping.set()
        for each in self._followers:
            each.stop()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _guarded(self, name: str, body: Callable[[], None]) -> None:
        try:
            body()
        finally:
            if not self._stopping.is_set():
                self._on_end(name)

    def _watchdog(self) -> None:
        while not self._stopping.wait(1.0):
            for each in self._followers:
                metrics.WATCH_AGE_SECONDS.labels(each.kind.plural).set(each.age_seconds)
                if each.age_seconds > self._silence_seconds:
                    each.reconnect()
