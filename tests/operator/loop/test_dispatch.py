"""Each snapshot finds its planner; a refused spec is answered."""

import pytest

from perennial_operator.api import reasons
from perennial_operator.loop import dispatch
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.snapshot import Key
from perennial_operator.testing import NOON, FakeCluster, model_deployment, retrain_job

ROUTER = Key("router", "default", "")


def test_every_snapshot_has_a_planner() -> None:
    """A model, a run and a router each get a plan of their own."""
    world = FakeCluster(model_deployment(), retrain_job())
    for key in (world.key, Key("rj", "default", "again"), ROUTER):
        assert dispatch.decide(world.snapshot(key), NOON).actions or key.kind == "rj"


def refused(kind: str) -> FakeCluster:
    """Return a world whose root has a location that no parser opens."""
    root = model_deployment() if kind == "md" else retrain_job()
    if kind == "md":
        root["spec"]["model"]["uri"] = "gopher://old"
    else:
        root["spec"]["output"]["uri"] = "gopher://old"
    return FakeCluster(root)


@pytest.mark.parametrize(
    ("kind", "types"), [("md", ["Ready", "Available", "Stalled"]), ("rj", ["Stalled"])]
)
def test_a_refused_spec_is_told_once(kind: str, types: list[str]) -> None:
    """Conditions and one Event say what to write; then all is silent."""
    world = refused(kind)
    plan = world.tick(dispatch.decide)
    assert plan.status
    shown = {each["type"]: each for each in plan.status["conditions"]}
    assert list(shown) == types
    assert shown["Stalled"]["reason"] == reasons.INVALID_SPEC
    assert plan.status["observedGeneration"] == 1
    assert [each.reason for each in plan.events] == [reasons.INVALID_SPEC]
    assert world.tick(dispatch.decide).is_empty


def test_what_was_known_before_a_refusal_stays() -> None:
    """The last good state serves on, and says so."""
    world = FakeCluster(model_deployment())
    available = {"type": "Available", "status": "True", "reason": "Serving"}
    ready = {"type": "Ready", "status": "True", "reason": "Ready"}
    document = model_deployment()
    document["spec"]["model"]["uri"] = "gopher://old"
    world.put(document)
    world.carry_out(Plan(status={"conditions": [ready, available], "traffic": "100%"}))
    plan = dispatch.decide(world.snapshot(), NOON)
    assert plan.status
    assert plan.status["traffic"] == "100%"
    assert [(each["type"], each["status"]) for each in plan.status["conditions"]] == [
        ("Ready", "False"),
        ("Available", "True"),
        ("Stalled", "True"),
    ]
