"""The Job engine: what is written, and what each of its statuses means."""

from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api import documents, reasons
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.retrain_job import PinnedData
from perennial_operator.plan.manifests import run_objects
from perennial_operator.plan.manifests.engines import job, trainer_pod
from perennial_operator.plan.manifests.engines.attempt import (
    Attempt,
    EngineStatus,
    Phase,
    Reaction,
)
from perennial_operator.plan.manifests.step_inputs import Inputs
from perennial_operator.plan.snapshot import Child, ContainerFacts, Meta, PodFacts
from perennial_operator.testing import NOON, OPTIONS, retrain_job
from perennial_serving.contract.results import Outcome, Result

START = "2026-01-05T12:00:00Z"
END = "2026-01-05T12:30:00Z"
RUNNING = ContainerFacts("trainer", is_running=True)
REFUSED = ContainerFacts("trainer", exit_code=65, reason="Error", message="one class")
FAILED_MESSAGE = (
    "Container trainer for pod default/again-a1-x failed with exit code 75 matching FailJob rule "
    "at index 1"
)


def child(*conditions: dict[str, str], **status: Any) -> Child:  # noqa: ANN401  # JSON
    """Return the attempt's Job with these conditions."""
    document = {"status": {"startTime": START, "conditions": list(conditions), **status}}
    return Child("Job", "again-a1", "uid-1", "1", document)


def ending(type_: str, **fields: str) -> dict[str, str]:
    """Return a True condition."""
    return {"type": type_, "status": "True", "lastTransitionTime": END, **fields}


def pod(*containers: ContainerFacts, name: str = "again-a1-x", **fields: Any) -> PodFacts:  # noqa: ANN401  # of any type
    """Return a Pod of the Job."""
    labels = {run_objects.LABEL_JOB_NAME: "again-a1"}
    usual = {"phase": "Running", "created_at": NOON}
    return PodFacts(name, name, labels, containers=containers, **{**usual, **fields})


def test_the_job_of_an_attempt() -> None:
    """One Pod, our exit rule, the user's deadline, no time to live."""
    spec = documents.load(RetrainJobSpec, retrain_job(limits={"activeDeadline": "2h"})["spec"])
    attempt = Attempt(
        run=Meta("again", "default", "uid-1", 1, "1", NOON),
        n=1,
        inputs=Inputs(spec, "run-1", "classification"),
        data=PinnedData(uri="s3://rows"),
        features=(),
        seed=7,
        nominal_time=START,
        options=OPTIONS,
    )

    assert job.build(attempt) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": run_objects.metadata(
            attempt.run, "again-a1", component="trainer", step="train"
        ),
        "spec": {
            **run_objects.job_fields(trainer_pod.template(attempt), "trainer"),
            "activeDeadlineSeconds": 7_200,
        },
    }


@pytest.mark.parametrize("status", [None, {}])
def test_a_job_without_a_status_says_nothing(status: dict[str, Any] | None) -> None:
    """Its controller may be away; the attempt does not end by that."""
    silent = Child("Job", "again-a1", "uid-1", "1", {"status": status})

    assert job.classify(silent, ()) == EngineStatus(Phase.UNKNOWN)


def test_complete_is_success() -> None:
    """With the engine's own stamps."""
    found = job.classify(child(ending("Complete"), completionTime=END), ())

    assert found == EngineStatus(Phase.SUCCEEDED, started=START, ended=END)


@pytest.mark.parametrize(
    ("conditions", "status", "pods"),
    [
        ((ending("SuccessCriteriaMet"),), {}, ()),
        ((ending("FailureTarget"),), {}, ()),
        ((ending("Failed"),), {"terminating": 1}, ()),
        ((), {"active": 1}, (pod(RUNNING),)),
        ((), {"active": 1}, (pod(REFUSED, phase="Failed"),)),
        (({**ending("Complete"), "status": "False"},), {}, (pod(RUNNING),)),
    ],
)
def test_a_job_that_is_not_over_is_running(
    conditions: tuple[dict[str, str], ...], status: dict[str, Any], pods: tuple[PodFacts, ...]
) -> None:
    """Also while it is ending: no attempt begins beside its Pods."""
    assert job.classify(child(*conditions, **status), pods).phase is Phase.RUNNING


