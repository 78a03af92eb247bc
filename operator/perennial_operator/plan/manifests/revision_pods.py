"""What serves a revision: its Pod template, rendered once, and the Deployment that runs it.

No operator version, time, counter or role in traffic is in a template, so neither an upgrade nor
a promotion restarts a Pod.
"""

from collections.abc import Mapping
from typing import Any

from perennial_operator.api import names
from perennial_operator.api.documents import dump
from perennial_operator.api.schema.shared_types import PodFields
from perennial_operator.plan.actions import Object
from perennial_operator.plan.manifests import model_objects, run_objects
from perennial_operator.plan.snapshot import Meta, Options
from perennial_serving.contract import ports

FETCH = "fetch"
PREDICTOR = "predictor"
CREDENTIALS = "credentials"
MODEL_URI = "PERENNIAL_MODEL_URI"
MODEL_DIGEST = "PERENNIAL_MODEL_DIGEST"
MODEL_FORMAT = "PERENNIAL_MODEL_FORMAT"
REQUEST_TIMEOUT_SECONDS = 30
LOAD_TIMEOUT_SECONDS = 600
STOP_MARGIN_SECONDS = 5
MIN_READY_SECONDS = 2

_POD_FIELDS = (
    "node_selector",
    "tolerations",
    "affinity",
    "topology_spread_constraints",
    "service_account_name",
    "image_pull_secrets",
    "runtime_class_name",
    "host_users",
)
_MOUNT_FIELDS = ("name", "mountPath", "readOnly", "subPath")


def template(
    meta: Meta, revision: str, *, model: Mapping[str, str], pod: PodFields, options: Options
) -> dict[str, Any]:
    """Return the Pod template of a revision, without its resources.

    `model` has the keys `uri`, `digest`, `format` and `credentials` (the name of a Secret).
    """
    fields = {
        **model_objects.restricted_pod(),
        **{_key: value for name in _POD_FIELDS for _key, value in _field(pod, name)},
        "terminationGracePeriodSeconds": _grace_seconds(options),
        "initContainers": [fetch_container(model, options)],
        "containers": [_predictor(meta, revision, model=model, pod=pod, options=options)],
        "volumes": [*volumes(model), *(_volume(each) for each in pod.volumes)],
    }
    fields["securityContext"] = {**fields["securityContext"], **pod.security_context}
    labels = model_objects.labels(meta, names.COMPONENT_PREDICTOR, revision=revision)
    return {"metadata": {"labels": labels}, "spec": fields}


