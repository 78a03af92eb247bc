"""The machine under kopf on a real API server: it converges, and then it is silent."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from machine_stage import MachineStage, Planner, config_map, is_ready, until

from perennial_operator.api import names
from perennial_operator.cluster import kinds
from perennial_operator.plan.snapshot import ModelSnapshot
from perennial_operator.testing import decision
from perennial_sandbox.sandbox import Running

pytestmark = pytest.mark.e2e

QUIET_SECONDS = 4.0


@pytest.fixture
def stage(installed: Running) -> MachineStage:
    """Return a namespace of its own."""
    return MachineStage(installed)


async def silence(stage: MachineStage) -> list[str]:
    """Return what is written within some seconds."""
    before = len(stage.cluster.writes)
    await asyncio.sleep(QUIET_SECONDS)
    return stage.cluster.writes[before:]


async def test_an_object_converges_and_then_nothing_is_written(stage: MachineStage) -> None:
    """Status once, child once, one Event; so it is after a restart."""
    async with stage.machine(Planner()):
        stage.model()
        await until(is_ready(stage))
        assert await silence(stage) == []
    assert sorted(stage.cluster.writes) == [
        "apply ConfigMap",
        "apply ModelDeployment status",
        "create Event",
    ]
    stage.cluster.writes.clear()
    planner = Planner()
    async with stage.machine(planner):
        await until(lambda: planner.looks)
        assert await silence(stage) == []


async def test_edits_and_drift_are_followed(stage: MachineStage) -> None:
    """A user's edit, an edited child, a deleted child, a foreign status."""
    stage.model()
    async with stage.machine(Planner()):
        await until(is_ready(stage))
        stage.model(model="two")
        await until(is_ready(stage))
        drifted = stage.get(kinds.CONFIG_MAP, "churn-child")
        assert drifted
        stage.put(
            {
                **config_map("churn-child", namespace=stage.namespace, data="edited"),
                "metadata": {"name": "churn-child"},
            },
            manager="somebody",
        )
        await until(is_ready(stage))
        stage.cluster.delete(
            kinds.CONFIG_MAP, namespace=stage.namespace, name="churn-child", preconditions={}
        )
        await until(is_ready(stage))
        again = stage.get(kinds.CONFIG_MAP, "churn-child")
        assert again
        assert again["metadata"]["uid"] != drifted["metadata"]["uid"]


async def test_users_objects_know_us_only_by_their_status(stage: MachineStage) -> None:
    """No annotation, no finalizer, no field of spec: neither ours nor kopf's."""
    stage.model()
    async with stage.machine(Planner()):
        await until(is_ready(stage))
        stage.model(model="two")
        await until(is_ready(stage))
    live = stage.get(kinds.MODEL_DEPLOYMENT, "churn")
    assert live
    metadata = live["metadata"]
    managers = {
        (each["manager"], each.get("subresource", "")) for each in metadata["managedFields"]
    }
    assert managers == {("user", ""), (names.MANAGER_STATUS, "status")}
    assert "finalizers" not in metadata
    assert "annotations" not in metadata


async def test_a_root_that_is_deleted_in_flight_leaves_no_ghost(stage: MachineStage) -> None:
    """The plan was made, then the root went: nothing is made for it."""
    deleted: list[str] = []

    def delete(seen: ModelSnapshot) -> None:
        if not deleted:
            deleted.append(seen.meta.uid)
            stage.cluster.delete(
                kinds.MODEL_DEPLOYMENT,
                namespace=stage.namespace,
                name="churn",
                preconditions={"uid": seen.meta.uid},
            )

    async with stage.machine(Planner(before=[delete])) as machine:
        stage.model()
        await until(lambda: deleted)
        await until(lambda: not machine.agenda.store.get(
            names.MODEL_DEPLOYMENT, namespace=stage.namespace, name="churn"
        ))  # fmt: skip
        await silence(stage)
    assert stage.get(kinds.CONFIG_MAP, "churn-child") is None


async def test_a_stale_plan_does_nothing(stage: MachineStage) -> None:
    """The user was faster than the status write: the next pass follows the edit."""
    edited: list[str] = []

    def edit(seen: ModelSnapshot) -> None:
        if not edited:
            edited.append(seen.meta.uid)
            stage.model(model="two")

    async with stage.machine(Planner(before=[edit])):
        stage.model()
        await until(is_ready(stage))
    child = stage.get(kinds.CONFIG_MAP, "churn-child")
    assert child
    assert child["data"]["key"] == "s3://models/two"
    assert stage.cluster.writes.count("apply ConfigMap") == 1


async def test_foreign_objects_are_not_taken_over(stage: MachineStage) -> None:
    """The next pass knows why, one Event says it; when the name is free, all goes on."""
    foreign = stage.put(config_map("churn-child", namespace=stage.namespace, data="theirs"))

    def reason() -> str:
        root = stage.get(kinds.MODEL_DEPLOYMENT, "churn") or {}
        shown = (root.get("status") or {}).get("conditions") or [{"reason": ""}]
        return str(shown[0]["reason"])

    async with stage.machine(Planner()):
        stage.model()
        await until(lambda: reason() == "NameCollision")
        untouched = stage.get(kinds.CONFIG_MAP, "churn-child")
        assert untouched
        assert untouched["data"] == foreign["data"]
        stage.cluster.delete(
            kinds.CONFIG_MAP, namespace=stage.namespace, name="churn-child", preconditions={}
        )
        await until(lambda: is_ready(stage)() and reason() == "Ready", seconds=40)
    said = [each["reason"] for each in stage.live(kinds.EVENT)]
    assert said.count("NameCollision") == 1


def answer_of(stage: MachineStage, name: str) -> Callable[[], str]:
    """Return a check for the answer of a Decision."""

    def check() -> str:
        found = stage.get(kinds.DECISION, name) or {}
        shown = (found.get("status") or {}).get("conditions") or [{"reason": ""}]
        return str(shown[0]["reason"])

    return check


async def test_a_decision_is_answered_once(stage: MachineStage) -> None:
    """By its own status; one about nothing is told so."""
    stage.model()
    known = {"kind": names.MODEL_DEPLOYMENT, "name": "churn"}
    unknown = {"kind": names.MODEL_DEPLOYMENT, "name": "nobody"}
    async with stage.machine(Planner()):
        stage.put(decision("stop", "Abort", target=known) | spec_of("Abort", known))
        stage.put(decision("lost", "Abort", target=unknown) | spec_of("Abort", unknown))
        assert await until(answer_of(stage, "stop")) == "Accepted"
        assert await until(answer_of(stage, "lost")) == "TargetNotFound"
        assert await silence(stage) == []
    assert stage.cluster.writes.count("apply Decision status") == 2


def spec_of(action: str, target: dict[str, str]) -> dict[str, Any]:
    """Return the spec of a Decision by the sandbox's administrator, who may decide all."""
    return {"spec": {"action": action, "target": target, "by": "admin", "attempt": "one-a1"}}


async def test_repeated_events_are_one(stage: MachineStage) -> None:
    """Three generations have three; the same words again would be the same."""
    async with stage.machine(Planner()):
        for model in ("one", "two", "three"):
            stage.model(model=model)
            await until(is_ready(stage))
    notes = sorted(each["note"] for each in stage.live(kinds.EVENT))
    assert notes == [f"generation {number} is served" for number in (1, 2, 3)]
    async with stage.machine(Planner()):
        await silence(stage)
    assert len(stage.live(kinds.EVENT)) == 3
