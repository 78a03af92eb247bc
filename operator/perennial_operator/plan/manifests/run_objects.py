"""What the Jobs and Pods of a run share: labels, owner, restricted Pods, credentials, settings.

Nothing is copied from the RetrainJob's own labels or annotations.
"""

import json
from collections.abc import Mapping
from typing import Any

from perennial_operator.api import names
from perennial_operator.plan.snapshot import Meta, Options

CREDENTIALS_DIR = "/perennial/credentials"
SCRATCH_DIR = "/tmp"  # noqa: S108  # a mount of the Pod's own, not a shared folder
SCRATCH_LIMIT = "20Gi"
CREDENTIALS_ENV = ({"name": "PERENNIAL_CREDENTIALS_DIR", "value": CREDENTIALS_DIR},)
CREDENTIALS_MOUNT = {"name": "credentials", "mountPath": CREDENTIALS_DIR, "readOnly": True}
LABEL_JOB_NAME = "batch.kubernetes.io/job-name"

_S3_KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
)
CREDENTIAL_KEYS: Mapping[str, tuple[str, ...]] = {
    "s3": _S3_KEYS,
    "https": ("HTTPS_AUTHORIZATION",),
}


def metadata(run: Meta, name: str, *, component: str, step: str) -> dict[str, Any]:
    """Return the metadata of a child of a run."""
    return {
        "name": name,
        "namespace": run.namespace,
        "labels": labels(run, component=component, step=step),
        "ownerReferences": [
            {
                "apiVersion": names.API_VERSION,
                "kind": names.RETRAIN_JOB,
                "name": run.name,
                "uid": run.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def labels(run: Meta, *, component: str, step: str) -> dict[str, str]:
    """Return the labels of a run's child and of its Pods."""
    return {
        names.LABEL_NAME: run.name,
        names.LABEL_COMPONENT: component,
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_ROOT_KIND: names.RETRAIN_JOB,
        names.LABEL_ROOT_NAME: run.name,
        names.LABEL_ROOT_UID: run.uid,
        names.LABEL_RUN_ID: run.uid,
        names.LABEL_STEP: step,
    }


def restricted_pod() -> dict[str, Any]:
    """Return the Pod fields of the `restricted` standard; no token, never restarted."""
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def restricted_container() -> dict[str, Any]:
    """Return the securityContext of the `restricted` standard, with a read-only root."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def scratch(name: str) -> dict[str, Any]:
    """Return a sized volume of the Pod's own."""
    return {"name": name, "emptyDir": {"sizeLimit": SCRATCH_LIMIT}}


def mount(name: str, path: str, *, read_only: bool = False) -> dict[str, Any]:
    """Return a volume mount."""
    return {"name": name, "mountPath": path, **({"readOnly": True} if read_only else {})}


def credentials_volume(name: str, folders: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Return a volume with a folder a purpose: (Secret, URI), the keys of the URI's scheme only.

    A missing Secret or key does not hold the Pod back: the step says what it could not read.
    A scheme without keys is left out, because an empty list of items would project every key.
    """
    sources = [
        {"secret": {"name": secret, "optional": True, "items": items}}
        for folder, (secret, uri) in sorted(folders.items())
        if (items := _items(folder, uri))
    ]
    if not sources:
        return scratch(name)
    return {"name": name, "projected": {"defaultMode": 0o440, "sources": sources}}


def json_value(document: object) -> str:
    """Return JSON for an environment variable: without `$`, which the kubelet would expand."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return text.replace("$", "\\u0024")


def settings(options: Options) -> list[dict[str, str]]:
    """Return the environment that every container of our serving image gets."""
    return [
        {"name": "PERENNIAL_ALLOWED_HOSTS", "value": options.allowed_hosts},
        {
            "name": "PERENNIAL_ALLOW_PRIVATE_NETWORKS",
            "value": "true" if options.allow_private_networks else "false",
        },
        {
            "name": "PERENNIAL_ALLOW_UNSAFE_FORMATS",
            "value": "true" if options.allow_unsafe_formats else "false",
        },
        {"name": "TMPDIR", "value": SCRATCH_DIR},
    ]


def step_resources(options: Options) -> dict[str, Any]:
    """Return the resources of a container of ours that works on rows."""
    return {
        "requests": {"cpu": options.step_cpu, "memory": options.step_memory},
        "limits": {"memory": options.step_memory},
    }


def job_fields(template: dict[str, Any], container: str) -> dict[str, Any]:
    """Return the spec of a Job with one Pod that is not retried, but replaced if disrupted.

    The second rule puts the exit code of `container` into the Job's condition, where it
    survives the Pod.
    """
    return {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": container,
                        "operator": "NotIn",
                        "values": [0],
                    },
                },
            ]
        },
        "template": template,
    }


def _items(folder: str, uri: str) -> list[dict[str, str]]:
    scheme = uri.partition("://")[0]
    return [{"key": key, "path": f"{folder}/{key}"} for key in CREDENTIAL_KEYS.get(scheme, ())]
