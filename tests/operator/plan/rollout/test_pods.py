"""What Pods say: who serves, what keeps the others, and what to do about it."""

import doctest
import json
from datetime import timedelta

import pytest

from perennial_operator.api import names
from perennial_operator.plan.rollout import pods
from perennial_operator.plan.snapshot import ContainerFacts, PodFacts
from perennial_operator.testing import NOON
from perennial_serving.contract.results import Outcome

REVISION = "churn-0123456789"


def pod(*containers: ContainerFacts, **changes: object) -> PodFacts:
    """Return an unready Pod with these containers."""
    calm = {"name": "p", "uid": "1", "labels": {names.LABEL_REVISION: REVISION}, "phase": "Running"}
    return PodFacts(**{**calm, **changes}, containers=containers)  # type: ignore[arg-type]  # fields


def result(outcome: str, reason: str) -> str:
    """Return a termination message of ours."""
    head = {"v": 1, "class": outcome, "reason": reason, "message": "words", "digest": ""}
    return json.dumps({**head, "bytes": 0, "seconds": 0, "step": "", "payload": {}})


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(pods).failed == 0


def test_only_living_pods_of_the_revision_count() -> None:
    """Others' Pods and those that are going do not."""
    mine, going, other = pod(), pod(is_deleting=True), pod(labels={})
    assert pods.of((mine, going, other), REVISION) == (mine,)


@pytest.mark.parametrize(("age", "count"), [(1, 0), (2, 1), (None, 0)])
def test_a_pod_counts_once_it_was_ready_for_two_seconds(age: int | None, count: int) -> None:
    """A Pod that was ready once, just now, gets no traffic yet."""
    since = NOON - timedelta(seconds=age) if age is not None else None
    assert pods.settled([pod(is_ready=True, ready_since=since)], NOON) == count


@pytest.mark.parametrize(
    ("container", "reason", "words"),
    [
        (
            ContainerFacts("fetch", exit_code=65, message=result("Invalid", "NotFound")),
            "NotFound",
            "container fetch ended with exit code 65 (NotFound): words; publish the model there",
        ),
        (
            ContainerFacts("predictor", exit_code=137, reason="OOMKilled"),
            "OOMKilled",
            "exit code 137 (OOMKilled): no message; raise spec.resources.limits.memory",
        ),
        (
            ContainerFacts("predictor", exit_code=1, message="boom"),
            "Error",
            "exit code 1 (Error): boom; read its log",
        ),
        (
            ContainerFacts(
                "predictor", waiting_reason="CreateContainerConfigError", message="no secret x"
            ),
            "RefNotFound",
            "waits (CreateContainerConfigError): no secret x; create the object",
        ),
        (
            ContainerFacts("predictor", waiting_reason="ImagePullBackOff", message="no image"),
            "ImagePullBackOff",
            "make the image available",
        ),
    ],
)
def test_the_first_cause_is_named_with_the_next_step(
    container: ContainerFacts, reason: str, words: str
) -> None:
    """Object, container, exit code, reason, last words, what to change."""
    found = pods.first_trouble([pod(container)])
    assert found is not None
    assert found.reason == reason
    assert words in found.message
    assert words in pods.trouble((pod(container),))


def test_a_pod_without_a_node_says_so() -> None:
    """The scheduler's words are the cause."""
    found = pods.first_trouble([pod(unschedulable="0/3 nodes are available")])
    assert found is not None
    assert found.message == "Pod p has no node: 0/3 nodes are available"
    assert found.outcome is None


def test_where_nothing_is_known_that_is_said() -> None:
    """No Pods, or Pods that only take their time."""
    assert "has no Pods" in pods.trouble(())
    assert pods.trouble((pod(ContainerFacts("predictor", is_running=True)),)) == "0 are ready"
    assert pods.first_trouble([pod(is_ready=True)]) is None


def test_crashes_count_what_ended_by_itself() -> None:
    """An unavailable store in `fetch` is no crash; a predictor that refuses is one."""
    away = ContainerFacts(
        "fetch",
        is_init=True,
        exit_code=69,
        restarts=9,
        finished_at=NOON,
        message=result("Unavailable", "SourceUnavailable"),
    )
    assert pods.crashes([pod(away)], NOON) is None
    trouble = pods.first_trouble([pod(away)])
    assert trouble is not None
    assert trouble.outcome is Outcome.UNAVAILABLE

    refusing = ContainerFacts(
        "predictor",
        exit_code=65,
        restarts=2,
        finished_at=NOON,
        message=result("Invalid", "WarmupFailed"),
    )
    done = ContainerFacts("fetch", is_init=True, exit_code=0, finished_at=NOON)
    found = pods.crashes([pod(done, refusing)], NOON)
    assert found is not None
    assert (found.restarts, found.oom_kills, found.is_backing_off) == (2, 0, False)
