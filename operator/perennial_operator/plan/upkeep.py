"""What a pass brings up to date in status before any rule is asked: facts, never decisions."""

from dataclasses import replace
from datetime import datetime

from perennial_operator.api import conditions
from perennial_operator.api.documents import durations
from perennial_operator.api.routing_intent import WEIGHT_SUM, RoutingIntent
from perennial_operator.api.status.model_deployment import (
    Intent,
    ModelDeploymentStatus,
    RejectedRevision,
    Revisions,
    RolloutStatus,
)
from perennial_operator.plan.manifests import revision_pods
from perennial_operator.plan.rollout import decisions, desired, moves, pods, revisions, traffic
from perennial_operator.plan.rollout.moves import View
from perennial_operator.plan.rollout.revisions import Revision
from perennial_operator.plan.rollout.states import AT_REST, WITH_TRAFFIC, Stage, State
from perennial_operator.plan.snapshot import Child

SEAL_SECONDS = 600


def observed(view: View) -> ModelDeploymentStatus:
    """Return the status with what the snapshot shows."""
    status = traffic.acknowledge(view.status, view.routers, view.now)
    for update in (_without_old_choice, _previous_let_go, _need_kept, _shortage, _steps, _seal):
        status = update(replace(view, status=status))
    return status


def recovered(view: View) -> dict[str, Revision]:
    """Return the known revisions, and those in use whose ControllerRevision somebody deleted.

    Their Deployment still has the template, and the template says what it serves.
    """
    roles = view.roles
    in_use = {roles.stable, roles.previous, roles.candidate} - view.known.keys()
    found = (
        _from_deployment(child)
        for child in view.seen.children
        if child.kind == "Deployment" and child.name in in_use
    )
    return {**view.known, **{each.name: each for each in found}}


def rebuilt(view: View, told: RoutingIntent | None) -> ModelDeploymentStatus:
    """Return a status for a lost one: stable by promotion number, weights as routers have them.

    The evidence of a running attempt is gone: it begins anew at its weight. No traffic moves.
    """
    promoted = sorted(view.known.values(), key=lambda each: each.promotion)
    stable = promoted[-1] if promoted and promoted[-1].promotion else None
    if stable is None:
        return view.status
    kept = told.keep if told else ()
    previous = kept[0] if kept else promoted[-2].name if _is_second(promoted) else ""
    keep_for = durations.parse(view.seen.spec.rollout.promotion.keep_previous_for)
    roles = Revisions(
        stable=stable.name,
        previous=previous,
        previous_until=conditions.stamp(view.now + keep_for) if kept else "",
        committed_model=stable.model_hash,
        rejected=tuple(_rejected(each, view.now) for each in promoted if each.rejected),
    )
    epoch = told.epoch if told else 0
    rollout = RolloutStatus(state=State.STABLE.value, intent=Intent(epoch, traffic.share(0)))
    status = replace(view.status, revisions=roles, rollout=rollout)
    return _resumed(replace(view, status=status), told)


def _from_deployment(child: Child) -> Revision:
    template = child.document["spec"]["template"]
    model = revision_pods.model_of(template)
    return Revision(
        name=child.name,
        projection={"hashVersion": revisions.HASH_VERSION, "model": model},
        image=template["spec"]["containers"][0]["image"],
        template=template,
    )


def _is_second(promoted: list[Revision]) -> bool:
    return len(promoted) > 1 and promoted[-2].promotion > 0


def _rejected(revision: Revision, now: datetime) -> RejectedRevision:
    attempt = f"{revision.name.rpartition('-')[2]}-a{revision.attempts}"
    return RejectedRevision(revision.name, attempt, revision.rejected, conditions.stamp(now))


