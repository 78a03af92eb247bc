"""The ClusterRoles: who may what."""

from typing import Any

import pytest

from perennial_operator.api import decision, names
from perennial_operator.api.schema import roles

ROLES = {each["metadata"]["name"]: each for each in roles.documents()}


def verbs(role: str, resource: str, group: str = names.GROUP) -> set[str]:
    """Return what a role may do with a resource."""
    return {
        verb
        for rule in ROLES[role]["rules"]
        if resource in rule["resources"] and group in rule["apiGroups"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("name", ROLES)
def test_no_role_has_a_wildcard_or_a_way_to_more_rights(name: str) -> None:
    """Nobody gets `*`, escalate, bind or impersonate."""
    for rule in ROLES[name]["rules"]:
        words = {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}
        assert words & {"*", "escalate", "bind", "impersonate"} == set()


def test_the_operator_reads_no_secret_and_writes_no_spec() -> None:
    """Secrets are created only; of users' objects it writes status, and runs of its own."""
    own = names.OPERATOR_VERB

    assert verbs("perennial-operator", "secrets", "") == {"create"}
    assert verbs("perennial-operator", "modeldeployments") == {"get", "list", "watch", own}
    assert verbs("perennial-operator", "decisions") == {"get", "list", "watch", own}
    assert verbs("perennial-operator", "retrainjobs") == {
        *("get", "list", "watch", "create", "delete", own),
    }
    assert verbs("perennial-operator", "modeldeployments/status") == {"patch"}
    assert verbs("perennial-operator", "pods", "") == {"get", "list", "watch"}


def test_the_operator_has_few_rules_and_no_other_role_its_verb() -> None:
    """The verb is what policies know it by."""
    holders = [
        name
        for name, role in ROLES.items()
        if any(names.OPERATOR_VERB in rule["verbs"] for rule in role["rules"])
    ]

    assert len(ROLES["perennial-operator"]["rules"]) <= 25
    assert holders == ["perennial-operator"]


def test_the_operator_may_hand_on_the_router_s_role() -> None:
    """It holds each right of that role itself, so that it needs no `bind`."""
    for rule in ROLES["perennial-router"]["rules"]:
        for resource in rule["resources"]:
            assert set(rule["verbs"]) <= verbs("perennial-operator", resource, "")


def test_the_operator_gets_the_three_policies_by_name() -> None:
    """To know that they are there; it reads no other."""
    rule: dict[str, Any] = ROLES["perennial-operator"]["rules"][-1]

    assert rule["resourceNames"] == list(names.POLICIES)
    assert rule["verbs"] == ["get"]


def test_people_hold_the_actions_of_their_part() -> None:
    """Who asks may stop and retry; who approves does not operate, and the other way round."""
    actions = {
        role: verbs(role, "decisions") & {each.lower() for each in decision.ACTIONS}
        for role in ("perennial-view", "perennial-edit", "perennial-approver")
    }
    actions["perennial-operations"] = verbs("perennial-operations", "decisions") - {"create"}

    assert actions == {
        "perennial-view": set(),
        "perennial-edit": {"abort", "retry"},
        "perennial-approver": {"approve", "reject", "promote"},
        "perennial-operations": {"abort", "rollback", "retry"},
    }


def test_view_and_edit_join_kubernetes_own_roles() -> None:
    """Whoever may view or edit a namespace sees and writes our kinds; deciding is given singly."""
    labels = {name: role["metadata"].get("labels", {}) for name, role in ROLES.items()}

    assert labels["perennial-view"] == {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    assert labels["perennial-edit"] == {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}
    assert labels["perennial-approver"] == labels["perennial-operations"] == {}


def test_nobody_but_the_operator_writes_status() -> None:
    """A status tells the truth."""
    for name in ROLES.keys() - {"perennial-operator"}:
        for kind in ("modeldeployments", "retrainjobs", "decisions"):
            assert verbs(name, f"{kind}/status") <= {"get", "list", "watch"}
