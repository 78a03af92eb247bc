"""The machine: every part of the control plane but its host, started and stopped in order.

Parts are tasks of one event loop, watch threads, and a pool of threads for calls. A part that
ends unasked ends the machine: `failure` says which.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple

import httpx

from perennial_operator.api import names
from perennial_operator.apply.events import Recorder, Reporter
from perennial_operator.apply.writer import Writer
from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Cluster, Kind, Selection, pages
from perennial_operator.cluster.watch import Changes, Follower, Followers
from perennial_operator.errors import PerennialError
from perennial_operator.loop import metrics
from perennial_operator.loop.agenda import TIMER, Agenda
from perennial_operator.loop.passes import Decide, Passes
from perennial_operator.loop.resync import Resync
from perennial_operator.loop.work_queue import WorkQueue
from perennial_operator.loop.worker import Clock, Workers
from perennial_operator.observe import records
from perennial_operator.observe.objects import Surroundings
from perennial_operator.observe.records import Record
from perennial_operator.observe.sources import Clocks, Sources
from perennial_operator.plan.snapshot import Options

logger = logging.getLogger(__name__)

CALLS = 16
ECHO_SECONDS = 5.0
LAG_SECONDS = 5.0
PATIENCE_SECONDS = 1.0
LAST_ACTIONS_SECONDS = 5.0

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setup:
    """What a machine is made with. `namespaces` = ("",) watches all."""

    options: Options
    decide: Decide
    token_of: Callable[[str], str]
    operator_namespace: str = ""
    instance: str = "operator"
    namespaces: tuple[str, ...] = ("",)
    workers: int = 8
    resync_seconds: float = 600.0
    pass_seconds: float = 60.0


class Machine:
    """Owns all parts; made and used inside one event loop."""

    def __init__(self, cluster: Cluster, setup: Setup) -> None:
        """Start nothing yet."""
        self._cluster = cluster
        self._setup = setup
        self._clock = Clock()
        self._event_loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(CALLS, thread_name_prefix="call")
        self._random = random.Random()  # noqa: S311  # jitter, not a secret
        queue = WorkQueue(workers=setup.workers, jitter=self._random.random)
        self.agenda = Agenda(queue, monotonic=self._event_loop.time)
        self.failure: asyncio.Future[str] = self._event_loop.create_future()
        self.sources = Sources(
            self.agenda.store,
            token_of=setup.token_of,
            on_news=lambda key: self.agenda.queue(key, source=TIMER),
            clocks=Clocks(self._clock, self._event_loop.time),
        )
        self._recorder = Recorder(cluster, call=self.call, reporter=Reporter(setup.instance))
        self._followers = self._make_followers()
        self._resync = Resync(self.agenda, cluster, call=self.call, namespaces=setup.namespaces)
        self._workers = self._make_workers()
        self._tasks: list[asyncio.Task[None]] = []

    async def call(self, function: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """Run a blocking function in a thread of the pool."""
        return await self._event_loop.run_in_executor(self._pool, function, *arguments)

    async def start(self) -> None:
        """List everything once, then let all parts run."""
        self._followers.start()
        for kind in kinds.OURS:
            for namespace in self._setup.namespaces:
                await self.list_again(kind, namespace)
        while not self._followers.is_synced:  # noqa: ASYNC110  # threads make it true
            await asyncio.sleep(0.05)
        metrics.STORE_SYNCED.set(1)
        await self.sources.read_policies(self._cluster, call=self.call)
        self.agenda.queue_everything()
        self._client = httpx.AsyncClient(trust_env=False, timeout=5.0)
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "workers": self._workers.run(),
            "recorder": self._recorder.run(),
            "policies": self.sources.run_policies(self._cluster, call=self.call),
            "traffic": self.sources.run_traffic(self._client),
            "resync": self._resync.run(
                self._replan_seconds, clock=lambda: self._clock().timestamp()
            ),
            "echoes": self._watch_echoes(),
            "lag": self._measure_lag(),
        }
        self._tasks = [self._part(name, coroutine) for name, coroutine in parts.items()]

    async def stop(self) -> None:
        """End in order: no new pass, running ones end, then the rest."""
        await self._workers.rest(timeout_seconds=LAST_ACTIONS_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            await self._client.aclose()
        await asyncio.to_thread(self._followers.stop)
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def is_synced(self) -> bool:
        """Whether every kind was listed once."""
        return bool(self._tasks) and self._followers.is_synced

    @property
    def trouble(self) -> str:
        """Return why the process should be restarted, "" if it should not."""
        if self.failure.done():
            return f"{self.failure.result()} ended"
        return ", ".join(f"{kind} is stale" for kind in sorted(self._resync.stale_kinds))

    async def list_again(self, kind: Kind, namespace: str) -> None:
        """List a kind of ours whole, as soon as the server lets us."""
        while True:
            try:
                items, version = await self.call(pages, self._cluster, kind, Selection(namespace))
                break
            except PerennialError as error:
                logger.warning("cannot list", extra={"resource": kind.plural, "detail": str(error)})
                await asyncio.sleep(PATIENCE_SECONDS)
        self.agenda.take_list(kind, namespace, items=items, version=version)

    def _make_followers(self) -> Followers[Record]:
        return Followers(
            [
                Follower(
                    self._cluster,
                    kind,
                    selection=Selection(namespace, names.MANAGED_SELECTOR),
                    project=records.record,
                    deliver=self._deliver,
                )
                for kind in kinds.WATCHED
                for namespace in self._setup.namespaces
            ],
            on_end=self._thread_ended,
        )

    def _make_workers(self) -> Workers:
        writer = Writer(
            cluster=self._cluster,
            call=self.call,
            remember=self.agenda.remember,
            recorder=self._recorder,
            pass_seconds=self._setup.pass_seconds,
        )
        passes = Passes(
            self.agenda.store,
            writer,
            decide=self._setup.decide,
            surroundings=self._surroundings,
            replan_seconds=self._replan_seconds,
        )
        return Workers(self.agenda, passes, clock=self._clock, count=self._setup.workers)

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            options=self._setup.options,
            operator_namespace=self._setup.operator_namespace,
            policies_active=self.sources.policies_active,
            traffic=self.sources.traffic,
            token_of=self._setup.token_of,
        )

    def _replan_seconds(self) -> float:
        return self._setup.resync_seconds * self._random.uniform(0.8, 1.2)

    def _deliver(self, changes: Changes[Record]) -> None:
        """Hand over what a watch thread saw; a closed loop wants nothing any more."""
        if not self._event_loop.is_closed():
            self._event_loop.call_soon_threadsafe(self.agenda.take, changes)

    def _thread_ended(self, name: str) -> None:
        self._event_loop.call_soon_threadsafe(self._fail, name)

    def _part(self, name: str, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine, name=name)
        task.add_done_callback(self._part_ended)
        return task

    def _part_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        logger.critical("a part ended", exc_info=task.exception())
        self._fail(task.get_name())

    def _fail(self, name: str) -> None:
        if not self.failure.done():
            self.failure.set_result(name)

    async def _watch_echoes(self) -> None:
        """Reopen what does not show our own writes."""
        while True:
            await asyncio.sleep(ECHO_SECONDS)
            for name in self.agenda.echoes.overdue(self._event_loop.time()):
                kind = kinds.named(name)
                logger.warning("a watch lies silent", extra={"resource": kind.plural})
                if kind in kinds.OURS:
                    await self._resync.compare(kind)
                else:
                    self._followers.reconnect(kind)

    async def _measure_lag(self) -> None:
        while True:
            before = self._event_loop.time()
            await asyncio.sleep(LAG_SECONDS)
            metrics.EVENT_LOOP_LAG_SECONDS.set(self._event_loop.time() - before - LAG_SECONDS)
            self._measure_store()

    def _measure_store(self) -> None:
        for kind in (*kinds.OURS, *kinds.WATCHED):
            sizes = [len(each.body) for each in self.agenda.store.of_kind(kind.kind)]
            metrics.STORE_OBJECTS.labels(kind.plural).set(len(sizes))
            metrics.STORE_BYTES.labels(kind.plural).set(sum(sizes))