def _resumed(view: View, told: RoutingIntent | None) -> ModelDeploymentStatus:
    """Return the status in which a candidate with weight is tried anew, at its weight."""
    arms = {arm.revision: arm.weight for arm in told.arms} if told else {}
    found = ((name, weight) for name, weight in arms.items() if name != view.roles.stable)
    candidate, weight = next(found, ("", 0))
    if not weight or candidate not in view.known:
        return view.status
    revision = view.known[candidate]
    definition = moves.definition(view.seen.spec)
    reached = [step for step, each in enumerate(definition.weights) if each * 100 <= weight]
    is_full = weight == WEIGHT_SUM
    now = conditions.stamp(view.now)
    rollout = RolloutStatus(
        attempt=f"{candidate.rpartition('-')[2]}-a{revision.attempts + 1}",
        origin=desired.SPEC,
        strategy=view.seen.spec.rollout.strategy,
        state=State.PROMOTING.value if is_full else State.CANARY.value,
        stage=(Stage.VERIFY_WEIGHT if is_full else Stage.COLLECT).value,
        step=reached[-1] if reached else 0,
        started_at=now,
        entered_at=now,
        stage_entered_at=now,
        need=max(view.seen.spec.replicas, 1),
        intent=Intent(view.rollout.intent.epoch, traffic.share(weight)),
        definition=definition,
    )
    roles = replace(view.roles, candidate=candidate)
    return replace(view.status, revisions=roles, rollout=rollout)


def _without_old_choice(view: View) -> ModelDeploymentStatus:
    chosen = view.roles.chosen
    if chosen is None or chosen.spec_hash == revisions.spec_hash(view.seen.spec):
        return view.status
    return replace(view.status, revisions=replace(view.roles, chosen=None))


def _previous_let_go(view: View) -> ModelDeploymentStatus:
    until, name = view.roles.previous_until, view.roles.previous
    if not until or view.now < datetime.fromisoformat(until):
        return view.status
    if not traffic.is_observed_zero(name, view.status, view.routers, now=view.now):
        return view.status
    return replace(view.status, revisions=replace(view.roles, previous_until=""))


def _need_kept(view: View) -> ModelDeploymentStatus:
    if view.state in AT_REST or view.seen.spec.replicas <= view.rollout.need:
        return view.status
    rollout = replace(view.rollout, need=view.seen.spec.replicas)
    return replace(view.status, rollout=rollout)


def _shortage(view: View) -> ModelDeploymentStatus:
    rollout = view.rollout
    is_short = view.state in WITH_TRAFFIC and view.weight > 0 and _has_too_few(view)
    since = (rollout.short_since or conditions.stamp(view.now)) if is_short else ""
    return replace(view.status, rollout=replace(rollout, short_since=since))


def _has_too_few(view: View) -> bool:
    ready = sum(pod.is_ready for pod in view.pods(view.roles.candidate))
    return ready < pods.needed(view.weight, view.rollout.need)


def _steps(view: View) -> ModelDeploymentStatus:
    """Freeze edited steps anew: the highest that is reached already; no weight moves."""
    rollout, wanted = view.rollout, moves.definition(view.seen.spec)
    if rollout.definition is None or rollout.definition.digest == wanted.digest:
        return view.status
    is_collecting = view.state is State.CANARY and rollout.stage == Stage.COLLECT
    if view.state is not State.PREPARING and not is_collecting:
        return view.status
    reached = [step for step, each in enumerate(wanted.weights) if each * 100 <= view.weight]
    stage = rollout.stage if reached or not is_collecting else Stage.SCALE_UP.value
    now = conditions.stamp(view.now)
    rollout = replace(
        rollout,
        definition=wanted,
        step=reached[-1] if reached else 0,
        stage=stage,
        stage_entered_at=now if is_collecting else rollout.stage_entered_at,
    )
    return replace(view.status, rollout=rollout)


def _seal(view: View) -> ModelDeploymentStatus:
    rollout = view.rollout
    if view.state is not State.CANARY or rollout.stage != Stage.COLLECT:
        return view.status
    if rollout.seal and not view.is_over(rollout.seal.time, SEAL_SECONDS):
        return view.status
    return decisions.seal(view.status, view.routers, view.now)
