"""What a run does next: `decide` is pure, total and deterministic.

Order within a pass: an end that already happened, Abort, what the state's stage sees, the
state's deadline. One edge a pass; everything follows from status, children and the ModelDeployment.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from perennial_operator.api import conditions, decision, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.retrain_job import RetrainJobStatus
from perennial_operator.plan.actions import Action, Plan
from perennial_operator.plan.retraining import approvals, identity, reporting, states
from perennial_operator.plan.retraining.approvals import Reply
from perennial_operator.plan.retraining.stages import (
    awaiting_approval,
    checking_data,
    finished,
    harvesting,
    pending,
    promoting,
    step_jobs,
    training,
    validating,
)
from perennial_operator.plan.retraining.stages.advance import Advance
from perennial_operator.plan.retraining.states import TIMED_OUT, Event, State
from perennial_operator.plan.snapshot import DecisionFacts, RunSnapshot

Stage = Callable[[RunSnapshot, datetime], Advance]

STAGES: Mapping[State, Stage] = {
    State.PENDING: pending.advance,
    State.CHECKING_DATA: checking_data.advance,
    State.QUEUED: training.queued,
    State.TRAINING: training.training,
    State.HARVESTING: harvesting.advance,
    State.VALIDATING: validating.advance,
    State.AWAITING_APPROVAL: awaiting_approval.advance,
    State.PROMOTING: promoting.advance,
    State.FINISHED: finished.advance,
}
CONDITION_OF: Mapping[State, str] = {
    State.PENDING: conditions.DATA_READY,
    State.CHECKING_DATA: conditions.DATA_READY,
    State.QUEUED: conditions.TRAINED,
    State.TRAINING: conditions.TRAINED,
    State.HARVESTING: conditions.TRAINED,
    State.VALIDATING: conditions.VALIDATED,
    State.AWAITING_APPROVAL: conditions.APPROVED,
    State.PROMOTING: conditions.PROMOTED,
}
DEADLINE_REASONS: Mapping[State, str] = {
    State.PENDING: reasons.START_DEADLINE_EXCEEDED,
    State.CHECKING_DATA: reasons.START_DEADLINE_EXCEEDED,
    State.QUEUED: reasons.START_DEADLINE_EXCEEDED,
    State.AWAITING_APPROVAL: reasons.APPROVAL_TIMED_OUT,
    State.PROMOTING: reasons.NOT_PICKED_UP,
}
ALREADY_ENDED = frozenset({Event.PROMOTED, Event.ROLLED_BACK})
FATAL = frozenset({reasons.NAME_COLLISION, reasons.CHILD_REJECTED})


def decide(seen: RunSnapshot, now: datetime) -> Plan:
    """Return what one look at a run leads to; a run that is being deleted is left alone."""
    if seen.meta.is_deleting:
        return Plan()
    known = reporting.answers_of(seen)
    again = [each for each in seen.decisions if each.uid in known]
    fresh = tuple(each for each in seen.decisions if each.uid not in known)
    begun = replace(seen, status=_begun(seen, now), decisions=fresh)
    looked = _with_deadline(begun, _looked(begun, now), now)
    promised = _promised(begun, again)
    return reporting.plan(
        seen, replace(looked, actions=(*promised, *looked.actions)), again, now=now
    )


def _begun(seen: RunSnapshot, now: datetime) -> RetrainJobStatus:
    status = seen.status
    if status.state:
        return status
    moment = conditions.stamp(now)
    return replace(
        status,
        state=State.PENDING.value,
        run_id=status.run_id or seen.meta.uid,
        start_time=moment,
        state_times={State.PENDING.value: moment},
    )


def _looked(seen: RunSnapshot, now: datetime) -> Advance:
    """Return the stage's look, unless an Abort or a fatal refusal comes first."""
    state = State(seen.status.state)
    looked = STAGES[state](seen, now)
    if looked.edge in ALREADY_ENDED:
        return _with_stale(seen, looked)
    abort = next((each for each in seen.decisions if each.spec.action == decision.ABORT), None)
    if abort and state is not State.FINISHED:
        return _aborted(seen, abort)
    if refused := _fatal(seen, state):
        return refused
    return _with_stale(seen, looked)


def _aborted(seen: RunSnapshot, abort: DecisionFacts) -> Advance:
    text = f"{abort.spec.by} aborted the run"
    if abort.spec.reason:
        text += f": {abort.spec.reason}"
    promotion = seen.status.promotion
    withdrawn = replace(promotion, state=promoting.WITHDRAWN) if promotion else None
    others = [each for each in seen.decisions if each is not abort]
    return Advance(
        replace(seen.status, promotion=withdrawn, intent=None),
        edge=Event.ABORTED,
        reason=reasons.CANCELED,
        message=text,
        replies=(
            Reply(abort, reasons.ACCEPTED, "the run is canceled"),
            *(approvals.superseded(each, f"Abort {abort.name}") for each in others),
        ),
    )


def _fatal(seen: RunSnapshot, state: State) -> Advance | None:
    """Return the end of a run whose child the API server will never take."""
    failure = seen.last_failure
    if state is State.FINISHED or not failure or not failure.is_invalid:
        return None
    if failure.reason not in FATAL:
        return None
    is_engine = state is State.QUEUED and failure.reason == reasons.CHILD_REJECTED
    reason = reasons.ENGINE_REJECTED if is_engine else failure.reason
    claim = Claim(CONDITION_OF[state], conditions.FALSE, reason, failure.message)
    return step_jobs.failed(seen, claim)


def _with_stale(seen: RunSnapshot, looked: Advance) -> Advance:
    """Answer the Decisions that the stage had no use for."""
    answered = {reply.decision.uid for reply in looked.replies}
    rest = [each for each in seen.decisions if each.uid not in answered]
    stale = tuple(approvals.stale(each, seen.status) for each in rest)
    return replace(looked, replies=(*looked.replies, *stale))


def _with_deadline(seen: RunSnapshot, looked: Advance, now: datetime) -> Advance:
    """End a state that lasts too long; else look again when it would."""
    state = State(seen.status.state)
    limit = states.deadline_seconds(state, seen.spec)
    is_taken = seen.status.promotion and seen.status.promotion.state == promoting.TAKEN
    if limit is None or is_taken or looked.edge:
        return looked
    since = identity.moment(seen.status.state_times[state])
    left = limit - (now - since).total_seconds()
    if left > 0:
        return replace(looked, look_again_seconds=min(looked.look_again_seconds or left, left))
    return _timed_out(looked, state, limit)


def _timed_out(looked: Advance, state: State, limit: int) -> Advance:
    event = TIMED_OUT[state]
    reason = DEADLINE_REASONS.get(state, reasons.DEADLINE_EXCEEDED)
    cause = looked.stalled.message if looked.stalled else looked.note
    text = f"state {state} lasted longer than {limit} seconds; last: {cause}"
    claim = Claim(CONDITION_OF[state], conditions.FALSE, reason, text)
    promotion = looked.status.promotion
    return replace(
        looked,
        status=replace(
            looked.status,
            promotion=replace(promotion, state=promoting.WITHDRAWN) if promotion else None,
        ),
        edge=event,
        claims=(claim,),
        actions=(),
        reason=reason,
        message=text,
        stalled=None,
    )


def _promised(seen: RunSnapshot, again: list[DecisionFacts]) -> tuple[tuple[Action, ...], ...]:
    if any(each.spec.action == decision.RETRY for each in again):
        return finished.promised_run(seen)
    return ()
