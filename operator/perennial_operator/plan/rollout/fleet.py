"""How many Pods each revision is to have: capacity before weight, and weight gone before Pods."""

from collections.abc import Mapping
from dataclasses import replace

from perennial_operator.api import names
from perennial_operator.api.routing_intent import WEIGHT_SUM
from perennial_operator.plan.rollout import pods
from perennial_operator.plan.rollout.moves import View
from perennial_operator.plan.rollout.states import AT_REST, Stage, State


def targets(view: View, live: Mapping[str, int]) -> dict[str, int]:
    """Return the replicas of each revision that has, or is to have, a Deployment.

    `live` are the replicas that the Deployments ask for now.
    """
    roles = view.roles
    wanted = {name: _leftover(view, name, replicas) for name, replicas in live.items()}
    if roles.previous and roles.previous_until:
        wanted[roles.previous] = view.seen.spec.replicas
    if roles.stable:
        wanted[roles.stable] = stable_pods(view)
    if roles.candidate:
        wanted[roles.candidate] = _candidate(view, live.get(roles.candidate, 0))
    return {name: count for name, count in wanted.items() if count or name in live}


def stable_pods(view: View) -> int:
    """Return how many Pods stable is to have: enough for all traffic until the commit."""
    replicas, rollout = view.seen.spec.replicas, view.rollout
    if view.state in AT_REST:
        return replicas
    is_stopped = view.is_recreate and view.state is State.PROMOTING
    return 0 if is_stopped else max(replicas, rollout.need)


def first_pods(view: View) -> int:
    """Return how many ready Pods a candidate needs before it may get its first share."""
    rollout = view.rollout
    if not view.roles.stable or rollout.definition is None:
        return rollout.need
    return pods.needed(rollout.definition.weights[0] * 100, rollout.need)


def step_weight(view: View) -> int:
    """Return the weight of the step of a canary."""
    steps = view.rollout.definition.weights if view.rollout.definition else ()
    return steps[view.rollout.step] * 100 if view.rollout.step < len(steps) else WEIGHT_SUM


def wanted_pods(view: View) -> int:
    """Return how many Pods the candidate is to have for the share it has or gets next."""
    rollout, held = view.rollout, view.rollout.hold
    if held:
        back = replace(rollout, state=held.state, stage=held.stage, step=held.step, hold=None)
        return wanted_pods(replace(view, status=replace(view.status, rollout=back)))
    if view.state is State.PREPARING:
        return 0 if view.is_recreate else first_pods(view)
    if view.state in (State.PROMOTING, State.REVERTING):
        return 0 if rollout.stage == Stage.SCALE_DOWN else rollout.need
    weight = step_weight(view) if view.state is State.CANARY else 0
    weight = max(weight, view.weight)
    return pods.needed(weight, rollout.need) if weight else 0


def has_no_pods(view: View, revision: str) -> bool:
    """Whether the last Pod of a revision is gone, not only told to go."""
    return not any(pod.labels.get(names.LABEL_REVISION) == revision for pod in view.seen.pods)


def _candidate(view: View, live: int) -> int:
    if view.state is not State.ROLLING_BACK:
        return wanted_pods(view)
    return 0 if view.rollout.stage == Stage.DRAIN else live


def _leftover(view: View, name: str, live: int) -> int:
    """Return 0 once no router sends the revision anything, else leave it alone."""
    counted = view.routers.of(name)
    is_idle = counted is not None and counted.totals.active == 0
    return 0 if is_idle and view.routers.weight(name) == 0 else live
