"""A ModelDeployment from its creation to its end: children, conditions, events, answers."""

from typing import Any

import pytest
from loop_stage import Stage

from perennial_operator.cluster import kinds

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

MD = kinds.MODEL_DEPLOYMENT


def revision(md: dict[str, Any], role: str = "stable") -> str:
    """Return the name of a revision by its role."""
    return str(md["status"]["revisions"].get(role, ""))


def test_a_model_deployment_becomes_pods_behind_a_router(stage: Stage) -> None:
    """From one object: revision, Pods, Service and intent; predictions through the router."""
    stage.kube.apply(stage.model("churn", replicas=2))

    md = stage.ready("churn")

    name = revision(md)
    assert stage.predict("churn").headers["x-perennial-revision"] == name
    assert stage.kube.get(kinds.CONTROLLER_REVISION, stage.namespace, name)
    assert stage.kube.get(kinds.DEPLOYMENT, stage.namespace, name)["spec"]["replicas"] == 2
    assert stage.kube.get(kinds.SERVICE, stage.namespace, "churn")
    assert stage.kube.get(kinds.CONFIG_MAP, stage.namespace, "churn-routing")
    assert stage.condition(md, "Available")["status"] == "True"
    assert stage.condition(md, "ModelVerified")["status"] == "True"
    assert stage.condition(md, "TrafficApplied")["status"] == "True"
    assert stage.condition(md, "Stalled")["status"] == ""
    assert md["status"]["rollout"]["completion"] == "Initial"
    stage.saw_events("churn", "RolloutStarted", "Promoted")
    managers = {(m["manager"], m.get("subresource", "")) for m in md["metadata"]["managedFields"]}
    assert managers == {("scientist", ""), ("perennial-status", "status")}
    assert "finalizers" not in md["metadata"]


def test_scaling_and_resources(stage: Stage) -> None:
    """Replicas scale the stable revision in place; other resources are another revision."""
    stage.kube.apply(stage.model("churn"))
    first = stage.ready("churn")

    stage.kube.scale(MD, stage.namespace, name="churn", replicas=2)
    scaled = stage.until(MD, "churn", lambda md: md["status"].get("replicas") == 2)
    assert revision(scaled) == revision(first)

    resources = {"requests": {"memory": "64Mi"}}
    stage.kube.apply(stage.model("churn", resources=resources))
    second = stage.until(
        MD,
        "churn",
        lambda md: revision(md) != revision(first) and stage.is_true(md, "Ready"),
        seconds=120,
    )
    deployment = stage.kube.get(kinds.DEPLOYMENT, stage.namespace, revision(second))
    (predictor,) = deployment["spec"]["template"]["spec"]["containers"]
    assert predictor["resources"]["requests"]["memory"] == "64Mi"
    assert second["status"]["revisions"]["previous"] == revision(first)


def test_a_model_without_digest_is_resolved_and_pinned(stage: Stage) -> None:
    """A Job fetches once; the revision carries the digest that it found."""
    model = stage.model("churn")
    digest = model["spec"]["model"].pop("digest")
    stage.kube.apply(model)

    md = stage.ready("churn")

    assert md["status"]["model"]["digest"] == digest
    pinned = stage.kube.get(kinds.CONTROLLER_REVISION, stage.namespace, revision(md))
    assert pinned["data"]["projection"]["model"]["digest"] == digest


def test_a_wrong_digest_never_serves(stage: Stage) -> None:
    """Bytes that are not those pinned are refused with the reason and the next step."""
    model = stage.model("churn")
    model["spec"]["model"]["digest"] = "sha256:" + "0" * 64
    stage.kube.apply(model)

    md = stage.until(
        MD, "churn", lambda md: stage.condition(md, "ModelVerified")["status"] == "False"
    )

    assert stage.condition(md, "ModelVerified")["reason"] == "DigestMismatch"
    assert stage.condition(md, "Available")["status"] == "False"
    assert stage.condition(md, "Ready")["status"] == "False"
    assert revision(md) == ""


def test_a_store_that_is_away_is_waited_for(stage: Stage) -> None:
    """An unreachable store is no fault of the model: the message names it, retries go on."""
    model = stage.model("churn")
    model["spec"]["model"].pop("digest")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "away", "namespace": stage.namespace},
    }
    host = stage.store.host.rsplit(":", 1)[0]
    data = {**stage.store.credentials(), "AWS_ENDPOINT_URL": f"http://{host}:9"}
    stage.kube.apply({**secret, "stringData": data}, user="admin")
    model["spec"]["model"]["credentialsSecretRef"] = {"name": "away"}
    stage.kube.apply(model)

    md = stage.until(
        MD,
        "churn",
        lambda md: stage.condition(md, "ModelVerified")["reason"] not in {"", "Fetching"},
        seconds=120,
    )

    assert stage.condition(md, "ModelVerified")["reason"] in {
        "SourceUnavailable",
        "AddressRefused",
        "UriRefused",
    }
    assert stage.condition(md, "ModelVerified")["message"]
    assert stage.condition(md, "Ready")["status"] == "False"


def test_deleting_takes_everything_along(stage: Stage) -> None:
    """Children and, with the last model, the router go; no finalizer holds anything."""
    stage.kube.apply(stage.model("churn"))
    stage.ready("churn")

    stage.kube.delete(MD, stage.namespace, "churn")

    for kind in (kinds.DEPLOYMENT, kinds.SERVICE, kinds.CONTROLLER_REVISION, kinds.POD):
        stage.gone(kind, "app.kubernetes.io/managed-by=perennial")
