"""Decides what a ModelDeployment needs next: pure, total and deterministic.

The status that it writes is the intent; every child follows from that status, so a pass that
finds nothing new only repeats what is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from perennial_operator.api import conditions, names, reasons
from perennial_operator.api.documents import dump
from perennial_operator.api.routing_intent import RoutingIntent
from perennial_operator.plan import resolve, status, upkeep
from perennial_operator.plan.actions import (
    Action,
    Answer,
    Apply,
    Create,
    Delete,
    Event,
    Object,
    Plan,
)
from perennial_operator.plan.manifests import (
    controller_revisions,
    resolve_job,
    revision_pods,
    services,
)
from perennial_operator.plan.resolve import Resolution
from perennial_operator.plan.rollout import decisions, fleet, revisions, step, traffic
from perennial_operator.plan.rollout.decisions import Answered
from perennial_operator.plan.rollout.desired import Desired
from perennial_operator.plan.rollout.moves import View
from perennial_operator.plan.rollout.revisions import Revision
from perennial_operator.plan.rollout.states import AT_REST, State
from perennial_operator.plan.snapshot import Child, DecisionFacts, ModelSnapshot

DEPLOYMENT = "Deployment"
TURNS_A_PASS = 8
BUSY_SECONDS = 2.0
WATCHFUL_SECONDS = 5.0
CALM_SECONDS = 10.0

Group = tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rules made of a View."""

    view: View
    answered: tuple[Answered, ...]
    notes: tuple[Event, ...]


def decide(seen: ModelSnapshot, now: datetime) -> Plan:
    """Return the plan for a ModelDeployment as it is now."""
    if seen.meta.is_deleting:
        return Plan()
    view = _view(seen, now.replace(microsecond=0))
    resolution = resolve.resolution(view.question, view.now)
    view = replace(view, status=replace(view.status, model=resolution.resolved))
    outcome = _ruled(replace(view, status=upkeep.observed(view)))
    view = replace(outcome.view, known=_remembered(outcome.view))
    written = status.published(status.Picture(view, resolution))
    view = replace(view, status=written)
    is_changed = dump(written) != dump(seen.status)
    return Plan(
        status=dump(written) if is_changed else None,
        actions=_actions(view, resolution, answered=outcome.answered),
        events=outcome.notes,
        look_again_seconds=_look_again(view, resolution),
    )


def _view(seen: ModelSnapshot, now: datetime) -> View:
    known = revisions.history(seen.children)
    view = View(seen, seen.status, known, traffic.routers(seen, now), now)
    if not seen.status_is_lost:
        return replace(view, known=upkeep.recovered(view))
    return replace(view, status=upkeep.rebuilt(view, traffic.live_intent(_routing(seen))))


def _ruled(view: View) -> Outcome:
    """Let people and rules move the rollout until nothing moves any more."""
    told = traffic.live_intent(_routing(view.seen))
    expected = traffic.expected_intent(view.seen.status, told, seen=view.seen)
    view = _told(view, expected)
    judged = decisions.judge(view.question)
    actor = next((each.facts for each in judged if each.answer == reasons.ACCEPTED), None)
    is_used = False
    notes: list[Event] = []
    for turn_number in range(TURNS_A_PASS):
        found = step.step(replace(view, actor=None if turn_number else actor))
        if found is None:
            break
        is_used = is_used or (turn_number == 0 and found.is_by_person)
        before = traffic.routing_intent(view.seen, view.status)
        view = _told(replace(view, status=found.status), before)
        notes += found.notes
    answered = tuple(_final(each, actor if is_used else None) for each in judged)
    wanted = replace(view.roles, desired=view.desired.name)
    counted = decisions.count(replace(view.status, revisions=wanted), answered)
    return Outcome(replace(view, status=counted), answered, tuple(notes))


def _told(view: View, before: RoutingIntent | None) -> View:
    """Return the view with a higher epoch if its status tells the routers another thing."""
    raised = traffic.with_epoch(view.status, before, seen=view.seen, now=view.now)
    return replace(view, status=raised)


def _final(answered: Answered, actor: DecisionFacts | None) -> Answered:
    """Return the answer of a Decision now that it is known which one acted."""
    if answered.answer != reasons.ACCEPTED or answered.facts == actor:
        return answered
    winner = f"Decision {actor.name}" if actor else "what the rollout itself had to do"
    return replace(answered, answer=reasons.SUPERSEDED, message=f"it lost to {winner}")


def _remembered(view: View) -> Mapping[str, Revision]:
    """Return the revisions that are to exist, with what their annotations are to say."""
    known = dict(view.known)
    wanted = view.desired
    is_in_use = wanted.name in (view.roles.candidate, view.roles.stable)
    if wanted.name and is_in_use and wanted.name not in known:
        known[wanted.name] = _made(view, wanted)
    kept = revisions.kept(known, view.roles)
    number = revisions.newest_promotion(known)
    attempt = view.rollout.attempt
    return {
        name: revisions.remembered(
            known[name], view.roles, number=number, attempt=_number(name, attempt)
        )
        for name in sorted(kept)
    }


