"""The Pods of this node and their workers; kept in step with the API server's list."""

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from perennial_sandbox.node.kubelet_api.server import LogFile
from perennial_sandbox.node.pods.facts import Source
from perennial_sandbox.node.pods.objects import Json, name_of, namespace_of, uid_of
from perennial_sandbox.node.processes import records, shim
from perennial_sandbox.node.worker.container_driver import ContainerDriver
from perennial_sandbox.node.worker.pod_worker import PodWorker
from perennial_sandbox.node.worker.tools import Tools

_log = logging.getLogger(__name__)
_LAST_WORDS_SECONDS = 2.0


class PodRegistry:
    """Has one worker for every Pod that the API server lists, and none besides."""

    def __init__(self, tools: Tools, *, pause_after_bug_seconds: float = 5.0) -> None:
        """Know no Pod yet."""
        self._tools = tools
        self._pause_after_bug_seconds = pause_after_bug_seconds
        self._folder = pods_folder(tools.settings.directory)
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def pods(self) -> list[Json]:
        """Return all Pods in their newest form."""
        return [worker.pod for worker in self._workers.values()]

    def drivers(self) -> Iterator[ContainerDriver]:
        """Yield the containers of all Pods."""
        for worker in self._workers.values():
            yield from worker.drivers.values()

    def find_log(self, names: tuple[str, str, str], *, previous: bool) -> LogFile | None:
        """Find the log of the run that the Pod's status shows."""
        namespace, pod, container = names
        for worker in self._workers.values():
            if (namespace_of(worker.pod), name_of(worker.pod)) == (namespace, pod):
                driver = worker.drivers.get(container)
                return driver.find_log(worker.pod, previous=previous) if driver else None
        return None

    def replace_all(self, things: list[Json]) -> None:
        """Take the list of all Pods; end what belongs to others."""
        listed = {uid_of(pod) for pod in things}
        for folder in pod_folders(self._folder):
            if folder.name not in listed and folder.name not in self._workers:
                _log.info("ending the orphaned pod %s", folder.name)
                end_pod(folder)
        for uid in set(self._workers) - listed:
            self._forget(uid)
        for pod in things:
            self.changed(pod)

    def changed(self, thing: Json) -> None:
        """Take a Pod that is new or changed."""
        if worker := self._workers.get(uid_of(thing)):
            worker.heard(thing)
        else:
            self._begin(thing)

    def deleted(self, thing: Json) -> None:
        """Take a Pod that does not exist any more."""
        self._forget(uid_of(thing))

    def source_changed(self, namespace: str, source: Source) -> None:
        """Tell the Pods that read a ConfigMap or Secret that it changed."""
        for worker in self._workers.values():
            if source in worker.sources and namespace_of(worker.pod) == namespace:
                worker.source_changed()

    async def close(self) -> None:
        """Stop all workers; the Pods' processes go on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, pod: Json) -> None:
        uid = uid_of(pod)
        worker = PodWorker(pod, self._folder / uid, self._tools)
        self._workers[uid] = worker
        task = asyncio.create_task(worker.run(), name=f"pod {namespace_of(pod)}/{name_of(pod)}")
        self._tasks[uid] = task
        task.add_done_callback(lambda task: self._ended(uid, worker, task))

    def _forget(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is None:
            return
        worker.gone()
        if uid not in self._tasks:
            del self._workers[uid]

    def _ended(self, uid: str, worker: PodWorker, task: asyncio.Task[None]) -> None:
        """Note the end of a worker; one that broke on a bug is replaced after a pause."""
        del self._tasks[uid]
        if task.cancelled():
            return
        if (error := task.exception()) is None:
            # Finalizers may hold the object; it leaves the list when the server says so.
            if worker.is_gone:
                self._workers.pop(uid, None)
            return
        _log.error("%s broke", task.get_name(), exc_info=error)
        loop = asyncio.get_running_loop()
        loop.call_later(self._pause_after_bug_seconds, self._begin_again, uid, worker)

    def _begin_again(self, uid: str, worker: PodWorker) -> None:
        if worker.is_gone:
            self._workers.pop(uid, None)
            end_pod(self._folder / uid)
        elif self._workers.get(uid) is worker:
            self._begin(worker.pod)


def pods_folder(directory: Path) -> Path:
    """Return the folder that holds the folders of all Pods."""
    return directory / "pods"


def pod_folders(folder: Path) -> list[Path]:
    """Return the folders of the Pods that this host knows."""
    return [one for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []


def end_pod(folder: Path) -> None:
    """Kill all processes of a Pod and remove its folder."""
    ended = []
    for container in pod_folders(folder / "containers"):
        for run in records.runs_in(container):
            if pid := shim.running_shim(run):
                with contextlib.suppress(psutil.NoSuchProcess):
                    ended.append(psutil.Process(pid))
                shim.kill(run)
    # A dying shim still writes into the folder.
    psutil.wait_procs(ended, timeout=_LAST_WORDS_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
