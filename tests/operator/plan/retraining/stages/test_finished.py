"""A finished run cleans up, and runs again only when a person says so."""

from typing import Any

import pytest

from perennial_operator.api import names, reasons
from perennial_operator.plan.actions import Answer
from perennial_operator.plan.retraining import run
from perennial_operator.testing import FakeCluster, runs


def finished(**spec: Any) -> FakeCluster:  # noqa: ANN401  # JSON
    """Return a world whose run was refused."""
    cluster = runs.world(**spec)
    failing = runs.metric(p_pass=0.99, p_fail=0.001)
    runs.succeed(cluster, validate=runs.compare_answer(failing))
    runs.until(cluster, "Finished")
    return cluster


def retry(cluster: FakeCluster, name: str, **spec: Any) -> None:  # noqa: ANN401  # JSON
    """Ask for the run again."""
    runs.decide_on(cluster, name, "Retry", attempt="", evidenceDigest="", **spec)


def retries(cluster: FakeCluster) -> list[str]:
    """Return the runs that a Retry made."""
    return [name for name in cluster.named(names.RETRAIN_JOB) if name != "again"]


def test_a_finished_run_changes_nothing() -> None:
    """It looks again when its objects are to be removed."""
    cluster = finished()

    plan = cluster.tick(run.decide)

    assert plan.is_empty
    assert plan.look_again_seconds == 3_599.0


def test_objects_are_removed_an_hour_later() -> None:
    """People can read logs until then; afterwards nothing is left to do."""
    cluster = finished()
    cluster.advance(3_600)

    cluster.tick(run.decide)

    assert (cluster.named("Job"), cluster.named("ConfigMap")) == ((), ())
    plan = cluster.tick(run.decide)
    assert (plan.is_empty, plan.look_again_seconds) == (True, None)


def test_a_job_that_still_runs_is_removed_at_once() -> None:
    """An aborted run spends no more compute."""
    cluster = runs.world()
    runs.succeed(cluster)
    del cluster.simulation.jobs["again-a1"]
    runs.until(cluster, "Queued")
    cluster.tick(run.decide)
    runs.decide_on(cluster, "stop", "Abort")
    runs.until(cluster, "Finished")

    cluster.tick(run.decide)

    assert cluster.named("Job") == ("again-check-1",)
    assert cluster.named("ConfigMap") == ("again-in-1",)


def test_a_retry_makes_a_new_run() -> None:
    """With the spec as it was written, asked for by who decided, named by run and number."""
    cluster = finished(
        parameters={"depth": "3"},
        limits={"attempts": 2},
        validation={"metrics": [{"name": "roc_auc", "floor": "0.7"}]},
    )
    retry(cluster, "once-more")

    cluster.tick(run.decide)

    (name,) = retries(cluster)
    made = cluster.document(names.RETRAIN_JOB, name) or {}
    first = cluster.document(names.RETRAIN_JOB, "again") or {}
    assert made["spec"] == {
        **first["spec"],
        "requestedBy": "approver",
        "trigger": {"type": "Retry", "id": "again/1"},
    }
    assert made["metadata"]["labels"][names.LABEL_MANAGED_BY] == names.MANAGED_BY
    assert made["metadata"]["ownerReferences"][0]["kind"] == names.MODEL_DEPLOYMENT
    assert runs.answer_of(cluster, "once-more") == reasons.ACCEPTED


def test_each_retry_is_another_run() -> None:
    """One after the other; two at once are one."""
    cluster = finished()
    retry(cluster, "one")
    retry(cluster, "two")
    cluster.tick(run.decide)
    answers = [runs.answer_of(cluster, name) for name in ("one", "two")]
    assert sorted(answers) == [reasons.ACCEPTED, reasons.SUPERSEDED]

    retry(cluster, "three")
    cluster.tick(run.decide)

    assert len(retries(cluster)) == 2
    assert cluster.status()["retries"] == 2


def test_a_crash_before_the_new_run_is_repaired() -> None:
    """Status promised it: the next pass makes the same one, and answers."""
    cluster = finished()
    retry(cluster, "once-more")
    plan = run.decide(cluster.snapshot(), cluster.now)
    cluster.carry_out(type(plan)(status=plan.status))
    assert retries(cluster) == []

    second = cluster.tick(run.decide)

    assert second.status is None
    assert len(retries(cluster)) == 1
    assert runs.answer_of(cluster, "once-more") == reasons.ACCEPTED
    assert cluster.tick(run.decide).is_empty


@pytest.mark.parametrize("is_promised", [True, False])
def test_without_a_model_nothing_runs_again(*, is_promised: bool) -> None:
    """The Decision is answered all the same."""
    cluster = finished()
    retry(cluster, "once-more")
    if is_promised:
        plan = run.decide(cluster.snapshot(), cluster.now)
        cluster.carry_out(type(plan)(status=plan.status))
    cluster.remove("ModelDeployment", "churn")

    plan = cluster.tick(run.decide)

    assert [type(each) for group in plan.actions for each in group] == [Answer]
    expected = reasons.ACCEPTED if is_promised else reasons.TARGET_NOT_FOUND
    assert runs.answer_of(cluster, "once-more") == expected


@pytest.mark.parametrize("action", ["Approve", "Abort", "Reject"])
def test_other_decisions_come_too_late(action: str) -> None:
    """The outcome is set once."""
    cluster = finished()
    runs.decide_on(cluster, "late", action)

    cluster.tick(run.decide)

    assert runs.answer_of(cluster, "late") == reasons.STALE
    assert cluster.status()["outcome"] == "Rejected"
