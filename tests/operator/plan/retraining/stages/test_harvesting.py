"""What an attempt left is verified, published, and handed to the gate or to people."""

import json
from typing import Any

import pytest

from perennial_operator.api import reasons
from perennial_operator.plan.retraining import run
from perennial_operator.testing import FakeCluster, JobResult, runs
from perennial_serving.contract.results import Outcome, Reason, Result


def harvesting(result: JobResult, **spec: Any) -> FakeCluster:  # noqa: ANN401  # JSON
    """Return a world whose harvest step ended so, after the run saw it."""
    cluster = runs.world(**spec)
    runs.succeed(cluster, harvest=result)
    runs.until(cluster, "Harvesting")
    cluster.tick(run.decide)
    cluster.tick(run.decide)
    return cluster


def test_a_candidate_is_named_by_its_digest() -> None:
    """Only now is the run trained."""
    cluster = harvesting(runs.harvest_answer(note="not equivalent: served natively"))
    status = cluster.status()

    assert status["state"] == "Validating"
    assert status["candidate"] == {
        "attempt": 1,
        "digest": runs.CANDIDATE,
        "uri": f"s3://output/churn/models/sha256/{runs.CANDIDATE[7:]}",
        "format": "onnx",
        "sizeBytes": 1_234,
    }
    assert runs.told(status)["Trained"] == ("True", reasons.HARVESTED)
    assert status["conditions"][1]["message"].endswith("(onnx); not equivalent: served natively")
    assert cluster.events[-1].reason == reasons.CANDIDATE_READY


@pytest.mark.parametrize("reason", [Reason.RESULT_MISSING, Reason.RESULT_CORRUPT])
def test_a_bad_result_spends_the_attempt(reason: Reason) -> None:
    """The trainer runs again, with the next prefix."""
    cluster = harvesting(runs.refusal(Outcome.INVALID, reason))
    status = cluster.status()

    assert (status["state"], status["attempts"][0]["reason"]) == ("Queued", reason)
    assert status["intent"]["name"] == "again-a2"


def test_bad_results_of_all_attempts_end_the_run() -> None:
    """The reason tells what was wrong with the last one."""
    bad = runs.refusal(Outcome.INVALID, Reason.RESULT_MISSING)

    status = harvesting(bad, limits={"attempts": 1}).status()

    assert (status["state"], status["outcome"]) == ("Finished", "Failed")
    assert runs.told(status)["Failed"] == ("True", reasons.RESULT_MISSING)


@pytest.mark.parametrize("reason", [Reason.FORMAT_REFUSED, Reason.NOT_EQUIVALENT])
def test_a_model_that_cannot_be_served_ends_the_run(reason: Reason) -> None:
    """Another attempt would give the same."""
    status = harvesting(runs.refusal(Outcome.INVALID, reason)).status()

    assert (status["state"], runs.told(status)["Trained"]) == ("Finished", ("False", reason))


def test_an_answer_without_a_candidate_is_no_answer() -> None:
    """The step runs again."""
    status = harvesting(runs.answer(Result(Outcome.OK, Reason.OK))).status()

    assert (status["state"], status["tries"]["harvest"]) == ("Harvesting", 2)


def test_without_a_gate_people_are_asked_about_the_candidate() -> None:
    """They name its digest as the evidence."""
    cluster = harvesting(
        runs.harvest_answer(),
        validation={"mode": "None"},
        approval={"required": True, "minApprovals": 2},
    )
    status = cluster.status()

    assert status["state"] == "AwaitingApproval"
    assert status["validation"]["verdict"] == "NotRun"
    assert status["validation"]["evidenceDigest"] == runs.CANDIDATE
    assert status["approval"]["needed"] == 2
    told = runs.told(status)
    assert told["Validated"] == ("Unknown", reasons.NOT_RUN)
    assert told["Approved"] == ("Unknown", reasons.WAITING)
    assert [each.reason for each in cluster.events][-2:] == ["CandidateReady", "ApprovalNeeded"]


def test_the_step_gets_what_the_artifact_remembers() -> None:
    """Attempt, data and seed go into its run.json."""
    cluster = harvesting(JobResult("", exit_code=1), seed=3, parameters={"depth": "4"})

    pod = (cluster.document("Job", "again-harvest-1") or {})["spec"]["template"]["spec"]
    environment = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    document = json.loads(environment["PERENNIAL_STEP"])
    assert (document["attempt"], document["task"]) == (1, "classification")
    assert document["run"]["seed"] == 3
    assert document["run"]["parameters"] == {"depth": "4"}
    assert document["run"]["data"]["trainRows"] == 8_000
