"""The router of a namespace: Envoy beside our agent, its Service, account and token."""

from typing import Any

from perennial_operator.api import names
from perennial_operator.plan.actions import Object
from perennial_operator.plan.manifests import model_objects, run_objects
from perennial_operator.plan.snapshot import Options

XDS_DIR = "/perennial/xds"
TOKEN_DIR = "/perennial/router"  # noqa: S105  # a path, not a password
TOKEN_KEY = "token"  # noqa: S105  # the key's name, not the token
ROOT_KIND = "Router"
AGENT = "agent"
ENVOY = "envoy"
HTTP_PORT = 8080
ADMIN_PORT = 8081
GRACE_SECONDS = 60
MIN_READY_SECONDS = 5


def labels() -> dict[str, str]:
    """Return the labels of every object of the router."""
    return {
        names.LABEL_NAME: names.ROUTER,
        names.LABEL_COMPONENT: names.COMPONENT_ROUTER,
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_ROOT_KIND: ROOT_KIND,
        names.LABEL_ROOT_NAME: names.ROUTER,
    }


def service_account(namespace: str) -> Object:
    """Return the account whose token the agent uses to watch Pods and intents."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(namespace)}


def role_binding(namespace: str) -> Object:
    """Return the binding of that account to the router's ClusterRole."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(namespace),
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": names.ROUTER_CLUSTER_ROLE,
        },
        "subjects": [{"kind": "ServiceAccount", "name": names.ROUTER, "namespace": namespace}],
    }


def service(namespace: str) -> Object:
    """Return the Service of the router itself, for gateways in front of it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(namespace),
        "spec": {
            "type": "ClusterIP",
            "selector": _selector(),
            "ports": [
                {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"},
            ],
        },
    }


def secret(namespace: str, *, deployment_uid: str, token: str) -> Object:
    """Return the Secret with the token of the agents' state, owned by their Deployment."""
    metadata = _metadata(namespace)
    metadata["ownerReferences"] = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": names.ROUTER,
            "uid": deployment_uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "Opaque",
        "stringData": {TOKEN_KEY: token},
    }


def deployment(namespace: str, options: Options) -> Object:
    """Return the Deployment; its Pods drain before they go, one at a time."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(namespace),
        "spec": {
            "replicas": options.router_replicas,
            "minReadySeconds": MIN_READY_SECONDS,
            "revisionHistoryLimit": 1,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "selector": {"matchLabels": _selector()},
            "template": {"metadata": {"labels": labels()}, "spec": _pod(options)},
        },
    }


def _metadata(namespace: str) -> dict[str, Any]:
    return {"name": names.ROUTER, "namespace": namespace, "labels": labels()}


def _selector() -> dict[str, str]:
    return {
        names.LABEL_NAME: names.ROUTER,
        names.LABEL_COMPONENT: names.COMPONENT_ROUTER,
    }


def _pod(options: Options) -> dict[str, Any]:
    return {
        **model_objects.restricted_pod(),
        "serviceAccountName": names.ROUTER,
        "automountServiceAccountToken": True,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "initContainers": [_agent(options)],
        "containers": [_envoy(options)],
        "volumes": [
            {"name": "xds", "emptyDir": {"sizeLimit": model_objects.SCRATCH_LIMIT}},
            {"name": "token", "secret": {"secretName": names.ROUTER, "defaultMode": 0o440}},
        ],
    }


def _agent(options: Options) -> dict[str, Any]:
    return {
        "name": AGENT,
        "image": options.operator_image,
        "args": ["agent"],
        "restartPolicy": "Always",
        "env": [
            _from_field("POD_NAME", "metadata.name"),
            _from_field("POD_NAMESPACE", "metadata.namespace"),
            _from_field("POD_IP", "status.podIP"),
            model_objects.variable("PERENNIAL_XDS_DIR", XDS_DIR),
            model_objects.variable("PERENNIAL_ROUTER_TOKEN_FILE", f"{TOKEN_DIR}/{TOKEN_KEY}"),
        ],
        "ports": [{"name": "admin", "containerPort": ADMIN_PORT, "protocol": "TCP"}],
        "startupProbe": _probe("/livez", period=1, failures=60),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "securityContext": run_objects.restricted_container(),
        "volumeMounts": [
            run_objects.mount("xds", XDS_DIR),
            run_objects.mount("token", TOKEN_DIR, read_only=True),
        ],
    }


def _envoy(options: Options) -> dict[str, Any]:
    return {
        "name": ENVOY,
        "image": options.envoy_image,
        "args": [
            "--config-path",
            f"{XDS_DIR}/bootstrap.json",
            "--disable-hot-restart",
            "--log-level",
            "warning",
        ],
        "ports": [{"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"}],
        "readinessProbe": _probe("/readyz", period=2, failures=2),
        "lifecycle": {"preStop": {"httpGet": {"path": "/drain", "port": ADMIN_PORT}}},
        "securityContext": run_objects.restricted_container(),
        "volumeMounts": [run_objects.mount("xds", XDS_DIR)],
    }


def _from_field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": ADMIN_PORT},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 1 if period == 1 else 2,
    }
