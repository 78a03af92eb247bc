"""All objects of an installation: the API, its policies and roles, and the operator's workload.

The operator's Pod keeps the `restricted` standard of Pod Security: no root, no rights, read-only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from perennial_operator.api import names
from perennial_operator.api.schema import crds, policies, roles

Document = dict[str, Any]

NAME = roles.OPERATOR
KEY_SECRET = f"{NAME}-key"
KEY_DIRECTORY = "/perennial/key"
METRICS_PORT = 8080
HEALTH_PORT = 8081
GRACE_SECONDS = 30

PEOPLE: Mapping[str, tuple[str, ...]] = {
    # not Kubernetes' `edit`: it may impersonate every service account, the operator's too
    "perennial:scientists": ("view", roles.EDIT),
    "perennial:approvers": ("view", roles.VIEW, roles.APPROVER, roles.OPERATIONS),
}


def _released(image: str) -> str:
    return f"{image}:{version('perennial')}"


@dataclass(frozen=True, slots=True)
class Images:
    """The three images of the product."""

    operator: str = field(default_factory=lambda: _released(names.OPERATOR_IMAGE))
    serving: str = field(default_factory=lambda: _released(names.SERVING_IMAGE))
    envoy: str = field(default_factory=lambda: _released(names.ENVOY_IMAGE))


def manifests(
    *,
    namespace: str = "perennial-system",
    images: Images | None = None,
    settings: Mapping[str, str] | None = None,
) -> list[Document]:
    """Return everything, in the order in which it can be applied.

    `settings` are further `PERENNIAL_*` variables of the operator. The groups of `PEOPLE` get
    their roles in all namespaces.
    """
    return [
        *crds.documents(),
        *policies.documents(),
        *roles.documents(),
        _namespace(namespace),
        _service_account(namespace),
        _binding(NAME, roles.OPERATOR, _account_subject(namespace)),
        *people_bindings(),
        _deployment(namespace, images or Images(), settings or {}),
    ]


def people_bindings() -> Iterator[Document]:
    """Yield the bindings that give the groups of people their roles."""
    for group, held in PEOPLE.items():
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}
        for role in held:
            yield _binding(f"{group.replace(':', '-')}-{role}", role, subject)


def _namespace(name: str) -> Document:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
    }


def _service_account(namespace: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": NAME, "namespace": namespace, "labels": _labels()},
    }


def _account_subject(namespace: str) -> Document:
    return {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}


def _binding(name: str, role: str, subject: Document) -> Document:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }


def _labels() -> dict[str, str]:
    return {names.LABEL_NAME: NAME, names.LABEL_COMPONENT: "operator"}


def _deployment(namespace: str, images: Images, settings: Mapping[str, str]) -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": namespace, "labels": _labels()},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": _labels()},
            "template": {
                "metadata": {"labels": _labels()},
                "spec": _pod(images, settings),
            },
        },
    }


def _pod(images: Images, settings: Mapping[str, str]) -> Document:
    return {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(images, settings)],
        "volumes": [
            {"name": "key", "secret": {"secretName": KEY_SECRET, "optional": True}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        ],
    }


def _container(images: Images, settings: Mapping[str, str]) -> Document:
    return {
        "name": "operator",
        "image": images.operator,
        "args": ["operate"],
        "env": _environment(images, settings),
        "ports": [
            {"name": "metrics", "containerPort": METRICS_PORT},
            {"name": "health", "containerPort": HEALTH_PORT},
        ],
        # a crowded node may need a while to import and list: no restart for that
        "startupProbe": _probe("/healthz", "health") | {"periodSeconds": 2, "failureThreshold": 90},
        "readinessProbe": {**_probe("/readyz", "metrics"), "periodSeconds": 2},
        "livenessProbe": _probe("/healthz", "health"),
        "resources": {
            "requests": {"cpu": "200m", "memory": "256Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "key", "mountPath": KEY_DIRECTORY, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # a path of the Pod
        ],
    }


def _environment(images: Images, settings: Mapping[str, str]) -> list[Document]:
    values = {
        "PERENNIAL_OPERATOR_IMAGE": images.operator,
        "PERENNIAL_SERVING_IMAGE": images.serving,
        "PERENNIAL_ENVOY_IMAGE": images.envoy,
        # Said although it is the default: the process node maps paths that it sees.
        "PERENNIAL_KEY_FILE": f"{KEY_DIRECTORY}/key",
        **settings,
    }
    fields = {"POD_NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"}
    return [
        *(
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in fields.items()
        ),
        *({"name": name, "value": value} for name, value in values.items()),
    ]


def _probe(path: str, port: str) -> Document:
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": 10,
        "timeoutSeconds": 5,
        "failureThreshold": 3,
    }
