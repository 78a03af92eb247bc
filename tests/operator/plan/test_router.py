"""A namespace with models has a router, one without has none."""

from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.plan import router
from perennial_operator.plan.actions import Apply, Create, Delete, Plan
from perennial_operator.plan.snapshot import Child, Key, RouterSnapshot
from perennial_operator.testing import NOON, OPTIONS

KEY = Key("router", "default", "")
KINDS = ["ServiceAccount", "RoleBinding", "Deployment", "Service"]


def seen(*children: Child, models: tuple[str, ...] = ("churn",)) -> RouterSnapshot:
    """Return a namespace with these models and parts of the router."""
    token_of = {child.uid: "secret" for child in children}
    return RouterSnapshot(KEY, OPTIONS, models, "perennial-system", token_of, children)


def part(kind: str, *, ready: int = 2, name: str = "perennial-router") -> Child:
    """Return a live part of the router."""
    document: dict[str, Any] = {"spec": {"replicas": 2}, "status": {"readyReplicas": ready}}
    return Child(kind, name, f"uid-{kind}", "7", document)


def kinds(plan: Plan) -> list[list[str]]:
    """Return the kinds that each group writes."""
    return [
        [str(action.object["kind"]) for action in group if isinstance(action, Apply | Create)]
        for group in plan.actions
    ]


def test_a_running_router_is_only_asserted() -> None:
    """The Secret is not created again once Pods run with it."""
    plan = router.decide(seen(*map(part, KINDS)), NOON)

    assert kinds(plan) == [["ServiceAccount", "RoleBinding"], ["Deployment", "Service"]]
    found = {
        action.object["kind"]: action.uid
        for group in plan.actions
        for action in group
        if isinstance(action, Apply)
    }
    assert found == {kind: f"uid-{kind}" for kind in KINDS}
    assert (plan.status, plan.events, plan.look_again_seconds) == (None, (), None)
    assert plan == router.decide(seen(*map(part, KINDS)), NOON)


def test_rights_come_before_pods_and_the_token_with_the_deployment_s_uid() -> None:
    """First pass: no Deployment, so no token yet; second: the Secret is created."""
    assert kinds(router.decide(seen(), NOON))[2:] == []

    plan = router.decide(seen(part("Deployment", ready=1)), NOON)

    (group,) = plan.actions[2:]
    (create,) = group
    assert isinstance(create, Create)
    assert create.object["stringData"] == {"token": "secret"}
    assert create.object["metadata"]["ownerReferences"][0]["uid"] == "uid-Deployment"


def test_without_a_key_no_token_is_invented() -> None:
    """An operator that has no key yet creates no Secret."""
    snapshot = replace(seen(part("Deployment", ready=0)), token_of={})
    assert kinds(router.decide(snapshot, NOON))[2:] == []


def test_without_models_the_router_goes() -> None:
    """All of its parts, by uid and version, and nothing else."""
    parts = [*map(part, KINDS), part("Service", name="churn")]
    plan = router.decide(seen(*parts, models=()), NOON)
    (group,) = plan.actions
    assert group == tuple(Delete(kind, "perennial-router", f"uid-{kind}", "7") for kind in KINDS)


def test_an_empty_namespace_needs_nothing() -> None:
    """No models, no parts: an empty plan."""
    assert router.decide(seen(models=()), NOON) == Plan()


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_part_is_made_again(kind: str) -> None:
    """Whatever somebody deleted comes back."""
    left = [part(each) for each in KINDS if each != kind]
    plan = router.decide(seen(*left), NOON)
    assert kind in [each for group in kinds(plan) for each in group]
