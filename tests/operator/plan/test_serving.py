"""The planner of a ModelDeployment: silent at rest, total, deterministic, and only from status."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial_operator.api import documents, names
from perennial_operator.api.decision import DecisionSpec, Target
from perennial_operator.api.documents import dump
from perennial_operator.api.model_deployment import ModelDeploymentSpec
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus
from perennial_operator.plan import serving
from perennial_operator.plan.actions import Answer, Apply, Create, Delete, Plan
from perennial_operator.plan.rollout.states import AT_REST, Stage, State
from perennial_operator.plan.snapshot import DecisionFacts, Missing, ModelSnapshot
from perennial_operator.testing import NOON, Rollout
from perennial_operator.testing.builders import digest

SERVED = Rollout().serve()
MOVING = Rollout().serve().change(model="two").until(State.CANARY, "Collect")


def kinds(plan: Plan) -> list[list[str]]:
    """Return what each group writes, by kind."""
    return [
        [
            str(action.object["kind"])
            if isinstance(action, Apply | Create)
            else type(action).__name__
            for action in group
        ]
        for group in plan.actions
    ]


def test_a_steady_object_changes_nothing() -> None:
    """No status, no event, and every action asserts what is there already."""
    plan = serving.decide(SERVED.cluster.snapshot(), SERVED.cluster.now)
    before = SERVED.cluster.writes
    SERVED.cluster.carry_out(plan)

    assert (plan.status, plan.events, plan.look_again_seconds) == (None, (), None)
    assert SERVED.cluster.writes == before


def test_the_same_picture_gives_the_same_plan() -> None:
    """No clock, no chance, no memory."""
    seen, now = MOVING.cluster.snapshot(), MOVING.cluster.now
    assert serving.decide(seen, now) == serving.decide(seen, now)


def test_identity_and_route_come_before_pods() -> None:
    """A pass that begins an attempt writes the revision first."""
    rollout = Rollout()
    plan = rollout.tick()
    assert kinds(plan) == [["ControllerRevision"], ["Service"], ["Deployment"]]


def test_known_children_are_named_by_uid_and_the_intent_by_version() -> None:
    """No old plan brings a deleted child back, or an old intent into force."""
    plan = serving.decide(MOVING.cluster.snapshot(), MOVING.cluster.now)
    applied = [each for group in plan.actions for each in group if isinstance(each, Apply)]
    assert all(each.uid for each in applied)
    (intent,) = [each for each in applied if each.object["kind"] == "ConfigMap"]
    assert intent.resource_version


def test_a_template_is_rendered_once() -> None:
    """Another image of the operator's settings restarts no Pod of a known revision."""
    seen = SERVED.cluster.snapshot()
    other = replace(seen, options=replace(seen.options, serving_image="other:1"))
    before = serving.decide(seen, SERVED.cluster.now)
    assert serving.decide(other, SERVED.cluster.now) == before


def test_history_beyond_the_limit_goes_with_its_deployments() -> None:
    """Deployments first, then the identities; what is in use stays."""
    rollout = Rollout().serve()
    stable = rollout.status.revisions.stable
    known = rollout.cluster.document("ControllerRevision", stable) or {}
    for number in range(12):
        name = f"churn-{number:010}"
        metadata = {
            "name": name,
            "labels": known["metadata"]["labels"],
            "ownerReferences": known["metadata"]["ownerReferences"],
        }
        rollout.cluster.put({**known, "metadata": metadata})
    deployment = rollout.cluster.document("Deployment", stable) or {}
    old = "churn-0000000000"
    metadata = {**deployment["metadata"], "name": old, "annotations": {}}
    spec = {**deployment["spec"], "replicas": 0}
    rollout.cluster.put({**deployment, "metadata": metadata, "spec": spec})

    rollout.tick()
    assert old not in rollout.cluster.named("Deployment")
    rollout.tick(3)

    assert len(rollout.cluster.named("ControllerRevision")) == 11
    assert stable in rollout.cluster.named("ControllerRevision")


def test_a_leftover_with_pods_is_looked_at_again() -> None:
    """It is scaled down once nothing goes there."""
    seen = MOVING.cluster.snapshot()
    rested = replace(
        seen.status,
        rollout=replace(seen.status.rollout, state=State.STABLE.value, stage=""),
        revisions=replace(seen.status.revisions, candidate=""),
    )
    blind = replace(seen, status=rested, traffic=Missing("NotRead"))
    plan = serving.decide(blind, MOVING.cluster.now)
    assert plan.look_again_seconds is not None


def test_a_decision_without_a_target_of_ours_is_answered_once() -> None:
    """The answer comes first in the plan, and is not given twice."""
    rollout = Rollout().serve()
    rollout.decide("Abort", name="late", attempt="0123456789-a1")
    assert rollout.answer("late") == "Stale"
    plan = serving.decide(rollout.cluster.snapshot(), rollout.cluster.now)
    assert not [each for group in plan.actions for each in group if isinstance(each, Answer)]


