"""The machine lists, decides, writes, and says which part ended."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from perennial_operator.api import names
from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import WatchEvent
from perennial_operator.errors import Unavailable
from perennial_operator.loop import machine as machines
from perennial_operator.loop.machine import Machine, Setup
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.snapshot import ModelSnapshot, Snapshot
from perennial_operator.testing import OPTIONS, ListedStream, ScriptedCluster, model_deployment


def live() -> dict[str, Any]:
    """Return a model as the server has it."""
    document = model_deployment()
    known = {"uid": "u", "resourceVersion": "5", "generation": 1}
    return {**document, "metadata": {**document["metadata"], **known}}


def decide(seen: Snapshot, _now: datetime) -> Plan:
    """Say that a model was seen."""
    return Plan(status={"url": "seen"}) if isinstance(seen, ModelSnapshot) else Plan()


def machine(cluster: ScriptedCluster) -> Machine:
    """Return a machine over a scripted cluster."""
    return Machine(cluster, Setup(options=OPTIONS, decide=decide, token_of=str, workers=2))


async def until(holds: Callable[[], object]) -> None:
    """Let other tasks and threads work until it holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # threads make it true
            await asyncio.sleep(0.005)


async def test_what_is_listed_is_decided_and_written() -> None:
    """Every key is looked at once at the start, then all is silent."""
    cluster = ScriptedCluster(live())
    made = machine(cluster)
    assert not made.is_synced
    await made.start()
    await until(lambda: cluster.sent)
    assert made.is_synced
    assert made.trouble == ""
    await made.stop()
    assert [sent["status"] for sent in cluster.sent] == [{"url": "seen"}]
    assert not made.failure.done()


async def test_children_come_in_by_their_watch() -> None:
    """Parsed in a thread, stored in the loop."""
    cluster = ScriptedCluster()
    labels = {names.LABEL_MANAGED_BY: names.MANAGED_BY}
    metadata = {"name": "x", "namespace": "a", "uid": "x", "resourceVersion": "9", "labels": labels}
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    cluster.streams = [ListedStream([WatchEvent("ADDED", document)])]
    made = machine(cluster)
    await made.start()
    await until(lambda: made.agenda.store.get("Deployment", namespace="a", name="x"))
    await made.stop()


async def test_a_cluster_that_is_away_at_the_start_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process does not end for that."""
    monkeypatch.setattr(machines, "PATIENCE_SECONDS", 0.0)
    cluster = ScriptedCluster(live())
    made = machine(cluster)
    cluster.fail("list", *(Unavailable("away") for _ in range(3)))
    await made.list_again(kinds.MODEL_DEPLOYMENT, "")
    assert len(made.agenda.store) == 1
    await made.stop()


async def test_a_part_that_ends_unasked_ends_the_machine(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named, and liveness fails."""
    monkeypatch.setattr(machines, "ECHO_SECONDS", 0.0)
    made = machine(ScriptedCluster())
    await made.start()
    made.agenda.echoes.expect("NoSuchKind", 7, now=-100)
    assert await made.failure == "echoes"
    assert made.trouble == "echoes ended"
    await made.stop()
    assert "a part ended" in caplog.text


async def test_watches_that_do_not_show_our_writes_are_repaired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An own stream is opened again, a kind of kopf's is compared at once."""
    monkeypatch.setattr(machines, "ECHO_SECONDS", 0.01)
    monkeypatch.setattr(machines, "LAG_SECONDS", 0.01)
    cluster = ScriptedCluster(live())
    made = machine(cluster)
    await made.start()
    await until(lambda: sum(verb == "watch" for verb, _, _ in cluster.calls) == len(kinds.WATCHED))
    cluster.calls.clear()
    made.agenda.echoes.expect("Service", 10_000, now=-100)
    made.agenda.echoes.expect("RetrainJob", 10_000, now=-100)
    await until(lambda: ("watch", "Service", "900") in cluster.calls)
    await until(lambda: ("list", "RetrainJob", "") in cluster.calls)
    await made.stop()


async def test_a_thread_that_ends_unasked_ends_the_machine() -> None:
    """Like a task."""
    made = machine(ScriptedCluster())
    made._thread_ended("watch-pods-0")  # noqa: SLF001  # what a thread would call
    assert await made.failure == "watch-pods-0"
    await made.stop()
