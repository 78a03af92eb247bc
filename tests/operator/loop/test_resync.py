"""A resync finds what watches missed, and repairs it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perennial_operator.api import names
from perennial_operator.cluster import kinds
from perennial_operator.errors import Unavailable
from perennial_operator.loop.agenda import Agenda
from perennial_operator.loop.resync import Differences, Resync, differences
from perennial_operator.loop.work_queue import WorkQueue
from perennial_operator.observe.records import record
from perennial_operator.testing import ScriptedCluster, model_deployment

LABELS = {names.LABEL_ROOT_KIND: names.MODEL_DEPLOYMENT, names.LABEL_ROOT_NAME: "churn"}


def service(name: str, version: int) -> dict[str, Any]:
    """Return a child of a model."""
    metadata = {"name": name, "namespace": "default", "uid": name, "labels": LABELS}
    metadata["resourceVersion"] = str(version)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata}


def model(version: int) -> dict[str, Any]:
    """Return a model as the server has it."""
    document = model_deployment()
    known = {"uid": "u", "resourceVersion": str(version), "generation": 1}
    return {**document, "metadata": {**document["metadata"], **known}}


def test_differences_are_found_by_name_and_version() -> None:
    """What is newer than the list is no ghost."""
    records = [record(service(*each)) for each in (("a", 5), ("b", 5), ("ghost", 7), ("new", 99))]
    listed = {("default", "a"): 5, ("default", "b"): 6, ("default", "missed"): 1}
    assert differences(records, listed, version=50) == Differences(
        missed=frozenset({("default", "missed")}),
        behind=frozenset({("default", "b")}),
        ghosts=frozenset({("default", "ghost")}),
    )


class Scene:
    """A resync over a scripted cluster."""

    def __init__(self, *live: dict[str, Any], known: list[dict[str, Any]]) -> None:
        """Let these objects live, and those be known."""
        self.cluster = ScriptedCluster(*live)
        self.agenda = Agenda(WorkQueue(workers=8, jitter=lambda: 1.0), monotonic=lambda: 0.0)
        for document in known:
            self.agenda.see(document)
        self.resync = Resync(
            self.agenda, self.cluster, call=self.call, namespaces=("",), behind_seconds=0
        )

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401  # any call
        """Run a blocking function here."""
        return function(*arguments)

    @property
    def versions(self) -> dict[str, int]:
        """Return what is known."""
        return {each.name: each.resource_version for each in self.agenda.store}


async def test_equal_worlds_are_left_alone() -> None:
    """One list, no other request."""
    scene = Scene(service("a", 5), known=[service("a", 5)])
    await scene.resync.compare(kinds.SERVICE)
    assert [verb for verb, _, _ in scene.cluster.calls] == ["list"]


async def test_what_is_missed_or_behind_is_fetched() -> None:
    """After a second look: its watch may have been on its way."""
    scene = Scene(service("a", 5), service("b", 9), known=[service("b", 8)])
    await scene.resync.compare(kinds.SERVICE)
    assert scene.versions == {"a": 5, "b": 9}


async def test_ghosts_are_buried_after_a_live_look() -> None:
    """What was made again meanwhile is no ghost."""
    scene = Scene(known=[service("ghost", 8)])
    await scene.resync.compare(kinds.SERVICE)
    assert scene.versions == {}
    assert scene.cluster.calls[-1] == ("get", "Service", "ghost")


async def test_what_went_away_meanwhile_is_not_fetched() -> None:
    """The second look decides."""
    scene = Scene(service("a", 5), known=[])
    original = scene.call

    async def call(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401  # any call
        found = await original(function, *arguments)
        if len(scene.cluster.calls) == 2:
            scene.cluster.live.clear()
        return found

    resync = Resync(scene.agenda, scene.cluster, call=call, namespaces=("",), behind_seconds=0)
    await resync.compare(kinds.SERVICE)
    assert scene.versions == {}


async def test_a_dead_watch_of_our_own_kind_is_called_stale() -> None:
    """Behind at two resyncs running; once repaired it is not."""
    scene = Scene(model(9), known=[model(8)])
    await scene.resync.compare(kinds.MODEL_DEPLOYMENT)
    assert scene.resync.stale_kinds == frozenset()
    scene.cluster.live["ModelDeployment", "churn"] = model(12)
    await scene.resync.compare(kinds.MODEL_DEPLOYMENT)
    assert scene.resync.stale_kinds == {"ModelDeployment"}
    await scene.resync.compare(kinds.MODEL_DEPLOYMENT)
    assert scene.resync.stale_kinds == frozenset()


async def test_a_cluster_that_does_not_answer_is_asked_next_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An outage is no difference."""
    scene = Scene(known=[service("a", 5)])
    scene.cluster.fail("list", Unavailable("away"))
    await scene.resync.compare(kinds.SERVICE)
    assert scene.versions == {"a": 5}
    assert "resync failed" in caplog.text


async def test_all_kinds_are_compared_once_a_period() -> None:
    """For ever."""
    scene = Scene(known=[service("ghost", 8)])
    task = asyncio.create_task(scene.resync.run(lambda: 0.0, clock=lambda: 7.0))
    for _ in range(200):
        await asyncio.sleep(0)
    task.cancel()
    listed = {kind for verb, kind, _ in scene.cluster.calls if verb == "list"}
    assert listed == {kind.kind for kind in (*kinds.OURS, *kinds.WATCHED)}
    assert scene.versions == {}