def test_a_lost_answer_is_repeated_from_status() -> None:
    """The crash came between the status and the answer: it acts once, and is answered."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    rollout.decide("Abort", name="stop", attempt=rollout.status.rollout.attempt)
    answered = rollout.cluster.snapshot()
    counted = rollout.status.rollout.decisions[-1]
    spec = DecisionSpec("Abort", Target(names.MODEL_DEPLOYMENT, "churn"), counted.by)
    again = DecisionFacts("stop", counted.uid, "1", NOON, spec)

    plan = serving.decide(replace(answered, decisions=(again,)), rollout.cluster.now)

    expected = serving.decide(answered, rollout.cluster.now)
    answer = Answer("stop", counted.uid, "1", "Accepted", "")
    assert plan == replace(expected, actions=((answer,), *expected.actions))


@pytest.mark.parametrize(
    ("reach", "seconds"),
    [((State.CANARY, "Collect"), 2.0), ((State.STABLE, ""), 10.0)],
)
def test_a_moving_rollout_is_looked_at_soon(reach: tuple[State, str], seconds: float) -> None:
    """Routers report to a table; the plan says when it has to be read."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY).until(*reach)
    plan = serving.decide(rollout.cluster.snapshot(), rollout.cluster.now)
    assert plan.look_again_seconds == seconds


def test_good_bad_good_is_never_bad() -> None:
    """After a refused spec is taken back, children and traffic are as if it had never been."""
    calm, rash = Rollout().serve(), Rollout().serve()
    rash.change(model="two").until(State.PREPARING).change(model="one").until(State.STABLE)
    rash.tick(5)
    stable = calm.status.revisions.stable
    assert (
        rash.cluster.document("Deployment", stable)["spec"]
        == (  # type: ignore[index]  # it is there
            calm.cluster.document("Deployment", stable) or {}
        )["spec"]
    )
    assert rash.condition("Ready") == calm.condition("Ready")
    assert rash.status.traffic == calm.status.traffic


def test_set_then_unset_is_never_set() -> None:
    """An edit that is taken back at once leaves nothing behind."""
    rollout = Rollout().serve()
    before = dump(rollout.status)
    rollout.change(resources={"limits": {"cpu": "1"}}).change(resources={})
    rollout.tick(3)
    generation = rollout.status.observed_generation
    after = dump(rollout.status)
    assert generation > before["observedGeneration"]
    for document in (before, after):
        document.pop("observedGeneration")
        document.pop("conditions")
    assert after == before


snapshots = st.builds(
    replace,
    st.sampled_from([SERVED.cluster.snapshot(), MOVING.cluster.snapshot()]),
    status_is_lost=st.booleans(),
    policies_active=st.booleans(),
)


@st.composite
def worlds(draw: st.DrawFn) -> ModelSnapshot:
    """Draw a picture that a planner may be shown: any state, any subset of what exists."""
    seen = draw(snapshots)
    state = draw(st.sampled_from(State))
    stages = {
        State.CANARY: [Stage.SCALE_UP, Stage.VERIFY_WEIGHT, Stage.COLLECT],
        State.PROMOTING: [Stage.SCALE_DOWN, Stage.SCALE_FULL, Stage.VERIFY_WEIGHT, Stage.BAKE],
        State.REVERTING: [Stage.SCALE_FULL, Stage.VERIFY_WEIGHT],
        State.ROLLING_BACK: [Stage.ENSURE_STABLE, Stage.OBSERVED_ZERO, Stage.DRAIN],
    }.get(state, [])
    rollout = replace(
        MOVING.status.rollout,
        state=state.value,
        stage=draw(st.sampled_from(stages)).value if stages else "",
        reason=draw(st.sampled_from(["", "Superseded", "Withdrawn", "Breaker"])),
    )
    roles = replace(
        MOVING.status.revisions,
        stable=draw(st.sampled_from(["", MOVING.status.revisions.stable])),
        candidate="" if state in AT_REST else MOVING.candidate,
    )
    spec = documents.load(
        ModelDeploymentSpec,
        {
            "model": draw(
                st.sampled_from(
                    [
                        {"uri": "s3://models/one", "digest": digest("one")},
                        {"uri": "s3://models/two", "digest": digest("two")},
                        {"uri": "s3://models/new"},
                    ]
                )
            ),
            "replicas": draw(st.integers(0, 3)),
        },
    )
    children = draw(st.lists(st.sampled_from(seen.children), unique_by=lambda each: each.uid))
    pods = draw(st.lists(st.sampled_from(seen.pods), unique_by=lambda each: each.uid))
    return replace(
        seen,
        spec=spec,
        status=replace(seen.status, rollout=rollout, revisions=roles),
        children=tuple(children),
        pods=tuple(pods),
        traffic=draw(st.sampled_from([seen.traffic, Missing("NotRead")])),
    )


@settings(max_examples=300, deadline=None)
@given(seen=worlds(), later=st.integers(0, 100_000))
def test_any_picture_gives_one_plan_that_can_be_stored(seen: ModelSnapshot, later: int) -> None:
    """Total and deterministic; the status round-trips and holds the invariants of weights."""
    now = MOVING.cluster.now + timedelta(seconds=later)

    plan = serving.decide(seen, now)

    assert plan == serving.decide(seen, now)
    assert all(
        isinstance(each, Apply | Create | Delete | Answer) for g in plan.actions for each in g
    )
    assert sum(map(len, plan.actions)) <= 50
    if plan.status is not None:
        status = documents.load(ModelDeploymentStatus, plan.status)
        assert dump(status) == plan.status
        weights = status.rollout.intent.weights
        assert weights.stable + weights.candidate == 10_000
        assert status.rollout.intent.epoch >= (
            0 if seen.status_is_lost else seen.status.rollout.intent.epoch
        )
