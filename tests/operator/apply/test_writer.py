"""Plans are carried out in order: status, actions by groups, Events."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from perennial_operator.api import documents, names
from perennial_operator.api.status.retrain_job import RetrainJobStatus
from perennial_operator.apply.events import Recorder, Reporter
from perennial_operator.apply.writer import Writer
from perennial_operator.cluster.answers import Stale
from perennial_operator.errors import Unavailable
from perennial_operator.plan.actions import Answer, Apply, Create, Delete, Event, Plan
from perennial_operator.plan.snapshot import Key, ModelSnapshot
from perennial_operator.testing import FakeCluster, ScriptedCluster, model_deployment, retrain_job

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ROUTER = Key("router", "default", "")


class Scene:
    """A writer over a scripted cluster, and a snapshot of one model."""

    def __init__(self, *, pass_seconds: float = 60.0) -> None:
        """Let the model be live."""
        world = FakeCluster(model_deployment())
        live = world.document("ModelDeployment", "churn")
        assert live
        self.seen: ModelSnapshot = world.snapshot()
        self.router = world.snapshot(ROUTER)
        self.cluster = ScriptedCluster(live)
        self.remembered: list[dict[str, Any]] = []
        self.running = self.most = 0
        self.recorder = Recorder(self.cluster, call=self.call, reporter=Reporter("pod"))
        self.writer = Writer(
            cluster=self.cluster,
            call=self.call,
            remember=self.remembered.append,
            recorder=self.recorder,
            pass_seconds=pass_seconds,
        )

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401  # any call
        """Run a blocking function here; note how many run at once."""
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        return function(*arguments)

    async def carry_out(self, plan: Plan) -> bool:
        """Carry a plan out."""
        return await self.writer.carry_out(plan, self.seen, now=NOON)

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Return verbs and names, reads aside."""
        return [(verb, name) for verb, _, name in self.cluster.calls if verb != "get"]


def config_map(name: str) -> dict[str, Any]:
    """Return a child of the model."""
    labels = {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_ROOT_UID: "uid-100"}
    metadata = {"name": name, "namespace": "default", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def applies(*wanted: str) -> tuple[Apply, ...]:
    """Return a group of applies."""
    return tuple(Apply(config_map(name)) for name in wanted)


async def test_an_empty_plan_writes_nothing() -> None:
    """It is the plan of an object at rest."""
    scene = Scene()
    assert not await scene.carry_out(Plan())
    assert scene.cluster.calls == []


async def test_status_comes_before_actions_and_groups_in_their_order() -> None:
    """The intent is written before the act."""
    scene = Scene()
    plan = Plan(status={"traffic": "1"}, actions=(applies("a"), applies("b")))
    assert await scene.carry_out(plan)
    assert scene.calls == [("apply status", "churn"), ("apply", "a"), ("apply", "b")]
    assert scene.cluster.sent[0]["metadata"]["resourceVersion"] == scene.seen.meta.resource_version
    assert [each["metadata"]["name"] for each in scene.remembered] == ["churn", "a", "b"]


async def test_a_stale_status_stops_everything_else() -> None:
    """The plan was made from an old picture."""
    scene = Scene()
    scene.cluster.fail("apply status", Stale("old"))
    with pytest.raises(Stale):
        await scene.carry_out(Plan(status={"traffic": "1"}, actions=(applies("a"),)))
    assert scene.calls == [("apply status", "churn")]


async def test_an_equal_status_is_not_written() -> None:
    """What a planner repeats costs nothing."""
    scene = Scene()
    world = FakeCluster(retrain_job())
    world.carry_out(Plan(status=documents.dump(RetrainJobStatus(state="Pending"))))
    seen = world.snapshot()
    same, other = documents.dump(seen.status), {"state": "Finished"}
    assert not await scene.writer.carry_out(Plan(status=same), seen, now=NOON)
    assert await scene.writer.carry_out(Plan(status=other), seen, now=NOON)
    assert scene.cluster.calls == [("apply status", "RetrainJob", "again")]


async def test_at_most_four_run_at_once() -> None:
    """A group is a barrier and a crowd."""
    scene = Scene()
    await scene.carry_out(Plan(actions=(applies("a"), applies("b", "c", "d", "e", "f", "g"))))
    assert scene.most == 4
    assert len(scene.calls) == 7


async def test_the_first_failure_stops_the_rest_but_not_its_neighbors() -> None:
    """Those that ran beside it have ended when the pass ends."""
    scene = Scene()
    scene.cluster.fail("apply", Unavailable("away"))
    with pytest.raises(Unavailable):
        await scene.carry_out(Plan(actions=(applies("a", "b"), applies("c"))))
    assert scene.calls == [("apply", "a"), ("apply", "b")]


async def test_a_pass_that_takes_too_long_ends_between_actions() -> None:
    """What was started has its own timeout."""
    scene = Scene(pass_seconds=-1)
    with pytest.raises(Unavailable, match="took longer"):
        await scene.carry_out(Plan(actions=(applies("a"),)))


async def test_every_kind_of_action_is_carried_out() -> None:
    """Apply, create, delete, answer."""
    scene = Scene()
    live = config_map("old")
    live["metadata"] |= {"uid": "c1", "resourceVersion": "5"}
    scene.cluster.live["ConfigMap", "old"] = live
    group = (
        Apply(config_map("a")),
        Create(config_map("b")),
        Delete("ConfigMap", "old", uid="c1", resource_version="5"),
        Answer("d", "u", "8", answer="Accepted", message="done"),
    )
    assert await scene.carry_out(Plan(actions=(group,)))
    assert sorted(scene.calls) == [
        ("apply", "a"),
        ("apply status", "d"),
        ("create", "b"),
        ("delete", "old"),
    ]


async def test_events_are_queued_after_the_actions() -> None:
    """Best effort: nobody waits for them."""
    scene = Scene()
    await scene.carry_out(Plan(events=(Event("Normal", "Promoted", "it serves"),)))
    assert scene.calls == []
    task = asyncio.create_task(scene.recorder.run())
    for _ in range(8):
        await asyncio.sleep(0)
    task.cancel()
    (sent,) = scene.cluster.sent
    assert sent["regarding"]["name"] == "churn"


async def test_a_router_has_neither_status_nor_events() -> None:
    """It is no object of ours."""
    scene = Scene()
    plan = Plan(status={"x": "y"}, events=(Event("Normal", "X", "y"),))
    assert not await scene.writer.carry_out(plan, scene.router, now=NOON)
    assert scene.calls == []


async def test_a_root_can_be_asked_for_live() -> None:
    """Whatever the store says."""
    scene = Scene()
    assert await scene.writer.root_exists(Key("md", "default", "churn"))
    assert not await scene.writer.root_exists(Key("rj", "default", "churn"))


async def test_decisions_without_target_are_answered() -> None:
    """Each with its own write."""
    scene = Scene()
    answers = [Answer(name, "u", "8", answer="TargetNotFound", message="") for name in ("a", "b")]
    await scene.writer.answer(answers, "default", now=NOON)
    assert scene.calls == [("apply status", "a"), ("apply status", "b")]