@pytest.mark.parametrize(
    ("pods", "reason", "message"),
    [
        ((), "NoPod", "its Pod does not exist yet"),
        ((pod(phase="Pending", unschedulable="no room"),), "Unschedulable", "no room"),
        (
            (
                pod(
                    ContainerFacts("trainer", waiting_reason="ImagePullBackOff", message="denied"),
                    phase="Pending",
                ),
            ),
            "ImagePullBackOff",
            "container trainer: denied",
        ),
        (
            (pod(ContainerFacts("fetch", waiting_reason="PodInitializing"), phase="Pending"),),
            "PodInitializing",
            "container fetch",
        ),
        (
            (pod(ContainerFacts("fetch", is_init=True, is_running=True), phase="Pending"),),
            "Pending",
            "its Pod again-a1-x is starting",
        ),
        ((pod(RUNNING, is_disrupted=True),), "Running", "its Pod again-a1-x is starting"),
    ],
)
def test_a_waiting_job_says_why(pods: tuple[PodFacts, ...], reason: str, message: str) -> None:
    """Nothing of the trainer ran yet, or what ran is being replaced."""
    found = job.classify(child(active=1), pods)

    assert (found.phase, found.reason, found.message) == (Phase.WAITING, reason, message)


@pytest.mark.parametrize(
    ("condition", "pods", "expected"),
    [
        (
            ending("Failed", reason="PodFailurePolicy"),
            (pod(REFUSED, phase="Failed"),),
            (reasons.TRAINER_REFUSED, Reaction.NEVER, 65, "one class"),
        ),
        (
            ending("Failed", reason="DeadlineExceeded"),
            (pod(REFUSED, phase="Failed"),),
            (
                reasons.DEADLINE_EXCEEDED,
                Reaction.AT_ONCE,
                None,
                "it ran longer than spec.limits.activeDeadline",
            ),
        ),
        (
            ending("Failed", reason="PodFailurePolicy", message=FAILED_MESSAGE),
            (),
            (reasons.TRY_LATER, Reaction.LATER, 75, FAILED_MESSAGE),
        ),
        (
            ending("Failed", reason="BackoffLimitExceeded", message="limit"),
            (pod(RUNNING, is_disrupted=True),),
            (reasons.DISRUPTED, Reaction.FREE, None, "limit"),
        ),
        (
            ending("Failed", reason="BackoffLimitExceeded"),
            (
                pod(
                    ContainerFacts(
                        "fetch",
                        is_init=True,
                        exit_code=69,
                        message=Result(
                            Outcome.UNAVAILABLE, "SourceUnavailable", "no answer"
                        ).encode(),
                    ),
                    ContainerFacts("trainer", waiting_reason="PodInitializing"),
                    phase="Failed",
                ),
            ),
            (reasons.TRY_LATER, Reaction.LATER, 69, "SourceUnavailable: no answer"),
        ),
        (
            ending("Failed", reason="BackoffLimitExceeded", message="gone"),
            (pod(ContainerFacts("trainer", exit_code=0), phase="Failed"),),
            (reasons.TRAINER_FAILED, Reaction.AT_ONCE, None, "gone"),
        ),
        (
            ending("Failed", reason="PodFailurePolicy"),
            (pod(ContainerFacts("trainer", exit_code=137, reason="OOMKilled"), phase="Failed"),),
            (reasons.OOM_KILLED, Reaction.AT_ONCE, 137, ""),
        ),
    ],
)
def test_a_failed_job_says_how(
    condition: dict[str, str], pods: tuple[PodFacts, ...], expected: tuple[object, ...]
) -> None:
    """The Pod explains; when it is gone, the Job's condition does."""
    found = job.classify(child(condition), pods)

    assert found.phase is Phase.FAILED
    assert (found.reason, found.reaction, found.exit_code, found.message) == expected
    assert (found.started, found.ended) == (START, END)


def test_the_newest_pod_explains() -> None:
    """An older one was replaced."""
    old = pod(RUNNING, name="old", is_disrupted=True)
    new = pod(REFUSED, name="new", phase="Failed", created_at=NOON.replace(hour=13))

    found = job.classify(child(ending("Failed", reason="PodFailurePolicy")), (new, old))

    assert found.reason == reasons.TRAINER_REFUSED


def test_pods_of_others_explain_nothing() -> None:
    """The label of the Job controller tells them apart."""
    other = replace(pod(RUNNING), labels={run_objects.LABEL_JOB_NAME: "again-a2"})

    assert job.pods_of("again-a1", (other, pod(RUNNING, name="mine"))) == (
        pod(RUNNING, name="mine"),
    )
