"""What the children of a ModelDeployment share: labels, owner, settings of the serving image.

Nothing is copied from the ModelDeployment's own labels or annotations.
"""

from typing import Any

from perennial_operator.api import names
from perennial_operator.plan.snapshot import Meta, Options

MODEL_DIR = "/models"
SCRATCH_DIR = "/tmp"  # noqa: S108  # a mount of the Pod's own, not a shared folder
SCRATCH_LIMIT = "64Mi"
CREDENTIALS_DIR = "/perennial/credentials"


def labels(model: Meta, component: str, *, revision: str = "") -> dict[str, str]:
    """Return the labels of a child and of its Pods."""
    found = {
        names.LABEL_NAME: model.name,
        names.LABEL_COMPONENT: component,
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_ROOT_KIND: names.MODEL_DEPLOYMENT,
        names.LABEL_ROOT_NAME: model.name,
        names.LABEL_ROOT_UID: model.uid,
    }
    return {**found, names.LABEL_REVISION: revision} if revision else found


def metadata(model: Meta, name: str, *, component: str, revision: str = "") -> dict[str, Any]:
    """Return the metadata of a child of this ModelDeployment."""
    return {
        "name": name,
        "namespace": model.namespace,
        "labels": labels(model, component, revision=revision),
        "ownerReferences": [
            {
                "apiVersion": names.API_VERSION,
                "kind": names.MODEL_DEPLOYMENT,
                "name": model.name,
                "uid": model.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def settings(options: Options) -> list[dict[str, str]]:
    """Return the environment that both roles of a serving Pod get from the operator."""
    return [
        variable("PERENNIAL_MODEL_DIR", MODEL_DIR),
        variable("PERENNIAL_ALLOWED_HOSTS", options.allowed_hosts),
        variable("PERENNIAL_ALLOW_PRIVATE_NETWORKS", truth(value=options.allow_private_networks)),
        variable("PERENNIAL_ALLOW_UNSAFE_FORMATS", truth(value=options.allow_unsafe_formats)),
        variable("TMPDIR", SCRATCH_DIR),
    ]


def variable(name: str, value: str) -> dict[str, str]:
    """Return one entry of a container's environment."""
    return {"name": name, "value": value}


def truth(*, value: bool) -> str:
    """Return a boolean as settings write it."""
    return "true" if value else "false"


def restricted_pod() -> dict[str, Any]:
    """Return the Pod fields of the `restricted` standard, without a token."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