def with_resources(template_: dict[str, Any], resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template with the user's requests and limits on the predictor."""
    if not resources:
        return template_
    fields = template_["spec"]
    containers = [{**each, "resources": dict(resources)} for each in fields["containers"]]
    return {**template_, "spec": {**fields, "containers": containers}}


def deployment(meta: Meta, revision: str, *, template: Mapping[str, Any], replicas: int) -> Object:
    """Return the Deployment of a revision; its template and selector never change."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": model_objects.metadata(
            meta, revision, component=names.COMPONENT_PREDICTOR, revision=revision
        ),
        "spec": {
            "replicas": replicas,
            "minReadySeconds": MIN_READY_SECONDS,
            "revisionHistoryLimit": 1,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "selector": {
                "matchLabels": {
                    names.LABEL_REVISION: revision,
                    names.LABEL_ROOT_UID: meta.uid,
                }
            },
            "template": template,
        },
    }


def model_of(template: Mapping[str, Any]) -> dict[str, str]:
    """Return what a rendered template serves: uri, digest, format and credentials."""
    fetch = template["spec"]["initContainers"][0]
    values = {each["name"]: each.get("value", "") for each in fetch["env"]}
    sources = [
        each["projected"]["sources"][0]["secret"]["name"]
        for each in template["spec"]["volumes"]
        if each["name"] == CREDENTIALS
    ]
    found = {
        "uri": values[MODEL_URI],
        "digest": values.get(MODEL_DIGEST, ""),
        "format": values.get(MODEL_FORMAT, ""),
        "credentials": next(iter(sources), ""),
    }
    return {key: value for key, value in found.items() if value}


def fetch_container(model: Mapping[str, str], options: Options) -> dict[str, Any]:
    """Return the container that downloads and verifies the model."""
    environment = [*_model_environment(model), *model_objects.settings(options)]
    mounts = [
        run_objects.mount("models", model_objects.MODEL_DIR),
        run_objects.mount("scratch", model_objects.SCRATCH_DIR),
    ]
    if model.get("credentials"):
        path = model_objects.CREDENTIALS_DIR
        environment.append(model_objects.variable("PERENNIAL_CREDENTIALS_DIR", path))
        mounts.append(run_objects.mount(CREDENTIALS, path, read_only=True))
    return {
        "name": FETCH,
        "image": options.serving_image,
        "args": ["fetch"],
        "env": environment,
        "securityContext": run_objects.restricted_container(),
        "volumeMounts": mounts,
    }


def volumes(model: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the volumes that `fetch` and `predictor` share."""
    found: list[dict[str, Any]] = [
        {"name": "models", "emptyDir": {}},
        {"name": "scratch", "emptyDir": {"sizeLimit": model_objects.SCRATCH_LIMIT}},
    ]
    if secret := model.get("credentials"):
        folders = {"model": (secret, model["uri"])}
        found.append(run_objects.credentials_volume(CREDENTIALS, folders))
    return found


def _predictor(
    meta: Meta, revision: str, *, model: Mapping[str, str], pod: PodFields, options: Options
) -> dict[str, Any]:
    ours = [
        model_objects.variable("PERENNIAL_MODEL_NAME", meta.name),
        model_objects.variable("PERENNIAL_REVISION", revision),
        *_model_environment(model),
        *model_objects.settings(options),
        model_objects.variable("PERENNIAL_DRAIN_DELAY_SECONDS", str(options.drain_delay_seconds)),
    ]
    taken = {each["name"] for each in ours}
    return {
        "name": PREDICTOR,
        "image": options.serving_image,
        "args": ["serve"],
        "env": [*(each for each in pod.env if each.get("name") not in taken), *ours],
        "ports": [
            {"name": ports.DATA_PORT_NAME, "containerPort": ports.DATA_PORT, "protocol": "TCP"},
            {"name": ports.ADMIN_PORT_NAME, "containerPort": ports.ADMIN_PORT, "protocol": "TCP"},
        ],
        **_probes(),
        "securityContext": run_objects.restricted_container(),
        "volumeMounts": [
            run_objects.mount("models", model_objects.MODEL_DIR, read_only=True),
            run_objects.mount("scratch", model_objects.SCRATCH_DIR),
            *(_mount(each) for each in pod.volumes),
        ],
    }


def _probes() -> dict[str, Any]:
    return {
        "startupProbe": _probe("/readyz", period=1, failures=LOAD_TIMEOUT_SECONDS),
        "readinessProbe": _probe("/readyz", period=2, failures=2),
        "livenessProbe": _probe("/livez", period=10, failures=3),
    }


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": ports.ADMIN_PORT_NAME},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 1 if period == 1 else 2,
    }


def _grace_seconds(options: Options) -> int:
    return options.drain_delay_seconds + REQUEST_TIMEOUT_SECONDS + STOP_MARGIN_SECONDS


def _model_environment(model: Mapping[str, str]) -> list[dict[str, str]]:
    pairs = {
        MODEL_URI: model["uri"],
        MODEL_DIGEST: model.get("digest", ""),
        MODEL_FORMAT: model.get("format", ""),
    }
    return [model_objects.variable(name, value) for name, value in pairs.items() if value]


def _field(pod: PodFields, name: str) -> list[tuple[str, Any]]:
    document = dump(PodFields(**{name: getattr(pod, name)}))
    return list(document.items())


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("mountPath", "readOnly", "subPath")
    return {key: value for key, value in volume.items() if key not in kept}


def _mount(volume: Mapping[str, Any]) -> dict[str, Any]:
    return {key: volume[key] for key in _MOUNT_FIELDS if key in volume}
