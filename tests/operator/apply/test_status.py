"""Status documents carry their witness and nothing that is not ours."""

from datetime import UTC, datetime

from perennial_operator.apply import status
from perennial_operator.plan.actions import Answer
from perennial_operator.plan.snapshot import Key, Meta

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_a_root_s_status_is_whole_and_has_a_witness() -> None:
    """A plan made from an old root fails by its resourceVersion."""
    meta = Meta("churn", "a", "u", 3, "77", NOON)
    assert status.of_root(Key("md", "a", "churn"), meta, {"traffic": "1"}) == {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "churn", "namespace": "a", "resourceVersion": "77"},
        "status": {"traffic": "1"},
    }
    assert status.of_root(Key("rj", "a", "churn"), meta, {})["kind"] == "RetrainJob"


def test_an_answer_is_one_condition() -> None:
    """Its reason says what came of the Decision."""
    answer = Answer("d", "u", "8", answer="Accepted", message="it is done", generation=2)
    condition = {
        "type": "Answered",
        "status": "True",
        "reason": "Accepted",
        "message": "it is done",
        "observedGeneration": 2,
        "lastTransitionTime": "2026-01-05T12:00:00Z",
    }
    assert status.of_decision(answer, namespace="a", now=NOON) == {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "Decision",
        "metadata": {"name": "d", "namespace": "a", "resourceVersion": "8"},
        "status": {"observedGeneration": 2, "conditions": [condition]},
    }
