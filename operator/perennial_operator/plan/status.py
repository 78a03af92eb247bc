"""What people and tools read of a ModelDeployment: conditions in kstatus form, and words.

Conditions describe what was seen, not what the plan hopes for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from perennial_operator.api import conditions, names, reasons
from perennial_operator.api.conditions import FALSE, TRUE, UNKNOWN, Claim
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus
from perennial_operator.plan import resolve
from perennial_operator.plan.resolve import Resolution
from perennial_operator.plan.rollout import desired, fleet, pods, traffic
from perennial_operator.plan.rollout.moves import View
from perennial_operator.plan.rollout.pods import Trouble
from perennial_operator.plan.rollout.states import AT_REST, State
from perennial_operator.plan.snapshot import Failure
from perennial_serving.contract.results import Outcome

PROGRESS_DEADLINE_SECONDS = 600
FAILURES_SHOWN = 3

_DENIED = frozenset({reasons.FORBIDDEN, reasons.QUOTA_EXCEEDED})
_WITH_DEADLINE = frozenset({reasons.STARTING, reasons.RECOVERING, reasons.SOURCE_UNAVAILABLE})
_GOING_BACK = frozenset({State.ROLLING_BACK, State.ROLLED_BACK, State.FAILED})
_FAILED_AS: Mapping[str, str] = {
    reasons.PREPARATION_TIMEOUT: reasons.PROGRESS_DEADLINE_EXCEEDED,
    reasons.PREPARATION_FAILED: reasons.MODEL_REJECTED,
    reasons.BREAKER: reasons.MODEL_REJECTED,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A View with what is known of the model's digest."""

    view: View
    resolution: Resolution

    @property
    def failure(self) -> Failure | None:
        """Return how the last pass failed."""
        return self.view.seen.last_failure

    def condition(self, type_: str) -> Claim | None:
        """Return what the last pass claimed of a type."""
        found = conditions.find(self.view.status.conditions, type_)
        return Claim(found.type, found.status, found.reason, found.message) if found else None


def published(picture: Picture) -> ModelDeploymentStatus:
    """Return the status with conditions and all that is there for people."""
    view = picture.view
    seen, status, stable = view.seen, view.status, view.roles.stable
    claims = (*_summary(picture), *(claim(picture) for claim in _OTHERS))
    return replace(
        status,
        observed_generation=seen.meta.generation,
        conditions=conditions.settle(
            status.conditions, claims, generation=seen.meta.generation, now=view.now
        ),
        replicas=len(view.pods(stable)) if stable else 0,
        selector=f"{names.LABEL_REVISION}={stable}" if stable else "",
        url=f"http://{seen.meta.name}.{seen.meta.namespace}.svc",
        traffic=_traffic_words(view),
    )


def available(picture: Picture) -> Claim:
    """Claim that users get answers: who has acknowledged weight has Pods that serve.

    A Deployment's own condition turns False while it scales up, although users are served; so
    its count of available Pods is what matters.
    """
    view = picture.view
    if view.rollout.acknowledged.epoch == 0:
        return _available(FALSE, reasons.STARTING, "nothing serves yet")
    if view.routers.is_missing:
        return _available(FALSE, reasons.ROUTER_MISSING, _NO_ROUTER)
    carrying = _carrying(view)
    if view.seen.spec.replicas == 0 and carrying == [view.roles.stable] and view.state in AT_REST:
        text = "scaled to zero; set spec.replicas to serve"
        return _available(FALSE, reasons.SCALED_TO_ZERO, text)
    for name in carrying:
        if not _deployment(view, name).get("status", {}).get("availableReplicas"):
            cause = pods.trouble(view.pods(name))
            return _available(FALSE, reasons.NOT_READY, f"{name} does not serve: {cause}")
    return _available(TRUE, reasons.SERVING, f"served by {', '.join(carrying)}")


def stalled(picture: Picture) -> Claim | None:
    """Claim that only a person can help."""
    return next((claim for cause in _STALLED if (claim := cause(picture))), None)


def reconciling(picture: Picture) -> Claim | None:
    """Claim that work of the current generation, or repair, goes on or waits."""
    return next((claim for cause in _RECONCILING if (claim := cause(picture))), None)


def model_verified(picture: Picture) -> Claim:
    """Claim that the bytes are those of the digest and can be served."""
    view, resolution = picture.view, picture.resolution
    if resolution.trouble:
        reason = resolve.reason_of(resolution.trouble)
        return _verified(FALSE, reason, resolution.trouble.message)
    if resolution.job:
        return _verified(UNKNOWN, reasons.FETCHING, f"Job {resolution.job} fetches the model")
    found = _verified_by_pods(view)
    before = picture.condition(conditions.MODEL_VERIFIED)
    is_kept = view.state in _GOING_BACK and found.status != FALSE
    return before if is_kept and before else found


