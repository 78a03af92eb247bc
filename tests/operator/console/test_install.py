"""What an installation consists of."""

from typing import Any

from perennial_operator.api import names
from perennial_operator.console import install


def found(documents: list[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
    """Return the first object of that kind and name."""
    return next(
        each
        for each in documents
        if each["kind"] == kind and name in ("", each["metadata"]["name"])
    )


def container(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the operator's container."""
    spec = found(documents, "Deployment")["spec"]["template"]["spec"]
    return spec["containers"][0]


def test_an_installation_is_applied_in_an_order_that_works() -> None:
    """Kinds come before what checks them, roles before bindings, the namespace before its own."""
    kinds = list(dict.fromkeys(each["kind"] for each in install.manifests()))

    assert kinds == [
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ClusterRole",
        "Namespace",
        "ServiceAccount",
        "ClusterRoleBinding",
        "Deployment",
    ]


def test_no_object_occurs_twice() -> None:
    """Two objects of one name would overwrite each other."""
    keys = [(each["kind"], each["metadata"]["name"]) for each in install.manifests()]

    assert len(keys) == len(set(keys))


def test_the_operator_runs_in_the_namespace_that_is_asked_for() -> None:
    """The Deployment, its account and the subject of its binding stand in one namespace."""
    documents = install.manifests(namespace="ml-platform")

    binding = found(documents, "ClusterRoleBinding", "perennial-operator")
    assert found(documents, "Namespace")["metadata"]["name"] == "ml-platform"
    assert found(documents, "Deployment")["metadata"]["namespace"] == "ml-platform"
    assert found(documents, "ServiceAccount")["metadata"]["namespace"] == "ml-platform"
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "perennial-operator", "namespace": "ml-platform"}
    ]


def test_images_and_settings_reach_the_operator() -> None:
    """What the operator hands on to its children stands in its environment."""
    images = install.Images(operator="here/operator:1", serving="here/serving:1", envoy="here/e:1")

    made = container(install.manifests(images=images, settings={"PERENNIAL_WORKERS": "2"}))

    values = {each["name"]: each["value"] for each in made["env"] if "value" in each}
    assert made["image"] == "here/operator:1"
    assert values == {
        "PERENNIAL_OPERATOR_IMAGE": "here/operator:1",
        "PERENNIAL_SERVING_IMAGE": "here/serving:1",
        "PERENNIAL_ENVOY_IMAGE": "here/e:1",
        "PERENNIAL_KEY_FILE": "/perennial/key/key",
        "PERENNIAL_WORKERS": "2",
    }


def test_the_pod_says_who_it_is() -> None:
    """Name and namespace of the Pod come from its own fields."""
    made = container(install.manifests())

    paths = {
        each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"]
        for each in made["env"]
        if "valueFrom" in each
    }
    assert paths == {"POD_NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"}


def test_the_default_images_carry_the_version_of_the_package() -> None:
    """An installation never runs whatever `latest` is."""
    image = install.Images().operator

    assert image.startswith(f"{names.OPERATOR_IMAGE}:")
    assert image.rpartition(":")[2] not in ("", "latest")


def test_the_operator_s_pod_keeps_the_restricted_standard() -> None:
    """No root, no escalation, no capability, a read-only root and sized scratch space."""
    documents = install.manifests()
    pod = found(documents, "Deployment")["spec"]["template"]["spec"]
    made = container(documents)

    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert made["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["volumes"][1] == {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}


def test_the_key_of_the_operator_may_be_absent() -> None:
    """The Secret is made later, so the Pod starts without it."""
    pod = found(install.manifests(), "Deployment")["spec"]["template"]["spec"]

    assert pod["volumes"][0]["secret"] == {"secretName": "perennial-operator-key", "optional": True}


def test_probes_ask_the_ports_that_answer() -> None:
    """Readiness is ours, liveness is that of the event loop."""
    made = container(install.manifests())

    assert made["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    assert made["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}


def test_scientists_ask_and_approvers_decide() -> None:
    """Each group has exactly the roles of its part."""
    held: dict[str, set[str]] = {}
    for each in install.people_bindings():
        held.setdefault(each["subjects"][0]["name"], set()).add(each["roleRef"]["name"])

    assert held == {
        "perennial:scientists": {"view", "perennial-edit"},
        "perennial:approvers": {
            "view",
            "perennial-view",
            "perennial-approver",
            "perennial-operations",
        },
    }
