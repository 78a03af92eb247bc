"""What a pass brings up to date: facts of the snapshot, a lost status, lost identities."""

from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api import names, reasons
from perennial_operator.plan import serving, upkeep
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.rollout.states import State
from perennial_operator.testing import Rollout


def canary(**spec: Any) -> Rollout:  # noqa: ANN401  # JSON
    """Return a rollout in its first step."""
    return Rollout(**spec).serve().change(model="two").until(State.CANARY, "Collect")


def steps(*pairs: tuple[int, str]) -> dict[str, Any]:
    """Return a rollout's spec with these steps."""
    listed = [{"weight": weight, "dwell": dwell} for weight, dwell in pairs]
    return {"canary": {"steps": listed}, "promotion": {"bake": "30s"}}


def lose_status(rollout: Rollout) -> None:
    """Remove the status as a restore from a backup does."""
    rollout.cluster.carry_out(Plan(status={}))


def weights(rollout: Rollout) -> dict[str, int]:
    """Return what the routers were told."""
    view = rollout.view()
    return {name: view.routers.weight(name) for name in rollout.replicas()}


def test_at_rest_nothing_is_brought_up_to_date() -> None:
    """The status of a steady object stays."""
    view = Rollout().serve().view()
    assert upkeep.observed(view) == view.status


@pytest.mark.parametrize(
    ("edited", "step", "stage"),
    [
        (steps((5, "20s"), (25, "20s")), 0, "Collect"),
        (steps((5, "20s"), (10, "20s"), (60, "20s")), 1, "Collect"),
        (steps((20, "20s"), (60, "20s")), 0, "ScaleUp"),
    ],
    ids=["below", "equal", "all above"],
)
def test_edited_steps_move_no_weight(edited: dict[str, Any], step: int, stage: str) -> None:
    """The highest step that is reached goes on, its dwell anew."""
    rollout = canary()
    before = weights(rollout)
    view = replace(rollout.change(rollout=edited).view(), now=rollout.cluster.now)

    found = upkeep.observed(view).rollout

    assert (found.step, found.stage) == (step, stage)
    assert found.intent == view.rollout.intent
    assert weights(rollout) == before


def test_steps_edited_later_wait_for_their_turn() -> None:
    """In a scale-up nothing is redefined; before any weight it is at once."""
    rollout = canary()
    view = rollout.change(rollout=steps((30, "20s"))).view()
    scaling = replace(view.rollout, stage="ScaleUp", step=1)
    held = replace(view, status=replace(view.status, rollout=scaling))
    assert upkeep.observed(held).rollout.definition == view.rollout.definition
    preparing = replace(view.rollout, state=State.PREPARING.value, stage="")
    early = replace(view, status=replace(view.status, rollout=preparing))
    definition = upkeep.observed(early).rollout.definition
    assert definition is not None
    assert definition.weights == (30,)


def test_evidence_is_sealed_every_ten_minutes() -> None:
    """A person who looks in the middle of a long step finds a fresh digest."""
    rollout = canary(rollout=steps((10, "1h"), (50, "1m")))
    first = rollout.status.rollout.seal
    rollout.tick(25, seconds=30)
    second = rollout.status.rollout.seal
    assert first is not None
    assert second is not None
    assert second.previous == first.digest


def test_a_shortage_is_dated_and_forgotten() -> None:
    """Since when the candidate has too few ready Pods; empty when it has enough."""
    rollout = canary()
    view = rollout.view()
    gone = replace(view, seen=replace(view.seen, pods=view.pods(view.roles.stable)))
    short = upkeep.observed(gone)
    assert short.rollout.short_since
    again = replace(gone, status=short)
    assert upkeep.observed(again).rollout.short_since == short.rollout.short_since
    assert upkeep.observed(replace(view, status=short)).rollout.short_since == ""


def test_a_lost_status_at_rest_comes_back_without_a_rollout() -> None:
    """Stable by its promotion number, the epoch as the routers have it."""
    rollout = canary().until(State.STABLE)
    rollout.tick(100)
    before, known = rollout.status, weights(rollout)

    lose_status(rollout)
    rollout.tick(5)

    after = rollout.status
    assert after.revisions.stable == before.revisions.stable
    assert after.revisions.previous == before.revisions.previous
    assert after.revisions.committed_model == before.revisions.committed_model
    assert after.rollout.intent.epoch == before.rollout.intent.epoch
    assert rollout.state is State.STABLE
    assert weights(rollout) == known


