"""An unpinned model is fetched by one Job, once, and what keeps it is named."""

import json
from dataclasses import replace

import pytest

from perennial_operator.plan import resolve
from perennial_operator.plan.resolve import Resolution
from perennial_operator.plan.rollout.pods import Trouble
from perennial_operator.plan.snapshot import ContainerFacts
from perennial_operator.testing import NOON, JobResult, Rollout
from perennial_operator.testing.builders import digest, model_deployment
from perennial_serving.contract.results import Outcome


def result(outcome: str, reason: str, *, found: str = "") -> dict[str, object]:
    """Return the termination message of `fetch`."""
    head = {"v": 1, "class": outcome, "reason": reason, "message": "words", "digest": found}
    return {**head, "bytes": 0, "seconds": 0.1, "step": "", "payload": {}}


def unpinned() -> Rollout:
    """Return a model without digest whose Job was created."""
    rollout = Rollout()
    document = model_deployment()
    document["spec"]["model"] = {"uri": "s3://models/one"}
    rollout.cluster.put(document)
    rollout.tick(2)
    return rollout


def asked(rollout: Rollout) -> Resolution:
    """Return what is known of the model."""
    return resolve.resolution(rollout.view().question, rollout.cluster.now)


def test_a_pinned_model_needs_no_job() -> None:
    """Its digest is known; the time is when it was first seen."""
    rollout = Rollout().serve()
    found = asked(rollout)
    assert (found.job, found.trouble) == ("", None)
    assert found.resolved == rollout.status.model


def test_a_running_job_is_waited_for() -> None:
    """One Job, no digest, no trouble."""
    rollout = unpinned()
    found = asked(rollout)
    assert rollout.cluster.named("Job") == (found.job,)
    assert (found.is_spent, found.resolved, found.trouble) == (False, None, None)


@pytest.mark.parametrize(
    ("outcome", "reason", "is_away"),
    [("Invalid", "NotFound", False), ("Unavailable", "SourceUnavailable", True)],
)
def test_what_fetch_says_is_the_trouble(outcome: str, reason: str, *, is_away: bool) -> None:
    """Its reason is the condition's."""
    rollout = unpinned()
    failed = JobResult(result(outcome, reason), exit_code=65)
    rollout.cluster.simulation.jobs[asked(rollout).job] = failed
    rollout.cluster.advance(1)

    found = asked(rollout)

    assert found.trouble is not None
    assert resolve.reason_of(found.trouble) == reason
    assert resolve.is_source_away(found.trouble) is is_away
    assert not found.is_spent


@pytest.mark.parametrize("message", ["", "no JSON", json.dumps(result("OK", "OK", found="x"))])
def test_a_job_that_ended_without_a_digest_is_made_again(message: str) -> None:
    """What cannot be read is not believed; another Job tries."""
    rollout = unpinned()
    job = asked(rollout).job
    rollout.cluster.simulation.jobs[job] = JobResult(message)
    rollout.cluster.advance(1)
    assert asked(rollout).is_spent
    del rollout.cluster.simulation.jobs[job]

    rollout.tick(2)

    assert not asked(rollout).is_spent
    assert rollout.cluster.named("Job") == (job,)


def test_a_pod_that_still_runs_is_not_spent() -> None:
    """The Job's end may be seen before its Pod's."""
    rollout = unpinned()
    rollout.cluster.simulation.jobs[asked(rollout).job] = JobResult("")
    rollout.cluster.advance(1)
    question = rollout.view().question
    running = tuple(
        replace(pod, phase="Running", containers=(ContainerFacts("fetch", is_running=True),))
        for pod in question.seen.pods
    )
    question = replace(question, seen=replace(question.seen, pods=running))
    assert not resolve.resolution(question, NOON).is_spent


def test_the_digest_of_an_unchanged_location_is_kept() -> None:
    """Once promoted, the model is not fetched for its digest again, even if status forgot it."""
    rollout = unpinned()
    job = asked(rollout).job
    rollout.cluster.simulation.jobs[job] = JobResult(result("OK", "OK", found=digest("one")))
    rollout.serve()
    assert asked(rollout).resolved == rollout.status.model

    forgotten = rollout.view(model=None)

    assert resolve.resolution(forgotten.question, NOON) == Resolution()


def test_trouble_without_a_result_keeps_its_own_reason() -> None:
    """An image that cannot be pulled is not an answer of the store."""
    assert not resolve.is_source_away(None)
    assert resolve.reason_of(Trouble("ImagePullBackOff", "")) == "ImagePullBackOff"
    assert resolve.reason_of(Trouble("x", "", Outcome.UNAVAILABLE)) == "SourceUnavailable"
