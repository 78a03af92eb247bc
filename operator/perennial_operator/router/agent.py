"""The agent's driver: watches intents and Pods, writes Envoy's files, knows what is in force.

The clock is read here and nowhere else in this package. Without the API server the last files
stay; nothing is published before both first lists are there.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from perennial_operator.api.routing_intent import ModelState, RouterState
from perennial_operator.router import intents, withdrawal, world, xds
from perennial_operator.router.acknowledgements import Statistics
from perennial_operator.router.envoy import EnvoyAdmin, write
from perennial_operator.router.world import World

Documents = Mapping[str, Mapping[str, Any]]

BUSY_SECONDS = 0.05
IDLE_SECONDS = 1.0
BOOT_TOLERANCE_SECONDS = 3.0
DRAIN_AT_LEAST_SECONDS = 10.0
DRAIN_QUIET_SECONDS = 2.0
DRAIN_AT_MOST_SECONDS = 35.0


@dataclass(frozen=True, slots=True)
class Published:
    """The route table on disk: its version, and the epoch and weights that it holds."""

    version: str = ""
    epochs: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Agent:
    """Holds the world and what was published; touched by the event loop only."""

    def __init__(self, place: xds.Place, *, namespace: str, admin: EnvoyAdmin) -> None:
        """Start with an empty world; `place` says where the files go."""
        self.place = place
        self.admin = admin
        self.world = World(namespace)
        self.published = Published()
        self.statistics = Statistics()
        self.boot = ""
        self._started_at = 0.0
        self._since: dict[str, tuple[int, str]] = {}
        self._lists: dict[str, Documents] = {}
        self._changed = asyncio.Event()

    @property
    def is_synced(self) -> bool:
        """Whether both first lists were read."""
        return len(self._lists) == len(("pods", "intents"))

    def prepare(self) -> None:
        """Write what Envoy needs to start: the bootstrap, and files without any model."""
        directory = Path(self.place.directory)
        (directory / "eds").mkdir(parents=True, exist_ok=True)
        write(directory / "bootstrap.json", xds.bootstrap(self.place))
        write(directory / "lds.json", xds.listeners(self.place))
        for name, text in (
            ("cds.json", xds.clusters(self.place, ())),
            ("rds.json", xds.routes(())),
        ):
            if not (directory / name).exists():  # after a restart the last ones stay in force
                write(directory / name, text)

    def saw_pods(self, pods: Documents) -> None:
        """Take all Pods of the namespace's models, by uid."""
        self._take("pods", pods)

    def saw_intents(self, config_maps: Documents) -> None:
        """Take all routing intents of the namespace, by uid."""
        self._take("intents", config_maps)

    def _take(self, kind: str, documents: Documents) -> None:
        self._lists[kind] = documents
        self._changed.set()

    async def run(self) -> None:
        """Bring Envoy in line until canceled: at once after a change, and every second."""
        wait = BUSY_SECONDS
        while True:
            is_done = await self.step()
            wait = self._wait_seconds() if is_done else min(IDLE_SECONDS, wait * 2)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)
                wait = BUSY_SECONDS
            if is_done:
                wait = BUSY_SECONDS

    async def step(self) -> bool:
        """Do one round; False if Envoy has not taken something yet."""
        self._changed.clear()
        statistics = await self.admin.statistics()
        await self._learn_boot()
        if not self.is_synced:
            return False
        self.statistics = statistics or Statistics()
        self._learn(time.monotonic())
        self._write_clusters()
        is_done = self._write_routes(is_up=statistics is not None)
        self._remove_endpoints()
        return is_done and self._is_in_force()

    def _learn(self, now: float) -> None:
        before = self.world
        after = world.with_config_maps(before, self._lists["intents"].values())
        after = world.with_pods(after, self._lists["pods"].values())
        self.world = world.tick(world.leaves(after, before), self.statistics, now=now)

    def _write_clusters(self) -> None:
        directory = Path(self.place.directory)
        names = world.clusters(self.world)
        for name in sorted(names):
            text = xds.endpoints(name, self.world.endpoints.get(name, frozenset()))
            write(directory / "eds" / f"{name}.json", text)
        write(directory / "cds.json", xds.clusters(self.place, names))

    def _write_routes(self, *, is_up: bool) -> bool:
        if is_up and not self.statistics.has_warm(intents.revisions(self.world.intents)):
            return False
        text = xds.routes(world.routes(self.world))
        write(Path(self.place.directory) / "rds.json", text)
        self.published = Published(
            xds.version(text),
            {name: each.intent.epoch for name, each in self.world.intents.items()},
            {name: world.weights(self.world, name) for name in self.world.intents},
        )
        return True

    def _remove_endpoints(self) -> None:
        known = world.clusters(self.world) | frozenset(self.statistics.clusters)
        for path in (Path(self.place.directory) / "eds").glob("[!.]*.json"):
            if path.stem not in known:
                path.unlink()

    def _is_in_force(self) -> bool:
        return self.statistics.routes_version == self.published.version

    def _wait_seconds(self) -> float:
        now = time.monotonic()
        looks = [withdrawal.next_look(each, now=now) for each in self.world.withdrawals.values()]
        return min([IDLE_SECONDS, *(each for each in looks if each is not None)]) or BUSY_SECONDS

    async def _learn_boot(self) -> None:
        """Tell a restarted Envoy, whose counters begin again, from a restarted agent."""
        uptime = await self.admin.uptime_seconds()
        if uptime is None:
            return
        started_at = time.time() - uptime
        if not self.boot:
            self._recall_boot()
        if not self.boot or abs(started_at - self._started_at) > BOOT_TOLERANCE_SECONDS:
            self.boot, self._started_at = uuid.uuid4().hex[:16], started_at
            text = json.dumps({"boot": self.boot, "startedAt": started_at})
            write(Path(self.place.directory) / "boot.json", text)

    def _recall_boot(self) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            document = json.loads((Path(self.place.directory) / "boot.json").read_text())
            self.boot, self._started_at = document["boot"], document["startedAt"]

    async def state(self, pod: str) -> RouterState:
        """Return what is in force, with counters as they are now."""
        self.statistics = await self.admin.statistics() or Statistics()
        if not self.boot:
            await self._learn_boot()
        rejected = self.statistics.rejected
        return RouterState(
            pod=pod,
            boot=self.boot,
            time=_now(),
            config_version=self.statistics.routes_version,
            config_rejected=f"Envoy refused {rejected} files" if rejected else "",
            models={name: self._model_state(name) for name in sorted(self.world.intents)},
        )

    def _model_state(self, name: str) -> ModelState:
        in_force = self.world.intents[name]
        epoch = self.published.epochs.get(name, 0)
        is_acknowledged = self._is_in_force() and epoch == in_force.intent.epoch
        if is_acknowledged and self._since.get(name, (0, ""))[0] != epoch:
            self._since[name] = (epoch, _now())
        counts = self.world.counts()
        revisions = intents.revisions({name: in_force})
        return ModelState(
            epoch=epoch,
            acknowledged=is_acknowledged,
            since=self._since.get(name, (0, ""))[1],
            weights=self.published.weights.get(name, {}),
            endpoints={each: counts.get(each, 0) for each in sorted(revisions)},
            withdrawn=self.world.withdrawals[name].latched,
            refused=in_force.refused,
            counters={each: self.statistics.counters(each) for each in sorted(revisions)},
        )

    async def is_ready(self) -> bool:
        """Whether this router may get traffic: lists read, Envoy live, routes in force."""
        return self.is_synced and await self.admin.is_live() and bool(self.published.version)

    async def drain(self) -> None:
        """Tell clients to go elsewhere; return once idle for a while, or at the latest."""
        await self.admin.post("/healthcheck/fail")
        await self.admin.post("/drain_listeners?graceful&skip_exit")
        began = quiet_since = time.monotonic()
        while (now := time.monotonic()) - began < DRAIN_AT_MOST_SECONDS:
            numbers = await self.admin.statistics()
            if numbers is not None and numbers.downstream_active:
                quiet_since = now
            is_quiet = now - quiet_since >= DRAIN_QUIET_SECONDS
            if is_quiet and now - began >= DRAIN_AT_LEAST_SECONDS:
                return
            await asyncio.sleep(0.2)


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
