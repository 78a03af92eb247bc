"""Children of a ModelDeployment carry our labels, its ownership and nothing of its own metadata."""

from perennial_operator.api import names
from perennial_operator.plan.manifests import model_objects
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON, OPTIONS

META = Meta("churn", "default", "uid-1", 3, "9", NOON)
LABELS = {
    "app.kubernetes.io/name": "churn",
    "app.kubernetes.io/component": "predictor",
    "app.kubernetes.io/managed-by": "perennial",
    "perennial.dev/root-kind": "ModelDeployment",
    "perennial.dev/root-name": "churn",
    "perennial.dev/root-uid": "uid-1",
}


def test_metadata_names_owner_and_root() -> None:
    """The owner is a controller, so deletion needs no operator."""
    found = model_objects.metadata(META, "churn-1", component=names.COMPONENT_PREDICTOR)
    assert found == {
        "name": "churn-1",
        "namespace": "default",
        "labels": LABELS,
        "ownerReferences": [
            {
                "apiVersion": "perennial.dev/v1alpha1",
                "kind": "ModelDeployment",
                "name": "churn",
                "uid": "uid-1",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def test_a_revision_is_a_label() -> None:
    """Only where there is one."""
    found = model_objects.labels(META, names.COMPONENT_PREDICTOR, revision="churn-1")
    assert found == {**LABELS, "perennial.dev/revision": "churn-1"}


def test_settings_hand_on_what_the_operator_allows() -> None:
    """Hosts, private networks and unsafe formats are the operator's to allow."""
    found = {each["name"]: each["value"] for each in model_objects.settings(OPTIONS)}
    assert found == {
        "PERENNIAL_MODEL_DIR": "/models",
        "PERENNIAL_ALLOWED_HOSTS": "",
        "PERENNIAL_ALLOW_PRIVATE_NETWORKS": "false",
        "PERENNIAL_ALLOW_UNSAFE_FORMATS": "false",
        "TMPDIR": "/tmp",  # noqa: S108  # a mount of the Pod's own
    }
    assert model_objects.truth(value=True) == "true"


def test_pods_are_restricted() -> None:
    """No root, no token, the runtime's seccomp profile."""
    found = model_objects.restricted_pod()
    assert found["automountServiceAccountToken"] is False
    assert found["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
