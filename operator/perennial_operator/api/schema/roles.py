"""The ClusterRoles: of people, of the router agent, and of the operator.

No wildcard, no `escalate`, `bind` or `impersonate`. The operator creates Secrets and cannot read
one; it holds what the router's role holds, so that it may hand it on.
"""

from collections.abc import Iterator
from typing import Any

from perennial_operator.api import names

Document = dict[str, Any]

VIEW = "perennial-view"
EDIT = "perennial-edit"
APPROVER = "perennial-approver"
OPERATIONS = "perennial-operations"
OPERATOR = "perennial-operator"

_READ = ["get", "list", "watch"]
_WRITE = ["create", "update", "patch", "delete", "deletecollection"]
_CHILD = ["get", "list", "watch", "create", "patch", "delete"]
_KINDS = ["modeldeployments", "retrainjobs", "decisions"]
_STATUSES = [f"{kind}/status" for kind in _KINDS]
_POLICY_GROUP = "admissionregistration.k8s.io"


def documents() -> Iterator[Document]:
    """Yield every ClusterRole."""
    yield _role(VIEW, _view(), into="view")
    yield _role(EDIT, _edit(), into="edit")
    yield _role(APPROVER, [_rule(["decisions"], ["create", "approve", "reject", "promote"])])
    yield _role(OPERATIONS, [_rule(["decisions"], ["create", "abort", "rollback", "retry"])])
    yield _role(names.ROUTER_CLUSTER_ROLE, [_rule(["pods", "configmaps"], _READ, group="")])
    yield _role(OPERATOR, operator_rules())


def operator_rules() -> list[Document]:
    """Return the rights of the operator: those its calls need, and the verb that names it."""
    return [
        _rule(_KINDS, [*_READ, names.OPERATOR_VERB]),
        _rule(_STATUSES, ["patch"]),
        _rule(["retrainjobs"], ["create", "delete"]),
        _rule(["deployments", "controllerrevisions"], _CHILD, group="apps"),
        _rule(["services", "configmaps", "serviceaccounts"], _CHILD, group=""),
        _rule(["jobs"], _CHILD, group="batch"),
        _rule(["poddisruptionbudgets"], _CHILD, group="policy"),
        _rule(["rolebindings"], _CHILD, group="rbac.authorization.k8s.io"),
        _rule(["pods"], _READ, group=""),
        _rule(["secrets"], ["create"], group=""),
        _rule(["leases"], ["get", "create", "update"], group="coordination.k8s.io"),
        _rule(["events"], ["create", "patch"], group="events.k8s.io"),
        {
            **_rule(
                ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
                ["get"],
                group=_POLICY_GROUP,
            ),
            "resourceNames": list(names.POLICIES),
        },
    ]


def _view() -> list[Document]:
    return [_rule([*_KINDS, *_STATUSES, "modeldeployments/scale"], _READ)]


def _edit() -> list[Document]:
    return [
        *_view(),
        _rule(["modeldeployments", "retrainjobs"], _WRITE),
        _rule(["modeldeployments/scale"], ["update", "patch"]),
        _rule(["decisions"], ["create", "abort", "retry"]),
    ]


def _rule(resources: list[str], verbs: list[str], *, group: str = names.GROUP) -> Document:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _role(name: str, rules: list[Document], *, into: str = "") -> Document:
    metadata: Document = {"name": name}
    if into:
        metadata["labels"] = {f"rbac.authorization.k8s.io/aggregate-to-{into}": "true"}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata,
        "rules": rules,
    }
