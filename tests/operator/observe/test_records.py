"""A record keeps what plans need of an object, in little room."""

import json
from typing import Any

import pytest

from perennial_operator.api import names
from perennial_operator.observe.records import record
from perennial_operator.plan.snapshot import Key
from perennial_operator.testing import decision, model_deployment, retrain_job


def live(document: dict[str, Any], **metadata: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return a document as the server sends it."""
    known = {"uid": "u", "resourceVersion": "7", "managedFields": [{"manager": "x"}], **metadata}
    return {**document, "metadata": {**document["metadata"], **known}}


def child(kind: str = "Deployment", **fields: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return a child of a model."""
    labels = {
        names.LABEL_ROOT_KIND: names.MODEL_DEPLOYMENT,
        names.LABEL_ROOT_NAME: "churn",
        names.LABEL_ROOT_UID: "root",
    }
    metadata = {"name": "x", "namespace": "a", "labels": labels, "generation": 1}
    return live({"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields})


def test_a_record_knows_its_identity() -> None:
    """Versions are integers; managedFields are nowhere."""
    found = record(live(model_deployment(), generation=3, deletionTimestamp="now"))
    assert (found.kind, found.namespace, found.name) == ("ModelDeployment", "default", "churn")
    assert (found.uid, found.resource_version, found.generation) == ("u", 7, 3)
    assert found.is_deleting
    assert "managedFields" not in found.document["metadata"]


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (model_deployment(), Key("md", "default", "churn")),
        (retrain_job(), Key("rj", "default", "again")),
        (
            decision("d", "Abort", target={"kind": "RetrainJob", "name": "again"}),
            Key("rj", "default", "again"),
        ),
        (child(), Key("md", "a", "churn")),
    ],
)
def test_an_object_belongs_to_a_key(document: dict[str, Any], key: Key) -> None:
    """Roots to their own, Decisions to their target, children to their root."""
    assert record(live(document)).key == key


def test_parts_of_the_router_belong_to_the_namespace() -> None:
    """They have no root; what has neither belongs to nobody."""
    metadata = {"name": "x", "namespace": "a", "labels": {names.LABEL_COMPONENT: "router"}}
    document = {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
    assert record(live(document)).key == Key("router", "a", "")
    assert record(live(document, labels={})).key is None


def test_a_run_names_its_model() -> None:
    """Others name none."""
    assert record(live(retrain_job(model="churn"))).model == "churn"
    assert record(live(model_deployment())).model == ""


def test_large_bodies_are_compressed() -> None:
    """Small ones are plain; both come back equal."""
    small, large = child("ConfigMap", data={"a": "b"}), child("ConfigMap", data={"a": "b" * 9_000})
    assert json.loads(record(small).body) == record(small).document
    assert len(record(large).body) < 1_000
    assert record(large).document["data"] == large["data"]


def test_a_pod_keeps_its_facts_and_no_body() -> None:
    """There are many, and plans read little of them."""
    found = record(child("Pod", status={"phase": "Running"}))
    assert found.body == b""
    assert found.pod
    assert (found.pod.phase, found.root_uid) == ("Running", "root")


def condition(**fields: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return a Deployment with a condition."""
    return child(status={"conditions": [{"type": "Available", "status": "True", **fields}]})


@pytest.mark.parametrize(
    ("before", "after", "is_equal"),
    [
        (child(), live(child(), resourceVersion="8"), True),
        (condition(lastUpdateTime="1"), condition(lastUpdateTime="2"), True),
        (condition(message="1 of 2"), condition(message="2 of 2"), True),
        (condition(reason="A"), condition(reason="B"), False),
        (child(), live(child(), generation=2), False),
        (child(), live(child(), uid="other"), False),
        (child(), live(child(), annotations={"a": "b"}), False),
        (child("ConfigMap", data={"a": "1"}), child("ConfigMap", data={"a": "2"}), True),
        (child("Pod"), child("Pod", status={"phase": "Running"}), False),
        (child("Pod"), child("Pod", status={"startTime": "1"}), True),
    ],
)
def test_facts_are_what_plans_read(
    before: dict[str, Any],
    after: dict[str, Any],
    is_equal: bool,  # noqa: FBT001  # a table
) -> None:
    """Equal facts call for the same plan."""
    assert (record(before).facts == record(after).facts) is is_equal


def test_kinds_without_generation_are_compared_whole() -> None:
    """A ConfigMap's data is all there is of it."""
    one, two = child("ConfigMap", data={"a": "1"}), child("ConfigMap", data={"a": "2"})
    for each in (one, two):
        del each["metadata"]["generation"]
    assert record(one).facts != record(two).facts


def test_a_root_s_status_counts_whole() -> None:
    """Whoever changes it is noticed."""
    one = live({**model_deployment(), "status": {"traffic": "1"}})
    two = live({**model_deployment(), "status": {"traffic": "2"}})
    assert record(one).facts != record(two).facts
