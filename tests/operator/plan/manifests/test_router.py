"""The router's objects: agent and Envoy in one Pod, drained before it goes."""

from typing import Any

import pytest

from perennial_operator.plan.manifests import router
from perennial_operator.testing import OPTIONS

ALL = [
    router.service_account("default"),
    router.role_binding("default"),
    router.service("default"),
    router.deployment("default", OPTIONS),
    router.secret("default", deployment_uid="uid-1", token="t"),  # noqa: S106  # not a real one
]


def pod() -> dict[str, Any]:
    """Return the Pod's fields."""
    found: dict[str, Any] = router.deployment("default", OPTIONS)["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("document", ALL, ids=lambda each: str(each["kind"]))
def test_every_part_has_the_one_name_and_our_labels(document: dict[str, Any]) -> None:
    """Found by label, told from other objects by name; no model owns it."""
    metadata = document["metadata"]
    assert metadata["name"] == "perennial-router"
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "perennial"
    assert metadata["labels"]["perennial.dev/root-kind"] == "Router"
    owners = [each["kind"] for each in metadata.get("ownerReferences", ())]
    assert owners == (["Deployment"] if document["kind"] == "Secret" else [])


def test_the_agent_is_a_native_sidecar_that_outlives_envoy() -> None:
    """An init container that always restarts; it knows its Pod and mounts the token."""
    (agent,) = pod()["initContainers"]
    assert (agent["name"], agent["args"], agent["restartPolicy"]) == ("agent", ["agent"], "Always")
    assert agent["image"] == OPTIONS.operator_image
    fields = {
        each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"]
        for each in agent["env"]
        if "valueFrom" in each
    }
    assert fields == {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "POD_IP": "status.podIP",
    }
    assert {each["mountPath"] for each in agent["volumeMounts"]} == {
        "/perennial/xds",
        "/perennial/router",
    }
    assert [(each["name"], each["containerPort"]) for each in agent["ports"]] == [("admin", 8081)]


def test_envoy_reads_files_and_drains_through_the_agent() -> None:
    """Bootstrap from the shared folder, ready as the agent says, drained before SIGTERM."""
    (envoy,) = pod()["containers"]
    assert envoy["args"] == [
        "--config-path",
        "/perennial/xds/bootstrap.json",
        "--disable-hot-restart",
        "--log-level",
        "warning",
    ]
    assert envoy["lifecycle"] == {"preStop": {"httpGet": {"path": "/drain", "port": 8081}}}
    assert envoy["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 8081}
    assert [(each["name"], each["containerPort"]) for each in envoy["ports"]] == [("http", 8080)]
    assert [each["mountPath"] for each in envoy["volumeMounts"]] == ["/perennial/xds"]


def test_the_pod_has_its_own_account_and_time_to_drain() -> None:
    """Restricted, but with a token: the agent watches Pods and intents."""
    found = pod()
    assert found["serviceAccountName"] == "perennial-router"
    assert found["automountServiceAccountToken"] is True
    assert found["terminationGracePeriodSeconds"] == 60
    spec = router.deployment("default", OPTIONS)["spec"]
    assert spec["replicas"] == OPTIONS.router_replicas
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["selector"]["matchLabels"].items() <= router.labels().items()


def test_the_account_gets_the_chart_s_role_in_this_namespace() -> None:
    """A binding in the namespace, to a role that exists already."""
    found = router.role_binding("default")
    assert found["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "perennial-router",
    }
    (subject,) = found["subjects"]
    assert subject["namespace"] == "default"


def test_the_token_belongs_to_its_deployment() -> None:
    """It goes with the Deployment whose uid it was made from."""
    found = router.secret("default", deployment_uid="uid-1", token="t")  # noqa: S106  # not a real one
    assert found["stringData"] == {"token": "t"}
    assert found["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    ports = router.service("default")["spec"]["ports"]
    assert [(each["port"], each["targetPort"]) for each in ports] == [(80, "http")]
