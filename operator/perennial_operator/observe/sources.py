"""The slow sources: routers and policies, read by tasks of their own into a table of readings.

No pass waits for them. Routers are asked often while an attempt is under way, seldom at rest.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from perennial_operator.api import conditions, names
from perennial_operator.api.documents import parse
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus
from perennial_operator.cluster.port import Cluster
from perennial_operator.observe import policies, traffic
from perennial_operator.observe.records import Record
from perennial_operator.observe.traffic import TrafficReader
from perennial_operator.plan.snapshot import MODEL, ROUTER, Key, Reading, Traffic

BUSY_SECONDS = 2.0
IDLE_SECONDS = 10.0
TICK_SECONDS = 0.5
AT_ONCE = 20

Call = Callable[..., Awaitable[Any]]


class Objects(Protocol):
    """What this module reads of the store."""

    def get(self, kind: str, *, namespace: str, name: str) -> Record | None:
        """Return the object of that name."""

    def of_key(self, key: Key) -> tuple[Record, ...]:
        """Return everything that belongs to a key."""

    def namespaces_of(self, kind: str) -> Iterable[str]:
        """Return the namespaces that hold an object of a kind."""

    def in_namespace(self, kind: str, namespace: str) -> tuple[Record, ...]:
        """Return the objects of a kind in a namespace."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time of day for readings, monotonic time for periods."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


class Sources:
    """Holds the newest readings; `on_news` is told a model whose routers changed."""

    def __init__(
        self,
        objects: Objects,
        *,
        token_of: Callable[[str], str],
        on_news: Callable[[Key], None],
        clocks: Clocks,
    ) -> None:
        """Read nothing yet."""
        self.traffic: dict[str, Reading[Traffic]] = {}
        self.policies_active = False
        self._objects = objects
        self._token_of = token_of
        self._on_news = on_news
        self._clocks = clocks
        self._readers: dict[str, TrafficReader] = {}
        self._read_at: dict[str, float] = {}

    async def run_policies(self, cluster: Cluster, *, call: Call) -> None:
        """Ask for the policies again and again."""
        while True:
            await self.read_policies(cluster, call=call)
            await asyncio.sleep(policies.PERIOD_SECONDS)

    async def read_policies(self, cluster: Cluster, *, call: Call) -> None:
        """Ask for the policies once."""
        self.policies_active = await call(
            lambda: policies.are_active(cluster, known=self.policies_active)
        )

    async def run_traffic(self, client: httpx.AsyncClient) -> None:
        """Ask the routers again and again."""
        while True:
            await self.read_traffic(client)
            await asyncio.sleep(TICK_SECONDS)

    async def read_traffic(self, client: httpx.AsyncClient) -> None:
        """Ask the routers of the namespaces that are due; forget those without models."""
        namespaces = set(self._objects.namespaces_of(names.MODEL_DEPLOYMENT))
        for gone in set(self._readers) - namespaces:
            del self._readers[gone]
            self.traffic.pop(gone, None)
        due = sorted(each for each in namespaces if self._is_due(each))
        for start in range(0, len(due), AT_ONCE):
            await asyncio.gather(*(self._read(each, client) for each in due[start:][:AT_ONCE]))

    def _is_due(self, namespace: str) -> bool:
        last = self._read_at.get(namespace)
        if last is None:
            return True
        models = self._objects.in_namespace(names.MODEL_DEPLOYMENT, namespace)
        period = BUSY_SECONDS if any(map(is_moving, models)) else IDLE_SECONDS
        return self._clocks.monotonic() - last >= period

    async def _read(self, namespace: str, client: httpx.AsyncClient) -> None:
        reader = self._readers.setdefault(namespace, TrafficReader())
        self._read_at[namespace] = self._clocks.monotonic()
        asked = traffic.questions(self._objects, Key(ROUTER, namespace, ""), self._token_of)
        reading = await reader.read(client, asked, clock=self._clocks.now)
        before = self.traffic.get(namespace)
        self.traffic[namespace] = reading
        for model in traffic.news(before, reading):
            self._on_news(Key(MODEL, namespace, model))


def is_moving(model: Record) -> bool:
    """Whether an attempt of a model is under way, or it is about to get one."""
    status = parse.status(ModelDeploymentStatus, model.document)
    moving = (conditions.PROGRESSING, conditions.RECONCILING)
    is_new = status.observed_generation != model.generation
    return is_new or any(conditions.is_true(status.conditions, each) for each in moving)
