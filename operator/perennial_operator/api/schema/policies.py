"""The three ValidatingAdmissionPolicies and their bindings.

They run in the API server, also while the operator is away. The operator is whoever may
`operate` the resource: a verb of no API, which only the operator's own role names.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from perennial_operator.api import names

Document = dict[str, Any]

MODELS, RUNS, DECISIONS = names.POLICIES

_IS_OPERATOR = (
    f"authorizer.group('{names.GROUP}').resource('retrainjobs')"
    f".namespace(object.metadata.namespace).check('{names.OPERATOR_VERB}').allowed()"
)
# One expression may spend 1,000,000 units and one question to the authorizer costs 350,000, so
# each Secret is asked about in an expression of its own.
SECRET_LIMIT = 10
_READER = "authorizer.group('').resource('secrets').namespace(object.metadata.namespace)"
_READS_ALL_SECRETS = f"{_READER}.check('get').allowed()"
_NEW_SECRETS = "variables.secrets.filter(name, name != '' && !(name in variables.knownSecrets))"
_DISTINCT_SECRETS = (
    "variables.newSecrets.transformList(index, name, variables.newSecrets.indexOf(name) == index, "
    "string(name))"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One expression that must hold; `explained` is CEL that makes the message."""

    expression: str
    message: str
    explained: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy over one resource."""

    name: str
    resource: str
    operations: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]


def secret_names(root: str, *, references: tuple[str, ...], pods: tuple[str, ...]) -> str:
    """Return CEL for the names of all Secrets that an object refers to ('' where none).

    `references` are paths of Secret references, `pods` of curated Pod fields.
    """
    single = ", ".join(f"{_path(root, each)}.?name.orValue('')" for each in references)
    return " + ".join((f"[{single}]", *(_pod_secrets(_path(root, each)) for each in pods)))


def documents() -> Iterator[Document]:
    """Yield each policy and its binding."""
    for policy in (MODEL_POLICY, RUN_POLICY, DECISION_POLICY):
        yield _policy_document(policy)
        yield _binding_document(policy)


def _path(root: str, path: str) -> str:
    return "".join((root, *(f".?{part}" for part in path.split("."))))


def _pod_secrets(pod: str) -> str:
    environment = (
        f"{pod}.?env.orValue([]).map(each, each.?valueFrom.?secretKeyRef.?name.orValue(''))"
    )
    volumes = f"{pod}.?volumes.orValue([]).map(each, each.?secret.?secretName.orValue(''))"
    pulls = f"{pod}.?imagePullSecrets.orValue([]).map(each, each.name)"
    return f"{environment} + {volumes} + {pulls}"


_MODEL_REFERENCES = ("spec.model.credentialsSecretRef",)
_MODEL_PODS = ("spec.pod",)
_RUN_REFERENCES = ("spec.data.credentialsSecretRef", "spec.output.credentialsSecretRef")
_RUN_PODS = ("spec.trainer.pod", "spec.trainer.container")


def _secret_checks() -> Iterator[Check]:
    for index in range(SECRET_LIMIT):
        secret = f"variables.askedSecrets[{index}]"
        yield Check(
            f"size(variables.askedSecrets) <= {index} || variables.readsAllSecrets || "
            f"{_READER}.name({secret}).check('get').allowed()",
            "refer to Secrets that you may read, or ask for the right to get them",
            f"'refer to a Secret that you may read, or ask for the right to get ' + {secret} + "
            "', because Pods of this object would use it in your place'",
        )
    yield Check(
        f"size(variables.askedSecrets) <= {SECRET_LIMIT} || variables.readsAllSecrets",
        f"refer to at most {SECRET_LIMIT} Secrets that are new here, or ask for the right to get "
        "all Secrets of the namespace",
    )


def _secret_variables(known: str) -> tuple[tuple[str, str], ...]:
    return (
        ("knownSecrets", known),
        ("newSecrets", _NEW_SECRETS),
        ("askedSecrets", _DISTINCT_SECRETS),
        ("readsAllSecrets", _READS_ALL_SECRETS),
    )


_ACCOUNT = Check(
    "variables.account == '' || variables.account == 'default' || "
    "variables.account == variables.knownAccount || "
    "authorizer.group('').resource('serviceaccounts').namespace(object.metadata.namespace)"
    ".name(variables.account).check('use').allowed()",
    "remove serviceAccountName, or ask for the verb use on that ServiceAccount",
    "'remove serviceAccountName, or ask for the verb use on ServiceAccount ' + "
    "string(variables.account) + ', because Pods of this object would act in its name'",
)


def _managed_by(root: str) -> str:
    return f"{_path(root, 'metadata.labels')}[?'{names.LABEL_MANAGED_BY}']"


def _unless_trusted(check: Check) -> Check:
    return replace(check, expression=f"variables.isTrusted || ({check.expression})")


MODEL_POLICY = Policy(
    name=MODELS,
    resource="modeldeployments",
    operations=("CREATE", "UPDATE"),
    variables=(
        ("secrets", secret_names("object", references=_MODEL_REFERENCES, pods=_MODEL_PODS)),
        *_secret_variables(
            "oldObject == null ? [] : "
            + secret_names("oldObject", references=_MODEL_REFERENCES, pods=_MODEL_PODS),
        ),
        ("account", "object.?spec.?pod.?serviceAccountName.orValue('')"),
        (
            "knownAccount",
            "oldObject == null ? '' : oldObject.?spec.?pod.?serviceAccountName.orValue('')",
        ),
    ),
    checks=(*_secret_checks(), _ACCOUNT),
)

_REQUESTER = Check(
    "variables.requestedBy in ['', request.userInfo.username]",
    "set spec.requestedBy to your own user name, or leave it out",
    "'set spec.requestedBy to your own user name, ' + request.userInfo.username + "
    "', or leave it out'",
)
_NO_RETRY = Check(
    "object.?spec.?trigger.?type.orValue('Manual') != 'Retry'",
    "create a Decision with action: Retry about the run, because only the operator makes runs "
    "of type Retry",
)

RUN_POLICY = Policy(
    name=RUNS,
    resource="retrainjobs",
    operations=("CREATE", "UPDATE"),
    variables=(
        ("isOperator", _IS_OPERATOR),
        ("isTrusted", "request.operation == 'UPDATE' || variables.isOperator"),
        ("managedBy", _managed_by("object")),
        ("managedBefore", f"oldObject == null ? optional.none() : {_managed_by('oldObject')}"),
        ("requestedBy", "object.?spec.?requestedBy.orValue('')"),
        ("secrets", secret_names("object", references=_RUN_REFERENCES, pods=_RUN_PODS)),
        *_secret_variables("[]"),
        ("account", "object.?spec.?trainer.?pod.?serviceAccountName.orValue('')"),
        ("knownAccount", "''"),
    ),
    checks=(
        _unless_trusted(_REQUESTER),
        _unless_trusted(_NO_RETRY),
        Check(
            f"variables.isOperator || variables.managedBy.orValue('') != '{names.MANAGED_BY}' || "
            "variables.managedBy == variables.managedBefore",
            f"remove label {names.LABEL_MANAGED_BY}: {names.MANAGED_BY}, because it marks what "
            "the operator made",
        ),
        *(_unless_trusted(each) for each in _secret_checks()),
        _unless_trusted(_ACCOUNT),
    ),
)

DECISION_POLICY = Policy(
    name=DECISIONS,
    resource="decisions",
    operations=("CREATE",),
    variables=(),
    checks=(
        Check(
            "object.spec.by == request.userInfo.username",
            "set spec.by to your own user name",
            "'set spec.by to your own user name, ' + request.userInfo.username",
        ),
        Check(
            f"authorizer.group('{names.GROUP}').resource('decisions')"
            ".namespace(object.metadata.namespace).name(object.spec.target.name)"
            ".check(object.spec.action.lowerAscii()).allowed()",
            "ask for the action as a verb on decisions",
            "'ask for the verb ' + object.spec.action.lowerAscii() + "
            f"' on decisions.{names.GROUP}: ClusterRole perennial-approver holds approve, reject, "
            "promote; perennial-operations holds abort, rollback, retry'",
        ),
        Check(
            "!request.userInfo.username.startsWith('system:') || "
            "!(object.spec.action in ['Approve', 'Reject', 'Promote'])",
            "let a person create this Decision with their own user, because programs do not "
            "approve",
        ),
    ),
)


def _policy_document(policy: Policy) -> Document:
    spec: Document = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [names.GROUP],
                    "apiVersions": [names.VERSION],
                    "operations": list(policy.operations),
                    "resources": [policy.resource],
                }
            ]
        },
        "variables": [{"name": name, "expression": each} for name, each in policy.variables],
        "validations": [_validation(each) for each in policy.checks],
    }
    return {**_head("ValidatingAdmissionPolicy", policy.name), "spec": spec}


def _binding_document(policy: Policy) -> Document:
    spec = {"policyName": policy.name, "validationActions": ["Deny"]}
    return {**_head("ValidatingAdmissionPolicyBinding", policy.name), "spec": spec}


def _head(kind: str, name: str) -> Document:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
    }


def _validation(check: Check) -> Document:
    document = {
        "expression": check.expression,
        "message": check.message,
        "reason": "Forbidden",
    }
    if check.explained:
        document["messageExpression"] = check.explained
    return document
