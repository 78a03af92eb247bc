"""The admission policies as documents; what they decide is proved on a real API server."""

from typing import Any

import pytest

from perennial_operator.api import names
from perennial_operator.api.schema import policies

DOCUMENTS = list(policies.documents())
POLICIES = {
    each["metadata"]["name"]: each["spec"]
    for each in DOCUMENTS
    if each["kind"] == "ValidatingAdmissionPolicy"
}


def expressions(spec: dict[str, Any]) -> list[str]:
    """Return all CEL of a policy."""
    return [each["expression"] for each in (*spec["variables"], *spec["validations"])]


def test_each_policy_has_its_binding_that_denies() -> None:
    """An unbound policy does nothing, so the pair is applied together."""
    bindings = {
        each["metadata"]["name"]: each["spec"]
        for each in DOCUMENTS
        if each["kind"] == "ValidatingAdmissionPolicyBinding"
    }

    assert tuple(POLICIES) == names.POLICIES == tuple(bindings)
    for name, spec in bindings.items():
        assert spec == {"policyName": name, "validationActions": ["Deny"]}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_that_cannot_be_evaluated_denies(name: str) -> None:
    """Failure is never permission."""
    assert POLICIES[name]["failurePolicy"] == "Fail"


@pytest.mark.parametrize(
    ("name", "resource", "operations"),
    [
        ("perennial-models", "modeldeployments", ["CREATE", "UPDATE"]),
        ("perennial-runs", "retrainjobs", ["CREATE", "UPDATE"]),
        ("perennial-decisions", "decisions", ["CREATE"]),
    ],
)
def test_a_policy_watches_its_resource_and_no_status(
    name: str, resource: str, operations: list[str]
) -> None:
    """Status writes are the operator's and cost nothing here."""
    (rule,) = POLICIES[name]["matchConstraints"]["resourceRules"]

    assert (rule["apiGroups"], rule["resources"]) == (["perennial.dev"], [resource])
    assert rule["operations"] == operations


@pytest.mark.parametrize("name", POLICIES)
def test_no_expression_asks_the_authorizer_more_than_twice(name: str) -> None:
    """A question costs 350,000 of the 1,000,000 that one expression may spend."""
    assert max(each.count(".check(") for each in expressions(POLICIES[name])) <= 2


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_asks_within_its_whole_budget(name: str) -> None:
    """All expressions together may spend 10,000,000."""
    assert sum(each.count(".check(") for each in expressions(POLICIES[name])) * 350_000 < 10**7


@pytest.mark.parametrize("name", POLICIES)
def test_no_message_asks_the_authorizer(name: str) -> None:
    """Messages are made without it; one that asked would fall back to its plain text."""
    for each in POLICIES[name]["validations"]:
        assert "authorizer" not in each.get("messageExpression", "")
        assert each["message"].split()[0] in ("ask", "create", "let", "refer", "remove", "set")
        assert each["reason"] == "Forbidden"


def test_the_operator_is_known_by_its_verb_and_not_by_its_name() -> None:
    """An installation may call its ServiceAccount as it likes."""
    text = "".join(expressions(POLICIES["perennial-runs"]))

    assert ".check('operate').allowed()" in text
    assert "system:serviceaccount" not in text


def test_names_of_secrets_are_collected_from_every_position() -> None:
    """Single references, environments, volumes and pull secrets."""
    found = policies.secret_names("object", references=("spec.a",), pods=("spec.pod",))

    assert found == (
        "[object.?spec.?a.?name.orValue('')] + "
        "object.?spec.?pod.?env.orValue([])"
        ".map(each, each.?valueFrom.?secretKeyRef.?name.orValue('')) + "
        "object.?spec.?pod.?volumes.orValue([])"
        ".map(each, each.?secret.?secretName.orValue('')) + "
        "object.?spec.?pod.?imagePullSecrets.orValue([]).map(each, each.name)"
    )