def traffic_applied(picture: Picture) -> Claim:
    """Claim that every router runs the weights that were asked last."""
    view = picture.view
    rollout = view.rollout
    if rollout.intent.epoch == 0:
        return _applied(UNKNOWN, reasons.PENDING, "no weights were asked yet")
    if view.routers.is_missing:
        return _applied(FALSE, reasons.ROUTER_MISSING, _NO_ROUTER)
    if traffic.is_acknowledged(view.status):
        text = f"epoch {rollout.intent.epoch} is in force"
        return _applied(TRUE, reasons.ACKNOWLEDGED, text)
    refused = next((each.refused for each in view.routers.states if each.refused), "")
    told = rollout.acknowledged.routers or "no"
    text = f"{told} routers run epoch {rollout.intent.epoch}"
    return _applied(FALSE, reasons.PENDING, f"{text}: {refused}" if refused else text)


def progressing(picture: Picture) -> Claim:
    """Claim that an attempt of any origin is under way; the reason is the state."""
    view = picture.view
    is_under_way = view.state not in AT_REST
    status = TRUE if is_under_way else FALSE
    is_refused = view.rollout.completion in ("RolledBack", "Failed")
    words = view.rollout.message if is_refused else ""
    text = f"attempt {view.rollout.attempt}" if is_under_way else words
    reason = view.state.value or reasons.AT_REST
    return Claim(conditions.PROGRESSING, status, reason, text)


def _summary(picture: Picture) -> tuple[Claim, ...]:
    stalled_, reconciling_ = stalled(picture), reconciling(picture)
    if not stalled_ and reconciling_ and _is_late(picture, reconciling_):
        text = f"no progress for ten minutes: {reconciling_.message}"
        stalled_ = Claim(conditions.STALLED, TRUE, reasons.PROGRESS_DEADLINE_EXCEEDED, text)
    return conditions.summary(
        available(picture), reconciling=reconciling_, stalled=stalled_, note=_note(picture.view)
    )


def _is_late(picture: Picture, claim: Claim) -> bool:
    view = picture.view
    limit = timedelta(seconds=PROGRESS_DEADLINE_SECONDS)
    if view.rollout.hold:
        return view.now - datetime.fromisoformat(view.rollout.hold.since) >= limit
    if claim.reason not in _WITH_DEADLINE:
        return False
    known = view.seen.status.conditions
    before = conditions.find(known, conditions.STALLED)
    if before and before.reason == reasons.PROGRESS_DEADLINE_EXCEEDED:
        return before.observed_generation == view.seen.meta.generation
    since = conditions.find(known, conditions.RECONCILING)
    is_same = since is not None and since.observed_generation == view.seen.meta.generation
    if since is None or not is_same:
        return False
    return view.now - datetime.fromisoformat(since.last_transition_time) >= limit


def _failed_for_good(picture: Picture) -> Claim | None:
    failure = picture.failure
    if failure and (failure.is_invalid or failure.reason in _DENIED):
        return _stalled(failure.reason, failure.message)
    return None


def _model_refused(picture: Picture) -> Claim | None:
    view, trouble = picture.view, picture.resolution.trouble
    if trouble is None and view.rollout.origin != desired.RETRAIN and view.roles.candidate:
        trouble = pods.first_trouble(view.pods(view.roles.candidate))
    if trouble is None and view.roles.stable:
        trouble = pods.first_trouble(view.pods(view.roles.stable))
    return _refusal(trouble) if trouble else None


def _refusal(trouble: Trouble) -> Claim | None:
    if trouble.reason == reasons.REF_NOT_FOUND:
        return _stalled(reasons.REF_NOT_FOUND, trouble.message)
    if trouble.outcome is Outcome.INVALID:
        return _stalled(reasons.MODEL_REJECTED, trouble.message)
    return None


def _nothing_serves(picture: Picture) -> Claim | None:
    view = picture.view
    if view.state is not State.FAILED:
        return None
    reason = _FAILED_AS.get(view.rollout.reason, reasons.ROLLED_BACK)
    return _stalled(reason, f"{_why(view)}; change spec, or create a Decision with action Retry")


def _spec_refused(picture: Picture) -> Claim | None:
    view = picture.view
    asked = desired.asked_by_spec(view.question).name
    entry = next((each for each in view.roles.rejected if each.revision == asked), None)
    if entry is None or not view.roles.stable or asked == view.roles.stable:
        return None
    is_last = view.rollout.attempt == entry.attempt and view.rollout.reason == entry.reason
    why = _why(view) if is_last else entry.reason
    text = (
        f"{asked} was rolled back ({why}) and {view.roles.stable} serves; change spec.model, or "
        "create a Decision with action Retry"
    )
    return _stalled(reasons.ROLLED_BACK, text)


def _waits_for_digest(picture: Picture) -> Claim | None:
    resolution, view = picture.resolution, picture.view
    if not resolution.job:
        return None
    if resolve.is_source_away(resolution.trouble) and resolution.trouble:
        return _reconciling(reasons.SOURCE_UNAVAILABLE, resolution.trouble.message)
    reason = reasons.ROLLING_OUT if view.roles.stable else reasons.STARTING
    return _reconciling(reason, f"Job {resolution.job} finds out the model's digest")


