"""One Pod from its first sight to its removal.

A loop without memory of its own: look at the containers, let the pure part decide, carry it out,
report. What it knows is in files and in the API server, so it can begin anywhere.
"""

import asyncio
import logging
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from perennial_sandbox.node import clock
from perennial_sandbox.node.cluster.api_client import ApiError, ConflictError, NotFoundError
from perennial_sandbox.node.pods import lifecycle, status
from perennial_sandbox.node.pods.facts import Source
from perennial_sandbox.node.pods.objects import (
    Json,
    is_deleting,
    is_finished,
    name_of,
    namespace_of,
    uid_of,
)
from perennial_sandbox.node.pods.plan import plan_of
from perennial_sandbox.node.worker.container_driver import ContainerDriver, Place
from perennial_sandbox.node.worker.materials import Materials, NotReadyError
from perennial_sandbox.node.worker.reporter import Reporter
from perennial_sandbox.node.worker.tools import HOST_ADDRESS, Tools

_log = logging.getLogger(__name__)
_RETRY = timedelta(seconds=2)
_GONE_GRACE_SECONDS = 1
_DELETE_PAUSE_SECONDS = 0.5


class PodWorker:
    """Runs one Pod."""

    def __init__(self, pod: Json, folder: Path, tools: Tools) -> None:
        """Prepare; `run` does the work."""
        self._tools = tools
        self._plan = plan_of(pod)
        self._folder = folder
        self._reporter = Reporter(tools.client, pod)
        self._materials = Materials(self._plan, folder, tools)
        self._wake = asyncio.Event()
        self._sources_changed = asyncio.Event()
        self._drivers: dict[str, ContainerDriver] = {}
        self._address = ""
        self._is_gone = False
        self._is_prepared = False

    @property
    def pod(self) -> Json:
        """The newest form of the Pod."""
        return self._reporter.pod

    @property
    def sources(self) -> frozenset[Source]:
        """The ConfigMaps and Secrets that the Pod names."""
        return self._materials.sources

    @property
    def is_gone(self) -> bool:
        """The Pod does not exist any more."""
        return self._is_gone

    @property
    def drivers(self) -> dict[str, ContainerDriver]:
        """The Pod's containers by name."""
        return self._drivers

    def heard(self, pod: Json) -> None:
        """Take a newer form of the Pod."""
        self._reporter.heard(pod)
        self._wake.set()

    def source_changed(self) -> None:
        """Learn that a ConfigMap or Secret of the Pod changed."""
        for driver in self._drivers.values():
            driver.hurry()
        self._sources_changed.set()
        self._wake.set()

    def gone(self) -> None:
        """Learn that the Pod does not exist any more."""
        self._is_gone = True
        self._wake.set()

    async def reported(self) -> None:
        """Wait until the last status is recorded."""
        await self._reporter.settled()

    async def run(self) -> None:
        """Run the Pod until it is removed."""
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._reporter.report_forever()),
                group.create_task(self._keep_volumes()),
            ]
            try:
                self._begin()
                await self._live()
                await self._settle()
                await self._until_removal()
                await self._remove()
            finally:
                for helper in helpers:
                    helper.cancel()
                for driver in self._drivers.values():
                    driver.close()

    def _begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        host = self._plan.uses_host_network
        self._address = HOST_ADDRESS if host else self._tools.addresses.take(self._folder)
        recorded = status.recorded_statuses(self.pod)
        for container in self._plan.containers:
            place = self._place(container.name)
            driver = ContainerDriver(container, place, self._tools)
            driver.adopt(recorded.get(container.name))
            self._drivers[container.name] = driver
        if any(driver.state.was_run for driver in self._drivers.values()):
            # Volumes exist, but may have grown old while the node was away.
            self._is_prepared = True
            self._sources_changed.set()

    def _place(self, container: str) -> Place:
        def tell(kind: str, reason: str, message: str) -> None:
            emit = self._tools.events.warning if kind == "Warning" else self._tools.events.normal
            emit(self.pod, reason, message, container=container)

        return Place(
            folder=self._folder / "containers" / container,
            address=self._address,
            id_prefix=uid_of(self.pod),
            grace_seconds=self._plan.grace_seconds,
            wake=self._wake.set,
            tell=tell,
        )

    async def _live(self) -> None:
        while True:
            self._wake.clear()
            step = self._next_step(clock.now())
            for name in step.stop:
                self._drivers[name].stop(self._grace_seconds())
            await self._start(step.start)
            self._report(is_over=step.is_over)
            if step.is_over:
                return
            following = self._next_step(clock.now())
            if not following.start:  # a started sidecar may have opened the way at once
                await self._sleep_until(following.look_again_at)

    def _next_step(self, now: datetime) -> lifecycle.Step:
        return lifecycle.next_step(
            self._plan,
            {name: driver.state for name, driver in self._drivers.items()},
            now,
            back_off=self._tools.settings.back_off,
            # Somebody else may have declared the Pod failed: then its processes must end, too.
            is_deleting=self._is_gone or is_deleting(self.pod) or is_finished(self.pod),
        )

    async def _start(self, names: tuple[str, ...]) -> None:
        if not names:
            return
        try:
            if not self._is_prepared:
                await self._materials.provide_volumes(self.pod, self._address)
                self._is_prepared = True
        except NotReadyError as error:
            for name in names:
                self._drivers[name].refuse(error.reason, str(error), clock.now() + _RETRY)
            return
        for name in names:
            await self._start_one(self._drivers[name])

    async def _start_one(self, driver: ContainerDriver) -> None:
        state, back_off = driver.state, self._tools.settings.back_off
        folder = driver.next_folder()
        try:
            launch = await self._materials.launch(
                driver.container, self.pod, address=self._address, run_folder=folder
            )
        except NotReadyError as error:
            driver.refuse(error.reason, str(error), clock.now() + _RETRY)
            return
        driver.start(launch, folder=folder, streak=back_off.next_streak(state))

    def _report(self, *, is_over: bool = False) -> None:
        situation = status.Situation(
            plan=self._plan,
            states={name: driver.state for name, driver in self._drivers.items()},
            now=clock.now(),
            back_off=self._tools.settings.back_off,
            pod_ip=self._address,
            host_ip=HOST_ADDRESS,
            is_prepared=self._is_prepared,
            is_over=is_over,
            is_deleting=is_deleting(self.pod),
        )
        if not (self._is_gone or is_finished(self.pod)):
            self._reporter.want(status.status_of(self.pod, situation))

    def _grace_seconds(self) -> float:
        if self._is_gone:
            return _GONE_GRACE_SECONDS
        granted = self.pod["metadata"].get("deletionGracePeriodSeconds")
        return self._plan.grace_seconds if granted is None else granted

    async def _sleep_until(self, moment: datetime | None) -> None:
        seconds = None if moment is None else max((moment - clock.now()).total_seconds(), 0)
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _settle(self) -> None:
        """Wait until the last status is recorded, unless nobody can read it any more."""
        if is_finished(self.pod):
            return
        recorded = asyncio.create_task(self.reported())
        try:
            while not (self._is_gone or recorded.done()):
                wake = asyncio.create_task(self._wake.wait())
                await asyncio.wait((recorded, wake), return_when=asyncio.FIRST_COMPLETED)
                wake.cancel()
                self._wake.clear()
        finally:
            recorded.cancel()

    async def _until_removal(self) -> None:
        while not (self._is_gone or is_deleting(self.pod)):
            self._wake.clear()
            await self._sleep_until(None)

    async def _remove(self) -> None:
        while not self._is_gone:
            try:
                await self._delete()
                break
            except ApiError as error:
                _log.warning("pod %s not deleted: %s", name_of(self.pod), error)
                await asyncio.sleep(_DELETE_PAUSE_SECONDS)
        self._tools.addresses.give_back(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _delete(self) -> None:
        path = f"/api/v1/namespaces/{namespace_of(self.pod)}/pods/{name_of(self.pod)}"
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid_of(self.pod)}}
        try:
            await self._tools.client.delete(path, options)
        except (NotFoundError, ConflictError):
            _log.info("pod %s is gone already", name_of(self.pod))

    async def _keep_volumes(self) -> None:
        """Refresh the volumes when their sources change or a token grows old."""
        while True:
            await self._volumes_age()
            if not self._is_prepared:
                continue
            try:
                await self._materials.provide_volumes(self.pod, self._address)
            except NotReadyError as error:
                # As in Kubernetes: running containers keep the last good content.
                _log.warning("volumes of %s not refreshed: %s", name_of(self.pod), error)
                await asyncio.sleep(_RETRY.total_seconds())
                self._sources_changed.set()

    async def _volumes_age(self) -> None:
        renew_at = self._materials.renew_at
        seconds = None if renew_at is None else (renew_at - clock.now()).total_seconds()
        try:
            await asyncio.wait_for(self._sources_changed.wait(), seconds)
        except TimeoutError:
            return
        self._sources_changed.clear()
