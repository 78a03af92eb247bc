"""Capacity comes before weight, and Pods go after it."""

from dataclasses import replace

import pytest

from perennial_operator.api.routing_intent import WEIGHT_SUM
from perennial_operator.plan.rollout import fleet
from perennial_operator.plan.rollout.states import State
from perennial_operator.testing import Rollout


def test_a_candidate_has_pods_for_its_next_share() -> None:
    """At least two where two carry all traffic, then by weight."""
    rollout = Rollout(replicas=8).serve().change(model="two")
    rollout.until(State.PREPARING)
    first, second = rollout.status.revisions.stable, rollout.candidate
    assert rollout.replicas() == {first: 8, second: 2}
    rollout.until(State.CANARY, "ScaleUp").tick()
    assert rollout.replicas() == {first: 8, second: 4}
    rollout.until(State.PROMOTING).tick()
    assert rollout.replicas() == {first: 8, second: 8}


def test_stable_keeps_its_pods_until_the_commit() -> None:
    """Fewer replicas in spec count afterwards; more count at once."""
    rollout = Rollout(replicas=4).serve().change(model="two")
    rollout.until(State.CANARY, "Collect").change(replicas=1).tick(2)
    stable = rollout.status.revisions.stable
    assert rollout.replicas()[stable] == 4
    rollout.change(replicas=6).tick(2)
    assert rollout.replicas()[stable] == 6
    assert rollout.status.rollout.need == 6


def test_what_still_gets_requests_keeps_its_pods() -> None:
    """A leftover is scaled down once routers say that nothing goes there."""
    rollout = Rollout().serve()
    view = rollout.view()
    live = {"churn-old": 3, view.roles.stable: 1}
    assert fleet.targets(view, live) == {"churn-old": 0, view.roles.stable: 1}
    unread = replace(view, routers=replace(view.routers, traffic=None))
    assert fleet.targets(unread, live)["churn-old"] == 3


def test_a_held_candidate_keeps_what_its_stage_asked_for() -> None:
    """A hold changes neither weights nor Pods."""
    rollout = Rollout(replicas=8).serve().change(model="two").until(State.CANARY, "Collect")
    rollout.cluster.simulation.start_seconds = 1e9
    rollout.until(State.CANARY, "ScaleUp").tick(12, seconds=60)
    assert rollout.state is State.HOLDING
    assert fleet.wanted_pods(rollout.view()) == 4


@pytest.mark.parametrize(("step", "weight"), [(0, 1000), (1, 5000), (2, WEIGHT_SUM)])
def test_a_step_has_its_weight(step: int, weight: int) -> None:
    """Beyond the last step is everything."""
    view = Rollout().serve().change(model="two").until(State.CANARY, "Collect").view()
    at = replace(view, status=replace(view.status, rollout=replace(view.rollout, step=step)))
    assert fleet.step_weight(at) == weight


def test_nothing_is_made_for_a_role_without_pods() -> None:
    """A Deployment of zero Pods is not created."""
    view = Rollout(replicas=0).view()
    assert fleet.targets(view, {}) == {}
