"""Tests of the node's Pods."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from perennial_sandbox.node.pods.facts import CONFIG_MAP, Source
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.testing import FakeApi, container, pod, tools, until
from perennial_sandbox.node.worker import registry as registries
from perennial_sandbox.node.worker.registry import PodRegistry

FOREVER = ["sleep", "1000"]


def named(name: str, **spec: object) -> Json:
    """Return a Pod with a name and uid of its own."""
    thing = pod(container(command=FOREVER), **spec)
    thing["metadata"] |= {"name": name, "uid": f"uid-{name}"}
    return thing


def path(thing: Json) -> str:
    """Return where the server keeps a Pod."""
    return f"/api/v1/namespaces/default/pods/{thing['metadata']['name']}"


@asynccontextmanager
async def registry(folder: Path, api: FakeApi) -> AsyncIterator[PodRegistry]:
    """Yield a registry and end its Pods."""
    async with api.client() as client:
        made = PodRegistry(tools(folder, client), pause_after_bug_seconds=0)
        try:
            yield made
        finally:
            made.replace_all([])
            await until(lambda: not made.pods())
            await made.close()


def running(made: PodRegistry) -> list[str]:
    """Return the names of the Pods whose containers run."""
    return sorted(
        thing["metadata"]["name"]
        for thing in made.pods()
        if thing.get("status", {}).get("phase") == "Running"
    )


async def test_pods_of_a_list_run_and_others_end(tmp_path: Path) -> None:
    """Listed again they are left in peace."""
    api, pods = FakeApi(), [named("a"), named("b")]
    for thing in pods:
        api.put(path(thing), thing)
    async with registry(tmp_path, api) as made:
        made.replace_all(pods)
        await until(lambda: running(made) == ["a", "b"])
        pids = {driver.shim_pid for driver in made.drivers()}
        made.replace_all(pods)
        made.replace_all(pods[:1])
        await until(lambda: len(made.pods()) == 1)
        left = {driver.shim_pid for driver in made.drivers()}
    assert (len(pids), left < pids) == (2, True)


async def test_a_restart_of_the_node_ends_only_orphans(tmp_path: Path) -> None:
    """The others are taken over; the orphan's folder and processes are gone."""
    api, pods = FakeApi(), [named("a"), named("b")]
    for thing in pods:
        api.put(path(thing), thing)
    async with api.client() as client:
        first = PodRegistry(tools(tmp_path, client))
        first.replace_all(pods)
        await until(lambda: running(first) == ["a", "b"])
        pids = [driver.shim_pid for driver in first.drivers()]
        await first.close()
        async with registry(tmp_path, api) as second:
            second.replace_all([api.objects[path(pods[0])]])
            await until(lambda: list(second.drivers()))
            adopted = [driver.shim_pid for driver in second.drivers()]
            folders = [one.name for one in (tmp_path / "pods").iterdir()]
    assert (adopted, folders) == (pids[:1], ["uid-a"])
    assert not alive(pids[1])


def alive(pid: int | None) -> bool:
    """Tell whether a process still runs."""
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_deleted_pod_with_finalizers_is_not_run_again(tmp_path: Path) -> None:
    """It stays in the list until the server removes it, but its work is done."""
    api, thing = FakeApi(), named("a", restartPolicy="Never")
    thing["metadata"]["deletionTimestamp"] = "2030-01-01T12:00:00Z"
    async with registry(tmp_path, api) as made:
        made.changed(thing)
        await api.until(lambda: api.requests)
        await until(lambda: not (tmp_path / "pods" / "uid-a").exists())
        made.changed(thing)
        before = len(made.pods())
        made.deleted(thing)
        made.deleted(thing)
        await until(lambda: not made.pods())
    assert before == 1


async def test_changes_of_sources_reach_the_pods_that_read_them(tmp_path: Path) -> None:
    """And no other ones."""
    api = FakeApi()
    thing = named("a", volumes=[{"name": "v", "configMap": {"name": "c"}}])
    api.put(path(thing), thing)
    async with registry(tmp_path, api) as made:
        made.changed(thing)
        await until(lambda: "CreateContainerConfigError" in str(made.pods()))
        source = Source(CONFIG_MAP, "c")
        api.put("/api/v1/namespaces/default/configmaps/c", {"metadata": {"name": "c"}, "data": {}})
        made.source_changed("other", source)
        made.source_changed("default", Source(CONFIG_MAP, "d"))
        made.source_changed("default", source)
        await until(lambda: running(made) == ["a"])


async def test_logs_are_found_by_names(tmp_path: Path) -> None:
    """Unknown names have none."""
    api, thing = FakeApi(), named("a")
    api.put(path(thing), thing)
    async with registry(tmp_path, api) as made:
        made.changed(thing)
        await until(lambda: running(made) == ["a"])
        known = made.find_log(("default", "a", "main"), previous=False)
        others = [
            made.find_log(names, previous=False)
            for names in (("default", "a", "x"), ("default", "b", "main"), ("other", "a", "main"))
        ]
    assert known is not None
    assert (known.path.name, others) == ("log", [None, None, None])


async def test_a_worker_that_breaks_is_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One Pod's bug stops neither the node nor, for long, the Pod."""
    api, thing = FakeApi(), named("a")
    api.put(path(thing), thing)
    (tmp_path / "pods").mkdir()
    blocker = tmp_path / "pods" / "uid-a"
    blocker.write_text("not a folder")
    async with registry(tmp_path, api) as made:
        made.changed(thing)
        await until(lambda: "pod default/a broke" in caplog.text)
        blocker.unlink()
        await until(lambda: running(made) == ["a"])


async def test_a_broken_pod_that_is_gone_is_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its processes end as well."""
    api, thing = FakeApi(), named("a")
    (tmp_path / "pods").mkdir()
    (tmp_path / "pods" / "uid-a").write_text("not a folder")
    async with registry(tmp_path, api) as made:
        made.changed(thing)
        await until(lambda: "pod default/a broke" in caplog.text)
        made.deleted(thing)
        await until(lambda: not made.pods())


def test_a_folder_without_pods_is_empty(tmp_path: Path) -> None:
    """At the first start there is none."""
    assert registries.pod_folders(tmp_path / "none") == []
