"""The simulated world keeps what plans ask for and lets controllers act."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from perennial_operator.api import documents, names
from perennial_operator.api.decision import ABORT
from perennial_operator.api.routing_intent import Arm, RoutingIntent
from perennial_operator.plan.actions import Answer, Apply, Create, Delete, Event, Plan
from perennial_operator.plan.snapshot import Failure, Key, ModelSnapshot, Reading
from perennial_operator.testing import (
    NOON,
    FakeCluster,
    JobResult,
    PodBehavior,
    decision,
    model_deployment,
    retrain_job,
)

REVISION = "churn-0123456789"


def child(kind: str, name: str, *, of: str = "uid-100", **fields: object) -> dict[str, Any]:
    """Return a child of the first root."""
    versions = {"Deployment": "apps/v1", "Job": "batch/v1", "ConfigMap": "v1"}
    labels = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_ROOT_KIND: names.MODEL_DEPLOYMENT,
        names.LABEL_ROOT_NAME: "churn",
        names.LABEL_ROOT_UID: of,
        names.LABEL_REVISION: REVISION,
    }
    return {
        "apiVersion": versions[kind],
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": labels,
            "ownerReferences": [{"uid": of}],
        },
        **fields,
    }


def workload(kind: str, name: str, **spec: object) -> dict[str, Any]:
    """Return a child with a Pod template."""
    labels = child(kind, name)["metadata"]["labels"]
    pod = {"initContainers": [{"name": "fetch"}], "containers": [{"name": "predictor"}]}
    return child(
        kind, name, spec={**spec, "template": {"metadata": {"labels": labels}, "spec": pod}}
    )


def routing(*, epoch: int = 1) -> dict[str, Any]:
    """Return the routing intent that sends everything to the one revision."""
    intent = RoutingIntent("churn", "uid-100", epoch, (Arm("stable", REVISION, 10_000),))
    document = child("ConfigMap", names.routing_intent_name("churn"))
    document["metadata"]["labels"][names.LABEL_ROUTING] = "true"
    return document | {"data": {names.ROUTING_KEY: json.dumps(documents.dump(intent))}}


def applied(*objects: dict[str, Any]) -> Plan:
    """Return a plan that applies these."""
    return Plan(actions=(tuple(Apply(each) for each in objects),))


@pytest.fixture
def world() -> FakeCluster:
    """Return a world with one ModelDeployment."""
    return FakeCluster(model_deployment())


def test_a_root_is_seen_with_its_spec_and_identity(world: FakeCluster) -> None:
    """What was put in comes out typed."""
    seen: ModelSnapshot = world.snapshot()
    assert seen.key == Key("md", "default", "churn")
    assert (seen.meta.uid, seen.meta.generation, seen.meta.created_at) == ("uid-100", 1, NOON)
    assert seen.spec.model.uri == "s3://models/one"
    assert not seen.status_is_lost


def test_an_edit_raises_the_generation_and_keeps_the_status(world: FakeCluster) -> None:
    """A user's edit is a new generation; the operator's status stays."""
    world.carry_out(Plan(status={"observedGeneration": 1}))
    world.put(model_deployment(model="two"))
    seen = world.snapshot()
    assert (seen.meta.generation, seen.status.observed_generation) == (2, 1)


def test_the_same_plan_twice_writes_once(world: FakeCluster) -> None:
    """Equal applies change nothing and count no write."""
    plan = Plan(status={"observedGeneration": 1}, actions=applied(routing()).actions)
    world.carry_out(plan)
    first = world.writes
    world.carry_out(plan)
    assert (first, world.writes) == (2, 2)


def test_a_deployment_gets_ready_pods_after_a_while(world: FakeCluster) -> None:
    """Pods are made at once and become ready later; the Deployment says so."""
    world.carry_out(applied(workload("Deployment", REVISION, replicas=2)))
    world.advance(1)
    assert [pod.is_ready for pod in world.snapshot().pods] == [False, False]
    world.advance(1)
    seen = world.snapshot()
    assert [(pod.is_ready, pod.ready_since) for pod in seen.pods] == [(True, world.now)] * 2
    (deployment,) = seen.children
    assert deployment.document["status"]["availableReplicas"] == 2


def test_another_template_replaces_the_pods(world: FakeCluster) -> None:
    """A changed template means other Pods; fewer replicas mean fewer."""
    world.carry_out(applied(workload("Deployment", REVISION, replicas=2)))
    world.advance(1)
    before = world.named("Pod")
    edited = workload("Deployment", REVISION, replicas=1)
    edited["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    world.carry_out(applied(edited))
    world.advance(1)
    assert len(world.named("Pod")) == 1
    assert not set(world.named("Pod")) & set(before)


@pytest.mark.parametrize(
    ("behavior", "shown"),
    [
        (PodBehavior(), ("predictor", None, 0)),
        (PodBehavior(exit_code=1, message="no"), ("predictor", 1, 5)),
        (PodBehavior(container="fetch", exit_code=65, message="no"), ("fetch", 65, 5)),
    ],
)
def test_pods_behave_as_the_test_says(
    world: FakeCluster, behavior: PodBehavior, shown: tuple[str, int | None, int]
) -> None:
    """Pods that never become ready, crash, or cannot fetch."""
    world.simulation.pods[REVISION] = behavior
    world.carry_out(applied(workload("Deployment", REVISION)))
    world.advance(5)
    (pod,) = world.snapshot().pods
    (seen,) = pod.containers
    assert not pod.is_ready
    assert (seen.name, seen.exit_code, seen.restarts) == shown


def test_a_job_runs_until_it_has_a_result(world: FakeCluster) -> None:
    """Without a result it runs; with one its Pod carries the termination message."""
    world.carry_out(Plan(actions=((Create(workload("Job", "churn-resolve-1")),),)))
    world.advance(1)
    (running,) = world.snapshot().pods
    world.simulation.jobs["churn-resolve-1"] = JobResult({"digest": "x"})
    world.advance(1)
    (ended,) = world.snapshot().pods
    assert (running.phase, ended.phase) == ("Pending", "Succeeded")
    assert json.loads(ended.containers[0].message) == {"digest": "x"}
    world.simulation.jobs["churn-resolve-1"] = JobResult(exit_code=1)
    world.advance(1)
    job = world.document("Job", "churn-resolve-1")
    assert job
    assert job["status"]["conditions"][-1]["type"] == "Complete"


def test_a_failed_job_says_so(world: FakeCluster) -> None:
    """A bad exit code fails the Job."""
    world.carry_out(Plan(actions=((Create(workload("Job", "churn-resolve-1")),),)))
    world.simulation.jobs["churn-resolve-1"] = JobResult("text", exit_code=137, reason="OOMKilled")
    world.advance(1)
    (pod,) = world.snapshot().pods
    assert (pod.phase, pod.containers[0].reason, pod.containers[0].message) == (
        "Failed",
        "OOMKilled",
        "text",
    )


def test_routers_take_over_intents_and_count(world: FakeCluster) -> None:
    """A new epoch is acknowledged at the next look, traffic follows its weights."""
    world.carry_out(applied(routing(), workload("Deployment", REVISION)))
    world.advance(1)
    world.advance(1)
    world.simulation.requests_per_second["churn"] = 20
    world.simulation.errors[REVISION] = 0.25
    world.advance(10)
    reading = world.snapshot().traffic
    assert isinstance(reading, Reading)
    (state,) = reading.value.states
    assert (state.models["churn"].epoch, state.models["churn"].acknowledged) == (1, True)
    assert state.models["churn"].endpoints == {REVISION: 1}
    totals = reading.value.revisions[REVISION].totals
    assert (totals.first, totals.status_5xx) == (200, 50)


def test_routers_can_lag_behind(world: FakeCluster) -> None:
    """While they do not acknowledge, the old epoch stays in force."""
    world.carry_out(applied(routing()))
    world.advance(1)
    world.simulation.acknowledge = False
    world.carry_out(applied(routing(epoch=2)))
    world.advance(1)
    (state,) = world.snapshot().traffic.value.states
    assert state.models["churn"].epoch == 1


def test_planned_routers_answer_once_they_are_ready(world: FakeCluster) -> None:
    """Their Pods count, not the knob, as soon as their Deployment is there."""
    world.simulation.routers = 1
    world.carry_out(applied(workload("Deployment", names.ROUTER, replicas=2)))
    world.advance(1)
    assert world.snapshot().traffic.value.expected == 0
    world.advance(1)
    assert world.snapshot().traffic.value.expected == 2


def test_quiet_revisions_are_known(world: FakeCluster) -> None:
    """Without requests a revision is quiet since the last one was seen."""
    world.carry_out(applied(routing(), workload("Deployment", REVISION)))
    world.simulation.requests_per_second["churn"] = 10
    for _ in range(4):
        world.advance(1)
    assert world.snapshot().traffic.value.revisions[REVISION].quiet_since is None
    stopped = world.now
    world.simulation.requests_per_second["churn"] = 0
    world.advance(1)
    world.advance(30)
    assert world.snapshot().traffic.value.revisions[REVISION].quiet_since == stopped


def test_deleting_takes_what_it_owns(world: FakeCluster) -> None:
    """A deleted Deployment leaves no Pods; a wrong uid deletes nothing."""
    world.carry_out(applied(workload("Deployment", REVISION)))
    world.advance(1)
    (live,) = world.snapshot().children
    wrong = Delete("Deployment", REVISION, uid="other", resource_version="1")
    world.carry_out(Plan(actions=((wrong,),)))
    assert world.named("Deployment") == (REVISION,)
    right = Delete("Deployment", REVISION, uid=live.uid, resource_version="1")
    world.carry_out(Plan(actions=((right,),)))
    assert (world.named("Deployment"), world.named("Pod")) == ((), ())


def test_applying_to_what_is_gone_is_a_bug_of_the_plan(world: FakeCluster) -> None:
    """A uid in an apply must be that of a live object."""
    with pytest.raises(AssertionError, match="not there"):
        world.carry_out(Plan(actions=((Apply(routing(), uid="other"),),)))


def test_a_decision_is_answered_once(world: FakeCluster) -> None:
    """An answered Decision is no longer among those that wait."""
    world.put(decision("stop", ABORT, target={"kind": "ModelDeployment", "name": "churn"}))
    (waiting,) = world.snapshot().decisions
    answer = Answer("stop", waiting.uid, waiting.resource_version, answer="Accepted", message="")
    world.carry_out(Plan(actions=((answer,),), events=(Event("Normal", "Aborted", "by a"),)))
    assert world.snapshot().decisions == ()
    assert world.events == [Event("Normal", "Aborted", "by a")]


def test_runs_and_models_see_each_other(world: FakeCluster) -> None:
    """A run sees its model and its siblings, the model its runs."""
    world.put(retrain_job())
    world.put(retrain_job("later"))
    key = Key("rj", "default", "again")
    seen = world.snapshot(key)
    assert seen.model.meta.name == "churn"
    assert [run.meta.name for run in seen.other_runs] == ["later"]
    assert [run.meta.name for run in world.snapshot().runs] == ["again", "later"]
    assert world.snapshot(Key("router", "default", "")).models == ("churn",)


def test_a_lost_status_is_noticed(world: FakeCluster) -> None:
    """History without status means that the status was lost."""
    revision = child("ConfigMap", REVISION) | {
        "kind": "ControllerRevision",
        "apiVersion": "apps/v1",
    }
    world.carry_out(applied(revision))
    assert world.snapshot().status_is_lost


def test_failures_reach_the_next_snapshot(world: FakeCluster) -> None:
    """A failure stays until it is taken back."""
    failure = Failure("Forbidden", "no", is_invalid=False)
    world.fail(failure)
    assert world.snapshot().last_failure == failure
    world.fail(None)
    assert world.snapshot().last_failure is None


def test_a_tick_decides_and_lets_time_pass(world: FakeCluster) -> None:
    """One tick is look, decide, carry out, advance."""

    def decide(seen: ModelSnapshot, now: datetime) -> Plan:
        assert now == NOON
        return Plan(status={"observedGeneration": seen.meta.generation})

    plan = world.tick(decide, seconds=5)
    assert world.status() == plan.status
    assert world.now == NOON + timedelta(seconds=5)
