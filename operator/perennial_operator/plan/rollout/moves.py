"""How a status changes when a rollout moves: one function a kind of move. No rule is here.

Each takes a View and returns a Turn; `enter` asks the table, so an unknown move is a bug.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from perennial_operator.api import conditions, decision, reasons
from perennial_operator.api.documents import dump, durations
from perennial_operator.api.model_deployment import RECREATE, ModelDeploymentSpec
from perennial_operator.api.status.model_deployment import (
    Chosen,
    Definition,
    Hold,
    ModelDeploymentStatus,
    RejectedRevision,
    Revisions,
    RolloutStatus,
)
from perennial_operator.plan.actions import Event as Note
from perennial_operator.plan.rollout import decisions, desired, pods, revisions, traffic
from perennial_operator.plan.rollout.desired import Desired, Question
from perennial_operator.plan.rollout.pods import SETTLED_SECONDS
from perennial_operator.plan.rollout.revisions import Revision
from perennial_operator.plan.rollout.states import Event, Stage, State, next_state
from perennial_operator.plan.rollout.traffic import Routers
from perennial_operator.plan.snapshot import DecisionFacts, ModelSnapshot, PodFacts
from perennial_serving.contract.manifest import canonical_json, digest

REJECTED_KEPT = 20
NOT_THE_CANDIDATES_FAULT = frozenset({reasons.SUPERSEDED, reasons.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class View:
    """What a step looks at. `actor` is the Decision that may act in this pass."""

    seen: ModelSnapshot
    status: ModelDeploymentStatus
    known: Mapping[str, Revision]
    routers: Routers
    now: datetime
    actor: DecisionFacts | None = None

    @property
    def rollout(self) -> RolloutStatus:
        """Return the attempt under way, or the last one."""
        return self.status.rollout

    @property
    def roles(self) -> Revisions:
        """Return the revisions by role."""
        return self.status.revisions

    @property
    def state(self) -> State:
        """Return where the rollout stands."""
        return State(self.rollout.state)

    @property
    def question(self) -> Question:
        """Return what the desired revision depends on."""
        return Question(self.seen, self.status, self.known)

    @property
    def desired(self) -> Desired:
        """Return the revision that shall serve."""
        return desired.desired(self.question)

    @property
    def weight(self) -> int:
        """Return the candidate's weight as asked."""
        return self.rollout.intent.weights.candidate

    @property
    def is_recreate(self) -> bool:
        """Whether stable goes before the candidate comes."""
        return self.rollout.strategy == RECREATE and bool(self.roles.stable)

    def pods(self, revision: str) -> tuple[PodFacts, ...]:
        """Return the living Pods of a revision."""
        return pods.of(self.seen.pods, revision)

    def settled(self, revision: str, *, seconds: int = SETTLED_SECONDS) -> int:
        """Return how many Pods of the revision are ready for a while."""
        return pods.settled(self.pods(revision), self.now, seconds=seconds)

    def is_over(self, since: str, limit_seconds: int) -> bool:
        """Whether more than this time has passed since a moment of status."""
        return self.now - datetime.fromisoformat(since) > timedelta(seconds=limit_seconds)

    @property
    def is_preparing_over(self) -> bool:
        """Whether this stage lasts longer than preparations may."""
        limit = durations.seconds(self.seen.spec.rollout.deadlines.preparing)
        return self.is_over(self.rollout.stage_entered_at, limit)


@dataclass(frozen=True, slots=True)
class Turn:
    """A changed status, what a person would want to know of it, and whether a person made it."""

    status: ModelDeploymentStatus
    notes: tuple[Note, ...] = ()
    is_by_person: bool = False


def enter(view: View, event: Event, **changes: Any) -> ModelDeploymentStatus:  # noqa: ANN401  # fields of RolloutStatus
    """Return the status after the event; times, stage, hold and message begin anew."""
    state, now = next_state(view.state, event), conditions.stamp(view.now)
    entered_at = view.rollout.entered_at if state is view.state else now
    fresh = {"stage": "", "hold": None, "message": "", "stage_entered_at": now}
    rollout = replace(
        view.rollout, state=state.value, entered_at=entered_at, **{**fresh, **changes}
    )
    return replace(view.status, rollout=rollout)


def start(view: View, event: Event, wanted: Desired) -> Turn:
    """Begin an attempt of the desired revision."""
    attempt = _next_attempt(view, wanted.name)
    status = enter(
        replace(view, status=replace(view.status, rollout=_new_rollout(view, wanted))),
        event,
        attempt=attempt,
        started_at=conditions.stamp(view.now),
        stage=Stage.SCALE_FULL.value if event is Event.REVERT else "",
    )
    status = replace(status, revisions=replace(status.revisions, candidate=wanted.name))
    note = Note("Normal", reasons.ROLLOUT_STARTED, f"attempt {attempt} of {wanted.name} begins")
    return Turn(status, (note,))


