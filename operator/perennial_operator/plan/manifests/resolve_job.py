"""The Job that fetches an unpinned model once and hands its digest back when it ends."""

from collections.abc import Mapping
from typing import Any

from perennial_operator.api import names
from perennial_operator.plan.actions import Object
from perennial_operator.plan.manifests import model_objects, revision_pods
from perennial_operator.plan.snapshot import Meta, Options
from perennial_serving.contract.manifest import canonical_json

RETRIES = 100


def job_name(model_name: str, model: Mapping[str, str]) -> str:
    """Return the Job's name, which holds a hash of what it fetches."""
    return f"{model_name}-resolve-{names.hash10(canonical_json(model).decode())}"


def job(meta: Meta, model: Mapping[str, str], options: Options) -> Object:
    """Return the Job that finds out the digest of `model`.

    Its container is started again in place with the kubelet's growing pauses: that is the
    back-off for a store that does not answer, and how a file that appears later is found.
    """
    component = names.COMPONENT_RESOLVE
    pod: dict[str, Any] = {
        **model_objects.restricted_pod(),
        "restartPolicy": "OnFailure",
        "containers": [revision_pods.fetch_container(model, options)],
        "volumes": revision_pods.volumes(model),
    }
    template = {"metadata": {"labels": model_objects.labels(meta, component)}, "spec": pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": model_objects.metadata(meta, job_name(meta.name, model), component=component),
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": RETRIES,
            "template": template,
        },
    }