def test_a_lost_status_keeps_the_warm_revision_warm() -> None:
    """What the routers were told to keep is the previous one."""
    rollout = canary().until(State.STABLE)
    rollout.tick(3)
    previous = rollout.status.revisions.previous

    lose_status(rollout)
    rollout.tick()

    assert rollout.status.revisions.previous == previous
    assert rollout.status.revisions.previous_until
    assert rollout.replicas()[previous] == 1


@pytest.mark.parametrize(
    ("state", "stage", "back"),
    [("Canary", "Collect", "Canary"), ("Promoting", "Bake", "Promoting")],
)
def test_a_lost_status_in_an_attempt_moves_no_traffic(state: str, stage: str, back: str) -> None:
    """The attempt begins anew at its weight, with a new number."""
    rollout = canary().until(State(state), stage)
    candidate, before = rollout.candidate, weights(rollout)

    lose_status(rollout)
    rollout.tick()

    assert (rollout.candidate, rollout.state) == (candidate, State(back))
    assert rollout.status.rollout.attempt.endswith("-a2")
    assert weights(rollout) == before
    rollout.until(State.STABLE)
    assert rollout.status.revisions.stable == candidate


def test_a_lost_status_between_steps_begins_with_the_first() -> None:
    """At a weight below every step, the next one is the first."""
    rollout = canary()
    rollout.change(rollout=steps((20, "20s"), (60, "20s")))
    lose_status(rollout)
    rollout.tick()
    assert (rollout.state, rollout.status.rollout.step) == (State.CANARY, 0)


def test_refusals_survive_a_lost_status() -> None:
    """The annotations know what is not tried again."""
    rollout = canary()
    rollout.decide("Abort", attempt=rollout.status.rollout.attempt)
    rollout.until(State.ROLLED_BACK)
    refused = rollout.status.revisions.rejected[0]

    lose_status(rollout)
    rollout.tick(5)

    found = rollout.status.revisions.rejected[0]
    assert (found.revision, found.reason) == (refused.revision, reasons.ABORTED)
    assert rollout.candidate == ""


def test_a_lost_status_before_the_first_commit_starts_over() -> None:
    """Without a promoted revision there is nothing to rebuild."""
    rollout = Rollout()
    rollout.tick(2)
    lose_status(rollout)
    rollout.serve()
    assert rollout.status.rollout.completion == "Initial"


def test_a_lost_status_without_an_intent_tells_the_routers_again() -> None:
    """Both gone: stable serves everything."""
    rollout = Rollout().serve()
    rollout.cluster.remove("ConfigMap", names.routing_intent_name("churn"))
    lose_status(rollout)
    rollout.tick(3)
    assert rollout.status.rollout.acknowledged.epoch == 1


@pytest.mark.parametrize("role", ["stable", "candidate"])
def test_a_deleted_identity_is_restored_from_its_deployment(role: str) -> None:
    """The template says what it serves; no Pod is restarted, no attempt is lost."""
    rollout = canary()
    name = getattr(rollout.status.revisions, role)
    before = rollout.cluster.document("Deployment", name)
    rollout.cluster.remove("ControllerRevision", name)

    rollout.tick()

    assert name in rollout.cluster.named("ControllerRevision")
    after = rollout.cluster.document("Deployment", name)
    assert before is not None
    assert after is not None
    assert after["spec"]["template"] == before["spec"]["template"]
    assert rollout.state is State.CANARY


def test_a_stable_revision_without_any_trace_is_made_from_spec() -> None:
    """Identity and Deployment deleted: both come back, and no rollout begins."""
    rollout = Rollout().serve()
    stable = rollout.status.revisions.stable
    rollout.cluster.remove("ControllerRevision", stable)
    rollout.cluster.remove("Deployment", stable)

    rollout.tick(5)

    assert rollout.cluster.named("ControllerRevision") == (stable,)
    assert rollout.replicas() == {stable: 1}
    assert serving.decide(rollout.cluster.snapshot(), rollout.cluster.now).status is None
