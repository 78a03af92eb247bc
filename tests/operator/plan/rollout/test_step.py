"""The rules in their order: what holds, what goes on, what goes back, and how stable is kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from perennial_operator.api import reasons
from perennial_operator.api.routing_intent import WEIGHT_SUM
from perennial_operator.plan import serving
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.rollout import step
from perennial_operator.plan.rollout.moves import View
from perennial_operator.plan.rollout.states import State
from perennial_operator.plan.snapshot import Missing, PodFacts
from perennial_operator.testing import PodBehavior, Rollout
from perennial_operator.testing.rollouts import QUICK


def at_step(stage: str = "Collect", **spec: Any) -> Rollout:  # noqa: ANN401  # JSON
    """Return a rollout in its first step."""
    rollout = Rollout(**spec).serve().change(model="two")
    return rollout.until(State.CANARY, stage)


def blind(rollout: Rollout, times: int, *, seconds: float = 1.0) -> None:
    """Let the planner work without an answer of the routers."""

    def decide(seen: Any, now: Any) -> Plan:  # noqa: ANN401  # as FakeCluster hands them over
        return serving.decide(replace(seen, traffic=Missing("NotRead")), now)

    for _ in range(times):
        rollout.cluster.tick(decide, seconds=seconds)


def with_pods(view: View, change: Any) -> View:  # noqa: ANN401  # a function over PodFacts
    """Return the view with its Pods changed."""
    seen = replace(view.seen, pods=tuple(change(pod) for pod in view.seen.pods))
    return replace(view, seen=seen)


def test_at_rest_nothing_is_to_be_done() -> None:
    """No rule wants a turn."""
    assert step.step(Rollout().serve().view()) is None


def test_a_step_without_counters_waits_and_then_holds() -> None:
    """Time alone never raises a weight."""
    rollout = at_step()
    blind(rollout, 60)
    assert (rollout.state, rollout.status.rollout.step) == (State.CANARY, 0)

    blind(rollout, 20, seconds=60)
    assert rollout.state is State.HOLDING
    hold = rollout.status.rollout.hold
    assert hold is not None
    assert hold.cause == reasons.EVIDENCE_MISSING
    assert reasons.ROLLOUT_HOLDING in rollout.events

    rollout.tick(3)
    rollout.until(State.STABLE)
    assert reasons.ROLLOUT_RESUMED in rollout.events


def test_routers_that_do_not_take_over_hold_the_rollout() -> None:
    """After two minutes; once all run the weights for a minute it goes on, the dwell anew."""
    rollout = Rollout().serve().change(model="two")
    rollout.cluster.simulation.acknowledge = False
    rollout.until(State.CANARY, "VerifyWeight").tick(130)
    assert rollout.state is State.HOLDING
    hold = rollout.status.rollout.hold
    assert hold is not None
    assert hold.cause == reasons.ROUTER_NOT_ACKNOWLEDGING

    rollout.cluster.simulation.acknowledge = True
    rollout.tick(30)
    assert rollout.state is State.HOLDING
    rollout.until(State.CANARY)
    rollout.until(State.STABLE)


def test_lack_of_room_holds_and_room_lets_it_go_on() -> None:
    """Pods that never become ready hold the next step; harm is not assumed."""
    rollout = at_step(replicas=8)
    rollout.cluster.simulation.start_seconds = 100_000
    rollout.until(State.CANARY, "ScaleUp").tick(12, seconds=60)
    assert rollout.state is State.HOLDING
    hold = rollout.status.rollout.hold
    assert hold is not None
    assert (hold.cause, hold.state, hold.step) == (reasons.CAPACITY_SHORT, "Canary", 1)
    assert rollout.replicas()[rollout.candidate] == 4

    rollout.cluster.simulation.start_seconds = 1
    rollout.tick(62)
    rollout.until(State.STABLE)


def test_a_hold_for_a_day_goes_back() -> None:
    """Nothing waits for ever."""
    rollout = at_step(replicas=8)
    rollout.cluster.simulation.start_seconds = 1e9
    rollout.until(State.CANARY, "ScaleUp").tick(12, seconds=60)

    rollout.tick(26, seconds=3600)
    rollout.until(State.ROLLED_BACK)

    assert rollout.status.rollout.reason == reasons.HOLD_TIMEOUT


def test_a_hold_whose_cause_was_lost_goes_back() -> None:
    """A status that was edited by hand does not stand still for ever."""
    view = at_step().view()
    holding = replace(view.rollout, state=State.HOLDING.value, stage="", hold=None)
    turn = step.step(replace(view, status=replace(view.status, rollout=holding)))
    assert turn is not None
    assert turn.status.rollout.state == State.ROLLING_BACK


def test_harm_ends_a_hold() -> None:
    """Breakers fire also while the rollout stands still."""
    rollout = at_step()
    blind(rollout, 3)
    blind(rollout, 20, seconds=60)
    assert rollout.state is State.HOLDING
    rollout.cluster.simulation.errors[rollout.candidate] = 1.0

    rollout.tick(40)

    assert rollout.status.rollout.reason == reasons.BREAKER


def test_preparations_have_a_deadline() -> None:
    """Pods that never become ready end the attempt, with their own words."""
    rollout = Rollout().serve().change(model="two")
    rollout.tick()
    rollout.cluster.simulation.pods[rollout.candidate] = PodBehavior()

    rollout.tick(12, seconds=60)
    rollout.until(State.ROLLED_BACK)

    assert rollout.status.rollout.reason == reasons.PREPARATION_TIMEOUT


def test_stable_keeps_what_it_carries_while_the_candidate_goes() -> None:
    """Weight leaves the candidate only as far as stable has Pods for it."""
    rollout = at_step(replicas=4)
    rollout.until(State.PROMOTING, "Bake")
    rollout.change(model="one").tick()
    view = replace(rollout.view(), now=rollout.cluster.now)
    rolling = replace(view.rollout, state=State.ROLLING_BACK.value, stage="EnsureStable")
    weights = replace(rolling.intent.weights, stable=0, candidate=WEIGHT_SUM)
    rolling = replace(rolling, intent=replace(rolling.intent, weights=weights))
    view = replace(view, status=replace(view.status, rollout=rolling))
    stable = view.pods(view.roles.stable)

    def one_ready(pod: PodFacts) -> PodFacts:
        is_lost = pod in stable[1:]
        return replace(pod, is_ready=False) if is_lost else pod

    turn = step.step(with_pods(view, one_ready))

    assert turn is not None
    assert turn.status.rollout.intent.weights.candidate == 7500
    again = replace(with_pods(view, one_ready), status=turn.status)
    assert step.step(again) is None


def test_a_candidate_without_pods_loses_its_weight_at_once() -> None:
    """There is nothing to shrink slowly."""
    rollout = at_step(replicas=2)
    view = rollout.view()
    rolling = replace(view.rollout, state=State.ROLLING_BACK.value, stage="EnsureStable")
    view = replace(view, status=replace(view.status, rollout=rolling))

    turn = step.step(with_pods(view, lambda pod: replace(pod, is_ready=False)))

    assert turn is not None
    assert turn.status.rollout.intent.weights.candidate == 0


def test_a_promotion_that_hurts_returns_to_the_warm_revision() -> None:
    """While the revision before is warm, breakers watch the new one."""
    rollout = at_step()
    first = rollout.status.revisions.stable
    rollout.until(State.STABLE)
    second = rollout.status.revisions.stable
    rollout.cluster.simulation.errors[second] = 1.0

    rollout.until(State.REVERTING).until(State.STABLE)

    assert rollout.status.revisions.stable == first
    assert rollout.status.rollout.completion == "RolledBack"
    assert [each.reason for each in rollout.status.revisions.rejected] == [reasons.BREAKER]
    assert rollout.status.revisions.rejected[0].revision == second


def test_a_return_that_finds_no_room_holds() -> None:
    """The revision that serves keeps serving meanwhile."""
    rollout = at_step().until(State.STABLE)
    rollout.tick(100)
    first = rollout.status.revisions.previous
    rollout.cluster.simulation.pods[first] = PodBehavior()
    rollout.decide("Rollback")

    rollout.tick(12, seconds=60)

    assert rollout.state is State.HOLDING
    assert rollout.status.rollout.intent.weights.candidate == 0
    del rollout.cluster.simulation.pods[first]
    rollout.tick(65)
    rollout.until(State.STABLE)
    assert rollout.status.revisions.stable == first


def test_another_rollback_during_a_return_goes_there_instead() -> None:
    """The first target gives way without blame."""
    rollout = at_step().until(State.STABLE)
    first = rollout.status.revisions.previous
    rollout.change(model="three").until(State.PREPARING).until(State.STABLE)
    second, third = rollout.status.revisions.previous, rollout.status.revisions.stable
    rollout.decide("Rollback", name="one", revision=second)
    assert rollout.state is State.REVERTING

    assert rollout.decide("Rollback", name="two", revision=first) == reasons.ACCEPTED
    rollout.until(State.REVERTING).until(State.STABLE)

    assert rollout.status.revisions.stable == first
    assert {each.revision for each in rollout.status.revisions.rejected} == {third}


@pytest.mark.parametrize("when", ["Observed0", "Drain"])
def test_a_rollback_while_going_back_comes_after_it(when: str) -> None:
    """The choice is noted at once and acted upon when the candidate is gone."""
    rollout = at_step().until(State.STABLE)
    rollout.change(model="three").until(State.CANARY, "Collect")
    rollout.decide("Abort", attempt=rollout.status.rollout.attempt)
    rollout.until(State.ROLLING_BACK, when)

    assert rollout.decide("Rollback") == reasons.ACCEPTED
    rollout.until(State.REVERTING).until(State.STABLE)

    assert rollout.status.rollout.completion == "PromotedByPerson"


def test_the_first_commit_is_not_superseded_in_its_last_seconds() -> None:
    """Nothing else serves: the edit is rolled out from there."""
    rollout = Rollout()
    rollout.until(State.PROMOTING)
    first = rollout.candidate

    rollout.change(model="two").tick()

    assert (rollout.status.revisions.stable, rollout.state) == (first, State.PREPARING)


def test_a_candidate_in_the_last_step_waits_for_a_person_under_guard() -> None:
    """Breakers act while a person is awaited."""
    asking = {**QUICK, "approval": {"promotion": True}}
    rollout = Rollout(rollout=asking).serve().change(model="two")
    rollout.until(State.AWAITING_PROMOTION)
    rollout.cluster.simulation.errors[rollout.candidate] = 1.0

    rollout.tick(30)

    assert rollout.status.rollout.reason == reasons.BREAKER


def test_a_recreate_may_wait_for_a_person_first() -> None:
    """The question comes before stable is stopped."""
    recreate = {"strategy": "Recreate", "approval": {"promotion": True}}
    rollout = Rollout(rollout=recreate).serve().change(model="two")
    rollout.until(State.AWAITING_PROMOTION).tick(3)

    assert rollout.replicas() == {rollout.status.revisions.stable: 1}


def test_words_of_a_person_are_kept() -> None:
    """Who, which Decision, and why."""
    rollout = at_step()
    rollout.decide("Abort", name="stop", attempt=rollout.status.rollout.attempt, reason="too slow")
    assert rollout.status.rollout.message == "approver by Decision stop: too slow"


def test_a_drain_that_never_ends_is_not_waited_for() -> None:
    """A Pod on a lost node does not block the next attempt."""
    rollout = at_step()
    rollout.decide("Abort", attempt=rollout.status.rollout.attempt)
    rollout.until(State.ROLLING_BACK, "Drain")
    view = rollout.view()
    lost = replace(view.seen.pods[0], labels={"perennial.dev/revision": view.roles.candidate})
    stuck = replace(view, seen=replace(view.seen, pods=(*view.seen.pods, lost)))
    assert step.step(stuck) is None

    turn = step.step(replace(stuck, now=view.now + timedelta(minutes=11)))

    assert turn is not None
    assert turn.status.rollout.state == State.ROLLED_BACK