def go_back(view: View, reason: str, message: str) -> Turn:
    """Take the candidate's traffic away; what was refused is not tried again by itself."""
    is_serving = bool(view.weight and view.roles.stable)
    stage = Stage.ENSURE_STABLE if is_serving else Stage.DRAIN
    status = enter(view, Event.BACK, stage=stage.value, reason=reason, message=message)
    is_refused = reason not in NOT_THE_CANDIDATES_FAULT
    if is_refused:
        status = reject(status, view.roles.candidate, reason=reason, now=view.now)
    kind = "Warning" if is_refused else "Normal"
    text = f"attempt {view.rollout.attempt} goes back ({reason}): {message}"
    return Turn(status, (Note(kind, reasons.ROLLED_BACK, text),))


def reject(
    status: ModelDeploymentStatus, revision: str, *, reason: str, now: datetime
) -> ModelDeploymentStatus:
    """Return the status in which the revision is not tried again until a Retry."""
    roles = status.revisions
    others = tuple(each for each in roles.rejected if each.revision != revision)
    entry = RejectedRevision(revision, status.rollout.attempt, reason, conditions.stamp(now))
    chosen = roles.chosen
    if chosen and chosen.revision == revision:
        chosen = None
    roles = replace(roles, rejected=(*others, entry)[-REJECTED_KEPT:], chosen=chosen)
    return replace(status, revisions=roles)


def hold(view: View, cause: str, message: str) -> Turn:
    """Stand still, with the weights as they are, and remember where to go on."""
    rollout = view.rollout
    kept = Hold(cause, conditions.stamp(view.now), rollout.state, rollout.stage, rollout.step)
    status = enter(view, Event.HOLD, hold=kept, message=message)
    status = decisions.seal(status, view.routers, view.now)
    note = Note("Warning", reasons.ROLLOUT_HOLDING, f"attempt {rollout.attempt} holds: {message}")
    return Turn(status, (note,))


def resume(view: View, held: Hold) -> Turn:
    """Go on where the hold began; the stage lasts its whole time again."""
    event = {
        State.CANARY: Event.RESUME_CANARY,
        State.PROMOTING: Event.RESUME_PROMOTING,
        State.REVERTING: Event.RESUME_REVERTING,
    }[State(held.state)]
    status = enter(view, event, stage=held.stage, step=held.step)
    text = f"attempt {view.rollout.attempt} goes on: {held.cause} is over"
    return Turn(status, (Note("Normal", reasons.ROLLOUT_RESUMED, text),))


def advance(view: View, stage: Stage, **changes: Any) -> Turn:  # noqa: ANN401  # as in enter
    """Go to the next stage of the same state."""
    return Turn(enter(view, Event.ADVANCE, stage=stage.value, **changes))


def shift(turn: Turn, candidate: int) -> Turn:
    """Ask for another weight of the candidate in the same write."""
    return replace(turn, status=traffic.with_weight(turn.status, candidate))


def ask(view: View) -> Turn:
    """Ask a person, on sealed evidence."""
    status = decisions.seal(enter(view, Event.APPROVAL_DUE), view.routers, view.now)
    text = f"attempt {view.rollout.attempt} waits for a Decision with action Approve or Reject"
    return Turn(status, (Note("Normal", reasons.APPROVAL_AWAITED, text),))


def promote(view: View, reason: str = "") -> Turn:
    """Begin to give the candidate all traffic."""
    stage = Stage.SCALE_DOWN if view.is_recreate else Stage.SCALE_FULL
    return Turn(enter(view, Event.PROMOTION_DUE, stage=stage.value, reason=reason))


def commit(view: View) -> Turn:
    """Make the candidate stable: the one write that promotes."""
    left, name = view.roles.stable, view.roles.candidate
    status = enter(view, Event.COMMIT, completion=_completion(view), reason="")
    status = replace(status, revisions=_committed(view))
    status = traffic.with_weight(status, 0)
    is_return = view.rollout.origin == desired.ROLLBACK
    if is_return:
        why = view.rollout.reason or reasons.REVERTED
        status = reject(status, left, reason=why, now=view.now)
    reason = reasons.REVERTED if is_return else reasons.PROMOTED
    text = f"{name} serves all traffic" + (f" instead of {left}" if left else "")
    return Turn(status, (Note("Normal", reason, text),))


