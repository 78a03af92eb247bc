"""A step Job is made once a try, and its answer is waited for, repeated or given up."""

from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api import reasons
from perennial_operator.plan.retraining import run
from perennial_operator.plan.retraining.stages import step_jobs
from perennial_operator.plan.snapshot import Child, ContainerFacts, PodFacts
from perennial_operator.testing import FakeCluster, JobResult, runs
from perennial_serving.contract.results import Outcome, Reason, Result

GOOD = Result(Outcome.OK, Reason.OK, step="check")
POD = PodFacts(
    "again-check-1-x",
    "uid-9",
    {"batch.kubernetes.io/job-name": "again-check-1"},
    "Succeeded",
    containers=(ContainerFacts("step", exit_code=0, message=GOOD.encode()),),
)


def checking() -> FakeCluster:
    """Return a world whose check step was intended and made."""
    cluster = runs.world()
    runs.until(cluster, "CheckingData")
    cluster.tick(run.decide)
    return cluster


def job(*conditions: dict[str, str]) -> Child:
    """Return a step's Job with these conditions."""
    return Child("Job", "again-check-1", "uid-1", "1", {"status": {"conditions": list(conditions)}})


def ending(type_: str, **fields: str) -> dict[str, str]:
    """Return a True condition of a Job."""
    return {"type": type_, "status": "True", **fields}


def test_the_intent_is_in_status_with_the_creation() -> None:
    """Name, try and time are written before the Job is sent."""
    cluster = checking()

    assert cluster.status()["intent"] == {
        "step": "check",
        "n": 1,
        "name": "again-check-1",
        "time": "2026-01-05T12:00:01Z",
        "lost": 0,
        "unavailable": 0,
    }
    assert cluster.named("Job") == ("again-check-1",)


def test_an_intended_job_that_is_absent_is_made_without_another_write() -> None:
    """A crash between status and creation is repaired by the status alone."""
    cluster = checking()
    cluster.remove("Job", "again-check-1")

    plan = cluster.tick(run.decide)

    assert plan.status is None
    assert cluster.named("Job") == ("again-check-1",)


def test_a_running_job_is_left_alone() -> None:
    """Nothing is written while it works."""
    cluster = checking()

    assert cluster.tick(run.decide).is_empty


@pytest.mark.parametrize(
    "result",
    [
        JobResult("no JSON", exit_code=1),
        JobResult("", exit_code=137, reason="OOMKilled"),
        runs.refusal(Outcome.BUG, Reason.INTERNAL),
    ],
)
def test_a_step_without_an_answer_runs_again_at_once(result: JobResult) -> None:
    """With the next number in its name."""
    cluster = checking()
    cluster.simulation.jobs |= {"again-check-1": result, "again-check-2": runs.check_answer()}
    cluster.advance(1)

    cluster.tick(run.decide)

    assert cluster.named("Job") == ("again-check-1", "again-check-2")
    assert runs.until(cluster, "Queued")["tries"]["check"] == 2


def test_three_lost_tries_fail_the_run() -> None:
    """The message holds the last exit code and words."""
    cluster = checking()
    lost = JobResult("out of luck", exit_code=137, reason="OOMKilled")
    cluster.simulation.jobs |= {f"again-check-{n}": lost for n in (1, 2, 3)}

    status = runs.until(cluster, "Finished")

    assert (status["outcome"], status["tries"]["check"]) == ("Failed", 3)
    told = runs.told(status)
    assert told["DataReady"] == ("False", reasons.STEP_FAILED)
    assert told["Failed"] == ("True", reasons.STEP_FAILED)
    assert status["conditions"][0]["message"] == (
        "step check ended 3 times without an answer; last: exit code 137 OOMKilled out of luck"
    )


def test_outages_are_tried_again_with_growing_pauses() -> None:
    """Thirty seconds, a minute, and so on; they count as no lost try."""
    cluster = checking()
    down = runs.refusal(Outcome.UNAVAILABLE, Reason.SOURCE_UNAVAILABLE, "no answer")
    cluster.simulation.jobs |= {f"again-check-{n}": down for n in range(1, 9)}
    cluster.advance(1)
    pauses = []
    for n in range(2, 9):
        plan = cluster.tick(run.decide)
        intent = cluster.status()["intent"]
        assert (intent["n"], intent["lost"], intent["unavailable"]) == (n, 0, n - 1)
        assert cluster.tick(run.decide).is_empty
        pauses.append(plan.look_again_seconds)
        cluster.advance(900)
        cluster.tick(run.decide)

    assert pauses == [30, 60, 120, 240, 480, 900, 900]
    assert runs.told(cluster.status())["DataReady"] == ("False", reasons.SOURCE_UNAVAILABLE)


def test_an_outage_keeps_the_count_of_lost_tries() -> None:
    """A crash before and one after make two; the outages in a row begin anew."""
    cluster = checking()
    lost, down = JobResult("", exit_code=1), runs.refusal(Outcome.UNAVAILABLE, "SourceUnavailable")
    cluster.simulation.jobs |= {"again-check-1": lost, "again-check-2": down, "again-check-3": lost}
    for _ in range(4):
        cluster.advance(60)
        cluster.tick(run.decide)

    intent = cluster.status()["intent"]
    assert (intent["lost"], intent["unavailable"]) == (2, 0)


def test_the_answer_is_the_pod_s_message() -> None:
    """It counts when the Job ended."""
    assert step_jobs.heard(job(ending("Complete")), (POD,)) == GOOD
    assert step_jobs.heard(job(), (POD,)) is None
    assert step_jobs.heard(Child("Job", "again-check-1", "u", "1", {}), (POD,)) is None


def test_a_pod_that_lags_behind_its_job_is_waited_for() -> None:
    """The store may see the Job's end first; a Pod that is being deleted says nothing more."""
    late = replace(POD, phase="Running", containers=())

    assert step_jobs.heard(job(ending("Complete")), (late,)) is None
    gone = step_jobs.heard(job(ending("Complete")), (replace(late, is_deleting=True),))
    assert gone == step_jobs.Lost("")


@pytest.mark.parametrize(
    ("pods", "failed", "message"),
    [
        ((), {"message": "Job was active longer than its deadline"}, "Job was active longer"),
        ((), {}, ""),
        ((replace(POD, containers=(ContainerFacts("step"),)),), {}, ""),
        (
            (replace(POD, containers=(ContainerFacts("step", exit_code=1, reason="Error"),)),),
            {},
            "exit code 1 Error",
        ),
    ],
)
def test_a_lost_try_says_what_is_known(
    pods: tuple[PodFacts, ...], failed: dict[str, str], message: str
) -> None:
    """The exit code first, else the Job's own words, else nothing."""
    found = step_jobs.heard(job(ending("Failed", **failed)), pods)

    assert isinstance(found, step_jobs.Lost)
    assert found.message.startswith(message)


@pytest.mark.parametrize(
    ("output", "folders"),
    [
        ({"uri": "s3://output/churn"}, {}),
        (
            {"uri": "s3://output/churn", "credentialsSecretRef": {"name": "keys"}},
            {"output": ("keys", "s3://output/churn")},
        ),
    ],
)
def test_output_credentials_are_the_run_s(output: dict[str, Any], folders: dict[str, Any]) -> None:
    """Without a Secret there is no folder."""
    assert step_jobs.output_credentials(runs.world(output=output).snapshot()) == folders