def _made(view: View, wanted: Desired) -> Revision:
    seen = view.seen
    template = revision_pods.template(
        seen.meta,
        wanted.name,
        model=wanted.identity["model"],
        pod=seen.spec.pod,
        options=seen.options,
    )
    return Revision(
        name=wanted.name,
        projection=wanted.identity,
        image=seen.options.serving_image,
        template=revision_pods.with_resources(template, seen.spec.resources),
    )


def _number(name: str, attempt: str) -> int:
    stem, _, number = attempt.rpartition("-a")
    return int(number) if stem and name.endswith(f"-{stem}") else 0


def _actions(
    view: View, resolution: Resolution, *, answered: tuple[Answered, ...]
) -> tuple[Group, ...]:
    groups = (
        _answers(view, answered),
        _revisions(view),
        _routes(view),
        (*_deployments(view), *_job(view, resolution)),
        (*_finished_jobs(view, resolution), *_forgotten(view)),
    )
    return tuple(group for group in groups if group)


def _answers(view: View, answered: tuple[Answered, ...]) -> Group:
    """Return an answer to every Decision that has none yet, also to those counted before."""
    said = {each.facts.uid: (each.answer, each.message) for each in answered}
    counted = {each.uid: (each.answer, "") for each in view.rollout.decisions}
    known = {**counted, **said}
    return tuple(
        Answer(
            each.name, each.uid, each.resource_version, *known[each.uid], generation=each.generation
        )
        for each in view.seen.decisions
        if each.uid in known
    )


def _revisions(view: View) -> Group:
    meta = view.seen.meta
    return tuple(
        _apply(view, controller_revisions.controller_revision(meta, each))
        for each in view.known.values()
    )


def _routes(view: View) -> Group:
    service = _apply(view, services.model_service(view.seen.meta))
    intent = traffic.routing_intent(view.seen, view.status)
    if intent is None:
        return (service,)
    live = _routing(view.seen)
    version = live.resource_version if live else ""
    told = _apply(view, services.routing_intent(view.seen.meta, intent))
    return service, replace(told, resource_version=version)


def _deployments(view: View) -> Group:
    targets = fleet.targets(view, _replicas(view.seen))
    return tuple(
        _apply(
            view,
            revision_pods.deployment(
                view.seen.meta, name, template=revision.template, replicas=targets[name]
            ),
        )
        for name, revision in view.known.items()
        if name in targets
    )


def _job(view: View, resolution: Resolution) -> Group:
    is_there = _child(view.seen, resolve.JOB, resolution.job) is not None
    if not resolution.job or is_there:
        return ()
    seen = view.seen
    return (Create(resolve_job.job(seen.meta, resolve.model(seen), seen.options)),)


def _finished_jobs(view: View, resolution: Resolution) -> Group:
    kept = "" if resolution.is_spent else resolution.job
    return tuple(_delete(job) for job in resolve.jobs(view.seen) if job.name != kept)


def _forgotten(view: View) -> Group:
    """Return the removal of what serves no kept revision: Deployments first, then identities."""
    replicas = _replicas(view.seen)
    found = [child for child in view.seen.children if child.name not in view.known]
    idle = [
        child
        for child in found
        if (child.kind == DEPLOYMENT and not replicas[child.name])
        or (child.kind == revisions.CONTROLLER_REVISION and child.name not in replicas)
    ]
    return tuple(_delete(child) for child in idle)


def _look_again(view: View, resolution: Resolution) -> float | None:
    if view.state in (State.AWAITING_PROMOTION, State.HOLDING):
        return WATCHFUL_SECONDS
    if view.state not in AT_REST:
        return BUSY_SECONDS
    if view.rollout.intent.epoch and not traffic.is_acknowledged(view.status):
        return BUSY_SECONDS
    is_pending = resolution.job or conditions.is_true(
        view.status.conditions, conditions.RECONCILING
    )
    if is_pending or _has_leftovers(view):
        return WATCHFUL_SECONDS
    return CALM_SECONDS if view.roles.previous_until else None


def _has_leftovers(view: View) -> bool:
    roles = view.roles
    in_use = {roles.stable, roles.candidate, roles.previous if roles.previous_until else ""}
    return any(count for name, count in _replicas(view.seen).items() if name not in in_use)


def _replicas(seen: ModelSnapshot) -> dict[str, int]:
    return {
        child.name: child.document["spec"].get("replicas", 1)
        for child in seen.children
        if child.kind == DEPLOYMENT
    }


def _routing(seen: ModelSnapshot) -> Child | None:
    return _child(seen, "ConfigMap", names.routing_intent_name(seen.meta.name))


def _child(seen: ModelSnapshot, kind: str, name: str) -> Child | None:
    return next((each for each in seen.children if (each.kind, each.name) == (kind, name)), None)


def _apply(view: View, document: Object) -> Apply:
    live = _child(view.seen, document["kind"], document["metadata"]["name"])
    return Apply(document, uid=live.uid if live else "")


def _delete(child: Child) -> Delete:
    return Delete(child.kind, child.name, child.uid, child.resource_version)
