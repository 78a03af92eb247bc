"""The trainer's Pod: init `fetch`, sidecar `upload`, and a trainer without credentials or token.

Every engine puts this template into its object. The trainer sees neither the holdout nor the
output; only `upload` can write, below this attempt's own prefix.
"""

import json
from typing import Any

from perennial_operator.api import documents, names
from perennial_operator.api.retrain_job import TrainerPod
from perennial_operator.plan.actions import Object
from perennial_operator.plan.manifests import run_objects, step_inputs
from perennial_operator.plan.manifests.engines.attempt import Attempt

TRAINER = "trainer"
FETCH = "fetch"
UPLOAD = "upload"

IN_DIR = "/perennial/in"
OUT_DIR = "/perennial/out"
CONFIG_DIR = f"{IN_DIR}/config"
GRACE_SECONDS = 120 + 600  # the trainer's own, and the sidecar's for its upload
_CPU_REQUEST = {"containerName": TRAINER, "resource": "requests.cpu"}
DEFAULT_RESOURCES = {
    "requests": {"cpu": "1", "memory": "2Gi"},
    "limits": {"memory": "2Gi"},
}


def config_map(attempt: Attempt) -> Object:
    """Return the immutable ConfigMap with the trainer's run.json and parameters.json."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": run_objects.metadata(
            attempt.run, attempt.config_name, component=names.COMPONENT_TRAINER, step="train"
        ),
        "immutable": True,
        "data": {
            "run.json": _text(run_json(attempt)),
            "parameters.json": _text(dict(attempt.spec.parameters)),
        },
    }


def run_json(attempt: Attempt) -> dict[str, Any]:
    """Return run.json of the trainer contract; folders are below PERENNIAL_IN and _OUT."""
    spec, inputs = attempt.spec, attempt.inputs
    prefix = f"{step_inputs.output(spec)}/runs/{inputs.run_id}/a{attempt.n}"
    return {
        "v": 1,
        "runId": inputs.run_id,
        "attempt": attempt.n,
        "model": spec.model_ref.name,
        "task": inputs.task,
        "recipe": documents.dump(spec.trainer.recipe),
        "trigger": spec.trigger.type,
        "nominalTime": attempt.nominal_time,
        "seed": attempt.seed,
        "columns": step_inputs.columns(spec.data.columns),
        "features": list(attempt.features),
        "train": {
            "dir": "train",
            "rows": attempt.data.train_rows,
            "digest": attempt.data.train_digest,
        },
        "output": {"dir": ".", "uri": prefix},
    }


def template(attempt: Attempt) -> dict[str, Any]:
    """Return the Pod template of an attempt."""
    labels = run_objects.labels(attempt.run, component=names.COMPONENT_TRAINER, step="train")
    pod = attempt.spec.trainer.pod
    restricted = run_objects.restricted_pod()
    restricted["securityContext"] |= dict(pod.security_context)
    return {
        "metadata": {"labels": labels},
        "spec": {
            **restricted,
            **_curated(pod),
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "initContainers": [_fetch(attempt), _upload(attempt)],
            "containers": [_trainer(attempt)],
            "volumes": _volumes(attempt),
        },
    }


def _curated(pod: TrainerPod) -> dict[str, Any]:
    document = documents.dump(pod)
    kept = (
        "nodeSelector",
        "tolerations",
        "affinity",
        "topologySpreadConstraints",
        "serviceAccountName",
        "imagePullSecrets",
        "runtimeClassName",
        "hostUsers",
    )
    return {key: document[key] for key in kept if key in document}


def _fetch(attempt: Attempt) -> dict[str, Any]:
    return _ours(
        attempt,
        FETCH,
        args=["job", "inputs"],
        document=step_inputs.fetch(attempt.inputs),
        mounts=[
            run_objects.mount("in", IN_DIR),
            run_objects.mount("config", CONFIG_DIR, read_only=True),
        ],
    )


def _upload(attempt: Attempt) -> dict[str, Any]:
    container = _ours(
        attempt,
        UPLOAD,
        args=["job", "upload"],
        document=step_inputs.upload(attempt.inputs, attempt=attempt.n),
        mounts=[run_objects.mount("out", OUT_DIR, read_only=True)],
    )
    return {**container, "restartPolicy": "Always"}


def _ours(
    attempt: Attempt,
    name: str,
    *,
    args: list[str],
    document: dict[str, Any],
    mounts: list[dict[str, Any]],
) -> dict[str, Any]:
    has_credentials = attempt.spec.output.credentials_secret_ref is not None
    return {
        "name": name,
        "image": attempt.options.serving_image,
        "args": args,
        "env": [
            *run_objects.settings(attempt.options),
            *_folders(),
            {"name": "PERENNIAL_STEP", "value": run_objects.json_value(document)},
            *(run_objects.CREDENTIALS_ENV if has_credentials else ()),
        ],
        "resources": run_objects.step_resources(attempt.options),
        "securityContext": run_objects.restricted_container(),
        "volumeMounts": [
            *mounts,
            run_objects.mount("scratch", run_objects.SCRATCH_DIR),
            *([run_objects.CREDENTIALS_MOUNT] if has_credentials else ()),
        ],
    }


def _trainer(attempt: Attempt) -> dict[str, Any]:
    pod = attempt.spec.trainer.pod
    return {
        "name": TRAINER,
        **_program(attempt),
        "env": [*_user_environment(attempt), *_environment(attempt)],
        "resources": dict(pod.resources) or DEFAULT_RESOURCES,
        "securityContext": run_objects.restricted_container(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            run_objects.mount("in", IN_DIR, read_only=True),
            run_objects.mount("out", OUT_DIR),
            run_objects.mount("trainer-scratch", run_objects.SCRATCH_DIR),
            *(_user_mount(volume) for volume in pod.volumes),
        ],
    }


def _program(attempt: Attempt) -> dict[str, Any]:
    container = attempt.spec.trainer.container
    if container is None:
        return {"image": attempt.options.serving_image, "args": ["job", "train"]}
    document = documents.dump(container)
    return {key: value for key, value in document.items() if key != "env"}


def _user_environment(attempt: Attempt) -> list[dict[str, Any]]:
    container = attempt.spec.trainer.container
    chosen = (*attempt.spec.trainer.pod.env, *(container.env if container else ()))
    ours = {each["name"] for each in _environment(attempt)}
    return [dict(each) for each in chosen if each["name"] not in ours]


def _environment(attempt: Attempt) -> list[dict[str, Any]]:
    return [
        *_folders(),
        {"name": "TMPDIR", "value": run_objects.SCRATCH_DIR},
        {"name": "PERENNIAL_RUN_ID", "value": attempt.inputs.run_id},
        {"name": "PERENNIAL_ATTEMPT", "value": str(attempt.n)},
        {"name": "PERENNIAL_SEED", "value": str(attempt.seed)},
        {"name": "PERENNIAL_CPU_LIMIT", "valueFrom": {"resourceFieldRef": _CPU_REQUEST}},
    ]


def _folders() -> list[dict[str, Any]]:
    return [
        {"name": "PERENNIAL_IN", "value": IN_DIR},
        {"name": "PERENNIAL_OUT", "value": OUT_DIR},
    ]


def _volumes(attempt: Attempt) -> list[dict[str, Any]]:
    return [
        run_objects.scratch("in"),
        run_objects.scratch("out"),
        run_objects.scratch("scratch"),
        run_objects.scratch("trainer-scratch"),
        {"name": "config", "configMap": {"name": attempt.config_name}},
        *_credentials(attempt),
        *(_user_volume(volume) for volume in attempt.spec.trainer.pod.volumes),
    ]


def _credentials(attempt: Attempt) -> list[dict[str, Any]]:
    output = attempt.spec.output
    if output.credentials_secret_ref is None:
        return []
    folders = {"output": (output.credentials_secret_ref.name, output.uri)}
    return [run_objects.credentials_volume("credentials", folders)]


_MOUNT_KEYS = ("mountPath", "readOnly", "subPath")


def _user_volume(volume: Object) -> dict[str, Any]:
    source = {key: value for key, value in volume.items() if key not in (*_MOUNT_KEYS, "name")}
    return {"name": f"user-{volume['name']}", **source}


def _user_mount(volume: Object) -> dict[str, Any]:
    place = {key: volume[key] for key in _MOUNT_KEYS if key in volume}
    return {"name": f"user-{volume['name']}", **place}


def _text(document: object) -> str:
    return json.dumps(document, sort_keys=True, indent=1) + "\n"