def end(view: View) -> Turn:
    """End an attempt that went back."""
    event, completion = _ending(view)
    status = enter(view, event, completion=completion, message=view.rollout.message)
    status = traffic.with_weight(status, 0)
    status = replace(status, revisions=replace(status.revisions, candidate=""))
    if event is not Event.NOTHING_LEFT:
        return Turn(status)
    text = f"attempt {view.rollout.attempt} failed: {view.rollout.message}"
    return Turn(status, (Note("Warning", reasons.ROLLOUT_FAILED, text),))


def choose(view: View, revision: str, action: str, *, by: str = "") -> ModelDeploymentStatus:
    """Return the status in which a person's revision is desired instead of spec's."""
    chosen = Chosen(
        revision=revision, action=action, spec_hash=revisions.spec_hash(view.seen.spec), by=by
    )
    rejected = tuple(each for each in view.roles.rejected if each.revision != revision)
    roles = replace(view.roles, chosen=chosen, rejected=rejected)
    return replace(view.status, revisions=roles)


def definition(spec: ModelDeploymentSpec) -> Definition:
    """Return the steps as they are frozen for an attempt."""
    steps = spec.rollout.canary.steps
    document = {"steps": [dump(step) for step in steps]}
    return Definition(
        digest=digest(canonical_json(document)),
        weights=tuple(step.weight for step in steps),
        dwells=tuple(step.dwell for step in steps),
    )


def _next_attempt(view: View, name: str) -> str:
    known = view.known.get(name)
    number = known.attempts if known else 0
    stem = name.rpartition("-")[2]
    if view.rollout.attempt.startswith(f"{stem}-a"):
        number = max(number, int(view.rollout.attempt.rpartition("-a")[2]))
    return f"{stem}-a{number + 1}"


def _new_rollout(view: View, wanted: Desired) -> RolloutStatus:
    rollout, spec = view.rollout, view.seen.spec
    ready = sum(pod.is_ready for pod in view.pods(view.roles.stable)) if view.roles.stable else 0
    return RolloutStatus(
        state=rollout.state,
        origin=wanted.origin,
        source=wanted.source,
        strategy=spec.rollout.strategy,
        need=max(spec.replicas, ready, 1),
        intent=rollout.intent,
        acknowledged=rollout.acknowledged,
        definition=definition(spec),
        decisions=rollout.decisions,
        reason=_return_reason(view, wanted),
    )


def _return_reason(view: View, wanted: Desired) -> str:
    is_by_breaker = wanted.origin == desired.ROLLBACK and wanted.source is None
    return reasons.BREAKER if is_by_breaker and view.roles.stable else ""


def _completion(view: View) -> str:
    rollout = view.rollout
    if rollout.origin == desired.INITIAL:
        return "Initial"
    is_by_person = rollout.reason == decision.PROMOTE or (
        rollout.origin == desired.ROLLBACK and rollout.source is not None
    )
    if is_by_person:
        return "PromotedByPerson"
    return "RolledBack" if rollout.origin == desired.ROLLBACK else "PromotedUnproven"


def _committed(view: View) -> Revisions:
    roles, spec, name = view.roles, view.seen.spec, view.roles.candidate
    chosen = roles.chosen
    if chosen and chosen.action == decision.RETRY:
        chosen = None
    return replace(
        roles,
        stable=name,
        previous=roles.stable,
        previous_until=_warm_until(view),
        candidate="",
        committed_model=_committed_model(view, revisions.model_hash(spec)),
        chosen=chosen,
        rejected=tuple(each for each in roles.rejected if each.revision != name),
    )


def _warm_until(view: View) -> str:
    if not view.roles.stable or view.is_recreate:
        return ""
    warm = durations.parse(view.seen.spec.rollout.promotion.keep_previous_for)
    if view.rollout.origin == desired.ROLLBACK:
        warm = timedelta()
    return conditions.stamp(view.now + warm)


def _committed_model(view: View, asked: str) -> str:
    if view.rollout.origin in (desired.INITIAL, desired.SPEC):
        return asked
    left = view.known.get(view.roles.stable)
    is_return = view.rollout.origin == desired.ROLLBACK
    if is_return and left and desired.is_spec_s_own(left, view.question):
        return ""
    return view.roles.committed_model


def _ending(view: View) -> tuple[Event, str]:
    reason = view.rollout.reason
    is_refused = reason not in NOT_THE_CANDIDATES_FAULT
    if not view.roles.stable:
        return (Event.NOTHING_LEFT, "Failed") if is_refused else (Event.START_OVER, "Withdrawn")
    if is_refused:
        return Event.ROLLED_BACK, "RolledBack"
    event = Event.SUPERSEDED if reason == reasons.SUPERSEDED else Event.WITHDRAWN
    return event, "Withdrawn"