def _rolls_out(picture: Picture) -> Claim | None:
    view = picture.view
    rollout = view.rollout
    if view.state in AT_REST or rollout.origin == desired.RETRAIN:
        return None
    if view.state is State.AWAITING_PROMOTION and rollout.seal:
        text = (
            f"attempt {rollout.attempt} waits: create a Decision with action Approve or Reject "
            f"and evidenceDigest {rollout.seal.digest}"
        )
        return _reconciling(reasons.AWAITING_APPROVAL, text)
    trouble = pods.first_trouble(view.pods(view.roles.candidate))
    if resolve.is_source_away(trouble) and trouble:
        return _reconciling(reasons.SOURCE_UNAVAILABLE, trouble.message)
    reason = reasons.ROLLING_OUT if view.roles.stable else reasons.STARTING
    text = f"attempt {rollout.attempt}: {rollout.state} {rollout.stage}".rstrip()
    words = rollout.message or (trouble.message if trouble else "")
    return _reconciling(reason, f"{text}: {words}" if words else text)


def _recovers(picture: Picture) -> Claim | None:
    view = picture.view
    if not view.roles.stable:
        return None
    if view.routers.is_missing:
        return _reconciling(reasons.RECOVERING, _NO_ROUTER)
    wanted = fleet.stable_pods(view)
    found = view.pods(view.roles.stable)
    ready = sum(pod.is_ready for pod in found)
    if ready >= wanted:
        return None
    cause = pods.first_trouble(found)
    text = f"{view.roles.stable} has fewer ready Pods than {wanted}"
    return _reconciling(reasons.RECOVERING, f"{text}: {cause.message}" if cause else text)


def _fails(picture: Picture) -> Claim | None:
    failure = picture.failure
    if failure is None or failure.in_a_row < FAILURES_SHOWN:
        return None
    return _reconciling(reasons.RECOVERING, f"{failure.reason}: {failure.message}")


def _verified_by_pods(view: View) -> Claim:
    subject = view.roles.candidate or view.roles.stable
    found = view.pods(subject) if subject else ()
    trouble = pods.first_trouble(found)
    if trouble and trouble.outcome in (Outcome.INVALID, Outcome.UNAVAILABLE):
        return _verified(FALSE, resolve.reason_of(trouble), trouble.message)
    if any(pod.is_ready for pod in found) or (subject and subject == view.roles.stable):
        return _verified(TRUE, reasons.VERIFIED, f"{subject} serves the bytes of its digest")
    return _verified(UNKNOWN, reasons.FETCHING, "no Pod has verified the model yet")


def _note(view: View) -> str:
    rollout = view.rollout
    if rollout.origin != desired.RETRAIN:
        return ""
    run = rollout.source.name if rollout.source else "a run"
    if view.state not in AT_REST:
        return f"candidate {view.roles.candidate} of {run}: {rollout.state}"
    if rollout.completion == "RolledBack":
        return f"the candidate of {run} was rolled back: {_why(view)}"
    return ""


def _why(view: View) -> str:
    rollout = view.rollout
    return f"{rollout.reason}: {rollout.message}" if rollout.message else rollout.reason


def _carrying(view: View) -> list[str]:
    reported = {name for state in view.routers.states for name in state.weights}
    weights = {name: view.routers.weight(name) for name in reported}
    if not any(weights.values()):
        asked = view.rollout.intent.weights
        weights = {view.roles.stable: asked.stable, view.roles.candidate: asked.candidate}
    return sorted(name for name, weight in weights.items() if name and weight > 0)


def _traffic_words(view: View) -> str:
    if not traffic.is_acknowledged(view.status):
        return view.status.traffic
    asked = view.rollout.intent.weights
    parts = ((view.roles.stable, asked.stable), (view.roles.candidate, asked.candidate))
    return ", ".join(f"{name} {weight // 100}%" for name, weight in parts if name and weight)


def _deployment(view: View, name: str) -> Mapping[str, Any]:
    found: Iterable[Mapping[str, Any]] = (
        child.document
        for child in view.seen.children
        if child.kind == "Deployment" and child.name == name
    )
    return next(iter(found), {})


def _available(status: str, reason: str, message: str) -> Claim:
    return Claim(conditions.AVAILABLE, status, reason, message)


def _verified(status: str, reason: str, message: str) -> Claim:
    return Claim(conditions.MODEL_VERIFIED, status, reason, message)


def _applied(status: str, reason: str, message: str) -> Claim:
    return Claim(conditions.TRAFFIC_APPLIED, status, reason, message)


def _stalled(reason: str, message: str) -> Claim:
    return Claim(conditions.STALLED, TRUE, reason, message)


def _reconciling(reason: str, message: str) -> Claim:
    return Claim(conditions.RECONCILING, TRUE, reason, message)


_NO_ROUTER = "no router Pod is ready; look at Deployment perennial-router"
_OTHERS: tuple[Callable[[Picture], Claim], ...] = (model_verified, traffic_applied, progressing)
_STALLED: tuple[Callable[[Picture], Claim | None], ...] = (
    _failed_for_good,
    _nothing_serves,
    _spec_refused,
    _model_refused,
)
_RECONCILING: tuple[Callable[[Picture], Claim | None], ...] = (
    _waits_for_digest,
    _rolls_out,
    _recovers,
    _fails,
)
