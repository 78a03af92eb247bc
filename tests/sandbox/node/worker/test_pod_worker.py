"""Tests of a Pod's life, with real processes and an API server in memory."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perennial_sandbox.node.cluster.api_client import ApiClient
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.processes import records
from perennial_sandbox.node.testing import FakeApi, container, pod, sidecar, tools, until
from perennial_sandbox.node.worker.pod_worker import PodWorker
from perennial_sandbox.node.worker.registry import end_pod

PATH = "/api/v1/namespaces/default/pods/p"
FOREVER = ["sleep", "1000"]


@dataclass
class Life:
    """The server's view of one Pod, and the worker that runs it."""

    api: FakeApi
    client: ApiClient
    folder: Path
    worker: PodWorker
    task: asyncio.Task[None] | None = None
    lives: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self) -> None:
        """Let a worker begin, as the node does when it sees the Pod."""
        self.worker = PodWorker(self.api.objects[PATH], self.folder / "u-1", self._tools())
        self.task = asyncio.create_task(self.worker.run())
        self.lives.append(self.task)

    async def crash(self) -> None:
        """End the worker as a crash of the node would."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    @property
    def status(self) -> Json:
        """The recorded status."""
        found: Json = self.api.objects[PATH]["status"]
        return found

    def main(self) -> Json:
        """Return the recorded status of the first main container."""
        found: Json = (self.status.get("containerStatuses") or [{}])[0]
        return found

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until a claim about the recorded status holds."""
        await until(holds)

    def delete(self, grace_seconds: int = 1) -> None:
        """Ask for the Pod's deletion, as the server does."""
        thing = dict(self.api.objects[PATH])
        thing["metadata"] = {
            **thing["metadata"],
            "deletionTimestamp": "2030-01-01T12:00:00Z",
            "deletionGracePeriodSeconds": grace_seconds,
        }
        self.api.put(PATH, thing)
        self.worker.heard(thing)

    async def ended(self) -> None:
        """Wait until the worker has done everything."""
        if self.task is not None:
            await asyncio.wait_for(self.task, 10)

    def _tools(self) -> Any:  # noqa: ANN401  # passed on as it is
        return tools(self.folder, self.client, images={"app": ("sleep", "1000")})


@asynccontextmanager
async def life(folder: Path, thing: Json) -> AsyncIterator[Life]:
    """Run a Pod and end all that is left of it."""
    api = FakeApi()
    api.put(PATH, thing)
    async with api.client() as client:
        made = Life(api, client, folder, None)  # type: ignore[arg-type]  # begin() sets it
        made.begin()
        try:
            yield made
        finally:
            for task in made.lives:
                task.cancel()
            await asyncio.gather(*made.lives, return_exceptions=True)
            end_pod(folder / "u-1")


def shell(script: str, name: str = "main", **fields: Any) -> Json:  # noqa: ANN401  # fields of a spec
    """Return a container that runs a script."""
    return container(name, command=["sh", "-c", script], **fields)


def ready(one: Life) -> bool:
    """Tell whether the Pod is recorded as ready."""
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in one.status.get("conditions", ())
    )


def read(folder: Path, name: str) -> str:
    """Return the text of a file of the Pod."""
    return (folder / "u-1" / name).read_text()


def left(folder: Path) -> list[Path]:
    """Return what is left in the folder of all Pods."""
    return list(folder.iterdir())


async def pid_of(one: Life) -> int:
    """Return the process id of the main container's first run once it is known."""
    await until(lambda: records.number_in(one.folder / "u-1/containers/main/0", "pid"))
    return int(read(one.folder, "containers/main/0/pid"))


async def test_a_pod_runs_and_is_removed(tmp_path: Path) -> None:
    """Its address is recorded; at the end nothing is left, on the host or on the server."""
    async with life(tmp_path, pod()) as one:
        await one.until(lambda: ready(one))
        address = one.status["podIP"]
        one.delete()
        await one.ended()
        assert one.api.deleted == [
            (PATH, {"gracePeriodSeconds": 0, "preconditions": {"uid": "u-1"}})
        ]
    assert (address, left(tmp_path)) == ("127.250.0.1", [])


async def test_a_finished_pod_keeps_its_status_until_it_is_deleted(tmp_path: Path) -> None:
    """Its logs stay, too."""
    async with life(tmp_path, pod(shell("echo bye; exit 3"), restartPolicy="Never")) as one:
        await one.until(lambda: one.status["phase"] == "Failed")
        end = one.main()["state"]["terminated"]
        said = read(tmp_path, "containers/main/0/log")
        one.delete()
        await one.ended()
    assert (end["exitCode"], said) == (3, "bye\n")


async def test_a_sidecar_leaves_when_the_work_is_done(tmp_path: Path) -> None:
    """Only then is the Pod over."""
    thing = pod(shell("exit 0"), restartPolicy="Never", initContainers=[sidecar(command=FOREVER)])
    async with life(tmp_path, thing) as one:
        await one.until(lambda: one.status["phase"] == "Succeeded")
        (side,) = one.status["initContainerStatuses"]
    assert side["state"]["terminated"]["exitCode"] == 143


async def test_a_crashing_container_restarts_again_and_again(tmp_path: Path) -> None:
    """The count says how often; the last end stays visible."""
    async with life(tmp_path, pod(shell("exit 7"))) as one:
        await one.until(lambda: one.main().get("restartCount", 0) >= 3)
        last = one.main()["lastState"]["terminated"]
    assert last["exitCode"] == 7


