"""The static table of kinds that we read or write: no discovery, so nothing to go stale."""

from collections.abc import Mapping
from typing import Any

from perennial_operator.api import names
from perennial_operator.cluster.port import Kind

MODEL_DEPLOYMENT = Kind(names.MODEL_DEPLOYMENT, names.GROUP, names.VERSION, "modeldeployments")
RETRAIN_JOB = Kind(names.RETRAIN_JOB, names.GROUP, names.VERSION, "retrainjobs")
DECISION = Kind(names.DECISION, names.GROUP, names.VERSION, "decisions")
OURS = (MODEL_DEPLOYMENT, RETRAIN_JOB, DECISION)

DEPLOYMENT = Kind("Deployment", "apps", "v1", "deployments")
CONTROLLER_REVISION = Kind("ControllerRevision", "apps", "v1", "controllerrevisions")
SERVICE = Kind("Service", "", "v1", "services")
CONFIG_MAP = Kind("ConfigMap", "", "v1", "configmaps")
POD = Kind("Pod", "", "v1", "pods")
SERVICE_ACCOUNT = Kind("ServiceAccount", "", "v1", "serviceaccounts")
SECRET = Kind("Secret", "", "v1", "secrets")
JOB = Kind("Job", "batch", "v1", "jobs")
ROLE_BINDING = Kind("RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings")
EVENT = Kind("Event", "events.k8s.io", "v1", "events")
ADMISSION_POLICY = Kind(
    "ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicies",
    is_namespaced=False,
)
ADMISSION_POLICY_BINDING = Kind(
    "ValidatingAdmissionPolicyBinding",
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    is_namespaced=False,
)

WATCHED = (
    DEPLOYMENT,
    CONTROLLER_REVISION,
    SERVICE,
    CONFIG_MAP,
    POD,
    SERVICE_ACCOUNT,
    JOB,
    ROLE_BINDING,
)
"""Children that carry our managed-by label. Secrets are created, never read."""


ALL = (*OURS, *WATCHED, SECRET, EVENT, ADMISSION_POLICY, ADMISSION_POLICY_BINDING)

_BY_NAME = {(kind.api_version, kind.kind): kind for kind in ALL}
_BY_KIND = {kind.kind: kind for kind in ALL}


def of(document: Mapping[str, Any]) -> Kind:
    """Return the kind of a document; KeyError for one that is not in the table."""
    return _BY_NAME[document["apiVersion"], document["kind"]]


def named(kind: str) -> Kind:
    """Return the kind of that name; KeyError for one that is not in the table."""
    return _BY_KIND[kind]


def path(kind: Kind, *, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """Return the URL path of a collection, an object or a subresource."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    scope = f"/namespaces/{namespace}" if kind.is_namespaced and namespace else ""
    parts = [root + scope, kind.plural, name, subresource]
    return "/".join(part for part in parts if part)
