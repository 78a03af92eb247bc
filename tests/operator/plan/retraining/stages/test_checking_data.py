"""The rows are pinned and judged before compute is spent."""

import json
from typing import Any

import pytest

from perennial_operator.api import reasons
from perennial_operator.plan.retraining import run
from perennial_operator.testing import FakeCluster, JobResult, builders, runs
from perennial_serving.contract.results import Outcome, Reason, Result


def ended(result: JobResult, **spec: Any) -> FakeCluster:  # noqa: ANN401  # JSON
    """Return a world whose check step ended so, after the run saw it."""
    cluster = runs.world(**spec)
    cluster.simulation.jobs["again-check-1"] = result
    runs.until(cluster, "CheckingData")
    cluster.tick(run.decide)
    cluster.tick(run.decide)
    return cluster


def test_good_data_is_pinned() -> None:
    """Source, digests, counts and features are in status; the trainer may begin."""
    status = ended(runs.check_answer(unlabeled=3, untimed=2)).status()

    assert status["state"] == "Queued"
    assert status["data"] == {
        "uri": "s3://rows/all.parquet",
        "version": "v1",
        "digest": builders.digest("rows"),
        "digestKind": "Content",
        "trainRows": 8_000,
        "trainDigest": builders.digest("train"),
        "holdoutRows": 2_000,
        "holdoutDigest": builders.digest("holdout"),
        "schemaHash": "abc",
    }
    assert status["features"] == ["age", "plan"]
    assert status["quality"] == {"verdict": "Pass"}
    assert status["inputsDigest"].startswith("sha256:")
    assert runs.told(status)["DataReady"] == ("True", reasons.RESOLVED)
    assert status["conditions"][0]["message"] == (
        "8000 rows to train on, 2000 held out; dropped: 3 without label, 2 without time"
    )


def test_warnings_stand_in_the_condition() -> None:
    """A person reads there why approval is needed."""
    status = ended(runs.check_answer(extra=("city",))).status()

    assert status["quality"] == {"verdict": "Warn", "warned": ["schema"]}
    assert runs.told(status)["DataReady"] == ("True", reasons.RESOLVED_WITH_WARNINGS)
    assert "city" in status["conditions"][0]["message"]


def test_bad_data_fails_the_run_before_training() -> None:
    """Numbers, next step, an Event, and no trainer."""
    cluster = ended(runs.check_answer(train_rows=10))
    status = cluster.status()

    assert (status["state"], status["outcome"]) == ("Finished", "Failed")
    told = runs.told(status)
    assert told["DataReady"] == ("False", reasons.QUALITY_FAILED)
    assert told["Failed"] == told["Stalled"] == ("True", reasons.QUALITY_FAILED)
    assert "10 train rows, quality.minRows is 1000" in status["conditions"][0]["message"]
    assert "then run again" in status["conditions"][0]["message"]
    assert [each.reason for each in cluster.events][1:] == ["DataRejected", "RunEnded"]
    assert cluster.named("Job") == ("again-check-1",)


@pytest.mark.parametrize(
    "reason", [Reason.SOURCE_MISSING, Reason.READER_MISSING, Reason.COLUMN_MISSING]
)
def test_what_only_a_person_can_repair_fails_a_manual_run(reason: Reason) -> None:
    """The step's reason and sentence are the run's."""
    status = ended(runs.refusal(Outcome.INVALID, reason)).status()

    assert status["outcome"] == "Failed"
    assert runs.told(status)["Failed"] == ("True", reason)


def test_a_retried_run_waits_for_missing_data() -> None:
    """It looks again every fifteen minutes, by another try of the step."""
    cluster = ended(
        runs.refusal(Outcome.INVALID, Reason.SOURCE_MISSING),
        trigger={"type": "Retry", "id": "again/1"},
    )
    status = cluster.status()

    assert status["state"] == "CheckingData"
    assert runs.told(status)["DataReady"] == ("False", reasons.SOURCE_MISSING)
    assert status["intent"]["name"] == "again-check-2"
    assert status["intent"]["time"] == "2026-01-05T12:15:02Z"
    cluster.advance(900)
    cluster.tick(run.decide)
    assert cluster.named("Job") == ("again-check-1", "again-check-2")


@pytest.mark.parametrize("payload", [{}, {"columns": [], "features": []}])
def test_an_answer_without_counts_is_no_answer(payload: dict[str, Any]) -> None:
    """The step runs again."""
    status = ended(runs.answer(Result(Outcome.OK, Reason.OK, payload=payload))).status()

    assert (status["state"], status["tries"]["check"]) == ("CheckingData", 2)
    assert status["intent"]["lost"] == 1


def test_a_model_that_vanished_is_waited_for() -> None:
    """The run is Stalled until it is back."""
    cluster = runs.world()
    runs.until(cluster, "CheckingData")
    cluster.remove("ModelDeployment", "churn")

    cluster.tick(run.decide)

    assert runs.told(cluster.status())["Stalled"] == ("True", reasons.REF_NOT_FOUND)
    assert cluster.named("Job") == ()


def test_a_revision_that_was_not_seen_yet_is_waited_for() -> None:
    """The step compares with the champion, so it does not begin without knowing it."""
    cluster = runs.world()
    runs.until(cluster, "CheckingData")
    cluster.remove("ControllerRevision", "churn-one")

    plan = cluster.tick(run.decide)

    assert (plan.actions, plan.look_again_seconds) == ((), 5.0)


def test_the_step_gets_what_it_needs_and_no_more() -> None:
    """Its input names source, split and champion; its folders open data, output and champion."""
    cluster = runs.world(
        data={
            "source": {"uri": "s3://rows/all.parquet"},
            "columns": {"label": "target"},
            "credentialsSecretRef": {"name": "rows"},
        },
        output={"uri": "s3://output/churn", "credentialsSecretRef": {"name": "output"}},
    )
    served = runs.revision(cluster, "one")
    served["data"]["projection"]["model"]["credentials"] = "models"
    cluster.put(served)
    runs.until(cluster, "CheckingData")
    cluster.tick(run.decide)

    pod = (cluster.document("Job", "again-check-1") or {})["spec"]["template"]["spec"]
    environment = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    document = json.loads(environment["PERENNIAL_STEP"])
    assert document["championDigest"] == runs.CHAMPION
    assert document["modelUid"] == cluster.snapshot(runs.MODEL_KEY).meta.uid
    sources = pod["volumes"][1]["projected"]["sources"]
    assert [each["secret"]["name"] for each in sources] == ["rows", "models", "output"]