async def test_a_missing_source_delays_the_start(tmp_path: Path) -> None:
    """When it appears the container starts at once."""
    source = "/api/v1/namespaces/default/configmaps/c"
    volumes = [{"name": "v", "configMap": {"name": "c"}}]
    async with life(tmp_path, pod(volumes=volumes)) as one:
        await one.until(lambda: one.main().get("state", {}).get("waiting", {}).get("message"))
        waiting = one.main()["state"]["waiting"]
        one.api.put(source, {"metadata": {"name": "c"}, "data": {"a": "1"}})
        one.worker.source_changed()
        await one.until(lambda: ready(one))
        one.api.put(source, {"metadata": {"name": "c"}, "data": {"a": "2"}})
        one.worker.source_changed()
        await one.until(lambda: (tmp_path / "u-1" / "volumes" / "v" / "a").read_text() == "2")
    assert (waiting["reason"], waiting["message"]) == (
        "CreateContainerConfigError",
        'volume "v": ConfigMap "c" not found',
    )


async def test_an_unknown_image_waits_until_deletion(tmp_path: Path) -> None:
    """Nothing was started, so nothing has to end."""
    async with life(tmp_path, pod(container(image="nginx"))) as one:
        await one.until(lambda: "waiting" in one.main().get("state", {}))
        reason = one.main()["state"]["waiting"]["reason"]
        one.delete()
        await one.ended()
        phase = one.worker.pod["status"]["phase"]
    assert (reason, phase) == ("ImagePullBackOff", "Failed")


async def test_a_second_life_goes_on_where_the_first_one_was(tmp_path: Path) -> None:
    """The same process, and no write to the server."""
    async with life(tmp_path, pod()) as one:
        await one.until(lambda: ready(one))
        before = await pid_of(one)
        await one.crash()
        writes, recorded = one.api.writes, one.status
        one.begin()
        await one.until(lambda: one.worker.drivers)
        await asyncio.wait_for(one.worker.reported(), 5)
        after = (one.api.writes, one.status, await pid_of(one))
    assert after == (writes, recorded, before)


async def test_a_second_life_reports_what_ended_in_between(tmp_path: Path) -> None:
    """The exit code is kept by the shim."""
    async with life(tmp_path, pod(shell("exec sleep 1000"), restartPolicy="Never")) as one:
        await one.until(lambda: ready(one))
        pid = await pid_of(one)
        await one.crash()
        os.kill(pid, signal.SIGTERM)
        await until((tmp_path / "u-1/containers/main/0/exit").exists)
        one.begin()
        await one.until(lambda: one.status["phase"] == "Failed")
        code = one.main()["state"]["terminated"]["exitCode"]
    assert code == 143


async def test_a_finished_pod_is_not_run_again(tmp_path: Path) -> None:
    """Its recorded phase is final, whatever is on the disk."""
    thing = pod()
    thing["status"]["phase"] = "Succeeded"
    async with life(tmp_path, thing) as one:
        await one.until(lambda: one.worker.drivers)
        one.delete()
        await one.ended()
        assert [path for path, _ in one.api.deleted] == [PATH]
        assert not any(driver.state.was_run for driver in one.worker.drivers.values())


async def test_a_pod_that_others_declare_failed_ends(tmp_path: Path) -> None:
    """Its status is theirs then."""
    async with life(tmp_path, pod()) as one:
        await one.until(lambda: ready(one))
        thing = {**one.api.objects[PATH], "status": {"phase": "Failed", "reason": "Evicted"}}
        one.api.put(PATH, thing)
        one.worker.heard(thing)
        await one.until(lambda: one.worker.drivers["main"].state.exit)
    assert one.status == {"phase": "Failed", "reason": "Evicted"}


async def test_a_pod_that_is_gone_ends_without_a_word(tmp_path: Path) -> None:
    """Nobody can read its status; its folder is removed."""
    async with life(tmp_path, pod()) as one:
        await one.until(lambda: ready(one))
        writes = one.api.writes
        one.worker.gone()
        await one.ended()
        assert (one.api.writes, one.api.deleted) == (writes, [])
    assert left(tmp_path) == []


async def test_a_finished_pod_that_is_gone_is_cleaned_up(tmp_path: Path) -> None:
    """Also if the server does not know it any more when its status is to be written."""
    async with life(tmp_path, pod(shell("exit 0"), restartPolicy="Never")) as one:
        one.api.refuse_with = 503
        await one.until(lambda: one.worker.drivers and one.worker.drivers["main"].state.exit)
        one.worker.gone()
        await one.ended()
    assert left(tmp_path) == []


async def test_a_deletion_is_repeated_until_the_server_hears_it(tmp_path: Path) -> None:
    """It may be away at that moment."""
    async with life(tmp_path, pod(shell("exit 0"), restartPolicy="Never")) as one:
        await one.until(lambda: one.status["phase"] == "Succeeded")
        one.delete()
        one.api.refuse_with = 503
        seen = one.api.requests
        await one.api.until(lambda: one.api.requests > seen)
        one.api.refuse_with = None
        await one.ended()
        assert [path for path, _ in one.api.deleted] == [PATH]


async def test_a_pod_that_vanished_in_the_meantime_is_no_error(tmp_path: Path) -> None:
    """Somebody else deleted it by force."""
    async with life(tmp_path, pod()) as one:
        await one.until(lambda: ready(one))
        one.delete()
        del one.api.objects[PATH]
        await one.ended()
    assert one.api.deleted == []


async def test_the_hosts_network_has_the_hosts_address(tmp_path: Path) -> None:
    """No address is taken for it."""
    async with life(tmp_path, pod(hostNetwork=True)) as one:
        await one.until(lambda: ready(one))
        assert one.status["podIP"] == "127.0.0.1"
