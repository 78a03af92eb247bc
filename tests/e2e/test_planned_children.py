"""What the planners ask for is accepted by the real API server, and is then left alone."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from machine_stage import MachineStage

from perennial_operator.api import names
from perennial_operator.apply import intents
from perennial_operator.cluster import kinds
from perennial_operator.plan import router, serving
from perennial_operator.plan.actions import Apply, Create, Plan
from perennial_operator.plan.manifests import resolve_job
from perennial_operator.plan.rollout.states import State
from perennial_operator.plan.snapshot import Key, RouterSnapshot
from perennial_operator.testing import NOON, OPTIONS, Rollout
from perennial_sandbox.sandbox import Running

pytestmark = pytest.mark.e2e

Document = dict[str, Any]
FIELDS: dict[str, Any] = {
    "resources": {"requests": {"cpu": "0.5"}, "limits": {"memory": "1024Mi"}},
    "pod": {
        "env": [{"name": "A", "value": "b"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "volumes": [{"name": "data", "mountPath": "/data", "emptyDir": {}}],
        "securityContext": {"runAsUser": 1000},
        "imagePullSecrets": [{"name": "pull"}],
    },
}


@pytest.fixture
def stage(installed: Running) -> MachineStage:
    """Return a namespace of its own."""
    return MachineStage(installed)


def asked(plan: Plan) -> Iterator[Mapping[str, Any]]:
    """Yield the objects that a plan writes."""
    for group in plan.actions:
        for action in group:
            if isinstance(action, Apply | Create):
                yield action.object


def planned() -> list[Mapping[str, Any]]:
    """Return the children of a model in a canary, of its router, and a resolve Job."""
    rollout = Rollout(**FIELDS).serve().change(model="two").until(State.CANARY, "Collect")
    seen = rollout.cluster.snapshot()
    routers = RouterSnapshot(Key("router", "default", ""), OPTIONS, ("churn",), "system")
    model = {"uri": "s3://models/one", "credentials": "keys"}
    return [
        *asked(serving.decide(seen, rollout.cluster.now)),
        *asked(router.decide(routers, NOON)),
        resolve_job.job(seen.meta, model, OPTIONS),
    ]


@pytest.mark.parametrize("document", planned(), ids=lambda each: str(each["kind"]))
def test_a_planned_child_is_accepted_and_then_in_force(
    stage: MachineStage, document: Mapping[str, Any]
) -> None:
    """Every field is known, and the live object needs no second write."""
    metadata = {**document["metadata"], "namespace": stage.namespace}
    metadata.pop("ownerReferences", None)
    intent = intents.stamped({**document, "metadata": metadata})

    stage.cluster.apply(intent, manager=names.MANAGER_CHILDREN)

    live = stage.cluster.get(
        kinds.of(intent), namespace=stage.namespace, name=intent["metadata"]["name"]
    )
    assert live is not None
    assert intents.is_in_force(live, intent)
