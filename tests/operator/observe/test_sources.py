"""Slow sources are read at their own pace into a table."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from perennial_operator.api import documents, names
from perennial_operator.api.routing_intent import ModelState, RouterState
from perennial_operator.cluster import kinds
from perennial_operator.loop.store import Store
from perennial_operator.observe.records import record
from perennial_operator.observe.sources import Clocks, Sources, is_moving
from perennial_operator.plan.snapshot import Key
from perennial_operator.testing import ScriptedCluster, model_deployment

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def model(*, condition: str = "", version: int = 1, observed: int = 1) -> dict[str, Any]:
    """Return a model as the server shows it."""
    metadata = {"uid": "u", "resourceVersion": str(version), "generation": 1}
    shown = {"type": condition, "status": "True", "reason": "X"}
    status = {"observedGeneration": observed, "conditions": [shown] if condition else []}
    document = model_deployment()
    return {**document, "metadata": document["metadata"] | metadata, "status": status}


@dataclass
class Scene:
    """Sources over a store with one model and one router."""

    store: Store = field(default_factory=Store)
    news: list[Key] = field(default_factory=list)
    now: float = 0.0
    asked: int = 0
    epoch: int = 1

    def __post_init__(self) -> None:
        """Put a router there."""
        labels = {names.LABEL_COMPONENT: names.COMPONENT_ROUTER}
        metadata = {"namespace": "default", "uid": "d", "resourceVersion": "1", "labels": labels}
        status = {"podIP": "127.0.0.2", "conditions": [{"type": "Ready", "status": "True"}]}
        deployment = {"kind": "Deployment", "metadata": {**metadata, "name": names.ROUTER}}
        pod = {"kind": "Pod", "metadata": {**metadata, "name": "r1"}, "status": status}
        for document in (deployment, pod, model()):
            self.store.upsert(record(document))
        self.sources = Sources(
            self.store,
            token_of=str,
            on_news=self.news.append,
            clocks=Clocks(lambda: NOON, lambda: self.now),
        )

    def answer(self, _request: httpx.Request) -> httpx.Response:
        """Answer as a router that runs the model."""
        self.asked += 1
        one = ModelState(self.epoch, acknowledged=True, since="", weights={}, endpoints={})
        state = RouterState("r1", "1", "now", "v1", models={"churn": one})
        return httpx.Response(200, content=json.dumps(documents.dump(state)))

    async def read(self, *, at: float) -> None:
        """Look once."""
        self.now = at
        async with httpx.AsyncClient(transport=httpx.MockTransport(self.answer)) as client:
            await self.sources.read_traffic(client)


async def test_routers_at_rest_are_asked_seldom() -> None:
    """Every ten seconds."""
    scene = Scene()
    for at in (0, 2, 9.9, 10, 12):
        await scene.read(at=at)
    assert scene.asked == 2


@pytest.mark.parametrize(
    "document", [model(condition="Progressing", version=2), model(observed=0, version=2)]
)
async def test_routers_are_asked_often_during_an_attempt(document: dict[str, Any]) -> None:
    """Every two seconds, also when one is about to begin."""
    scene = Scene()
    scene.store.upsert(record(document))
    for at in (0, 1.9, 2, 3.9, 4):
        await scene.read(at=at)
    assert scene.asked == 3


async def test_a_model_is_told_when_its_routers_changed() -> None:
    """Once for each change."""
    scene = Scene()
    for at, epoch in ((0, 1), (10, 1), (20, 2)):
        scene.epoch = epoch
        await scene.read(at=at)
    assert scene.news == [Key("md", "default", "churn")] * 2
    assert scene.sources.traffic["default"].value.states[0].models["churn"].epoch == 2


async def test_a_namespace_without_models_is_forgotten() -> None:
    """Nobody asks its routers any more."""
    scene = Scene()
    await scene.read(at=0)
    scene.store.remove(record(model(version=9)))
    await scene.read(at=10)
    assert (scene.asked, scene.sources.traffic) == (1, {})


async def call(function: Callable[[], bool]) -> bool:
    """Run a blocking function here."""
    return function()


async def test_reading_goes_on_for_ever() -> None:
    """Both sources are read at once, then again and again."""
    scene = Scene()
    async with httpx.AsyncClient(transport=httpx.MockTransport(scene.answer)) as client:
        tasks = [
            asyncio.create_task(scene.sources.run_traffic(client)),
            asyncio.create_task(scene.sources.run_policies(ScriptedCluster(), call=call)),
        ]
        for _ in range(50):
            await asyncio.sleep(0)
        for task in tasks:
            assert not task.done()
            task.cancel()
    assert scene.asked == 1


async def test_policies_are_read() -> None:
    """Until the first answer they count as absent."""
    scene = Scene()
    assert not scene.sources.policies_active
    both = (kinds.ADMISSION_POLICY, kinds.ADMISSION_POLICY_BINDING)
    live = [{"kind": k.kind, "metadata": {"name": n}} for k in both for n in names.POLICIES]
    await scene.sources.read_policies(ScriptedCluster(*live), call=call)
    assert scene.sources.policies_active


def test_a_model_at_rest_does_not_move() -> None:
    """Its generation is judged and no condition says that work goes on."""
    assert not is_moving(record(model(condition="Ready")))
    assert is_moving(record(model(condition="Reconciling")))
