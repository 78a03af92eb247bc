"""An Advance as a Plan: the edge taken, times, conditions, answers, and what is written of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from perennial_operator.api import conditions, documents, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.model_deployment import CountedDecision
from perennial_operator.api.status.retrain_job import RetrainJobStatus
from perennial_operator.plan import actions
from perennial_operator.plan.actions import Action, Answer, Plan
from perennial_operator.plan.retraining.approvals import Reply
from perennial_operator.plan.retraining.stages.advance import Advance
from perennial_operator.plan.retraining.states import OUTCOMES, TRANSITIONS, Event, State
from perennial_operator.plan.snapshot import DecisionFacts, Failure, RunSnapshot

STAGES_TOLD = (
    conditions.DATA_READY,
    conditions.TRAINED,
    conditions.VALIDATED,
    conditions.APPROVED,
    conditions.PROMOTED,
)
COMPLETE_REASONS: Mapping[str, str] = {
    "Promoted": reasons.PROMOTED,
    "Kept": reasons.KEPT,
    "Rejected": reasons.CANDIDATE_REJECTED,
    "RolledBack": reasons.ROLLED_BACK,
    "Skipped": reasons.SKIPPED,
    "Superseded": reasons.SUPERSEDED,
    "Canceled": reasons.CANCELED,
}
KEPT_DECISIONS = 20
UNAVAILABLE_IN_A_ROW = 3
AT_ONCE_SECONDS = 1.0


def plan(
    seen: RunSnapshot, looked: Advance, again: Sequence[DecisionFacts], *, now: datetime
) -> Plan:
    """Return the plan of one look; `again` are Decisions whose answer was not written yet."""
    status = _moved(looked, now)
    status = replace(status, decisions=_remembered(status, looked.replies))
    claims = (*_told(status, looked), *_terminal(status, looked), *_pair(seen, status, looked))
    status = replace(
        status,
        observed_generation=seen.meta.generation,
        conditions=conditions.settle(
            seen.status.conditions, claims, generation=seen.meta.generation, now=now
        ),
    )
    document = documents.dump(status)
    return Plan(
        status=None if document == documents.dump(seen.status) else document,
        actions=(*looked.actions, *_answers(seen, looked.replies, again)),
        events=(*looked.events, *_ending(status, looked)),
        look_again_seconds=AT_ONCE_SECONDS if looked.edge else looked.look_again_seconds,
    )


def answers_of(seen: RunSnapshot) -> dict[str, str]:
    """Return the answers that status remembers, by the Decision's uid."""
    return {each.uid: each.answer for each in seen.status.decisions}


def _moved(looked: Advance, now: datetime) -> RetrainJobStatus:
    """Return the status after the edge; a pair that the table does not hold is a bug."""
    status = looked.status
    if looked.edge is None:
        return status
    target = TRANSITIONS[State(status.state)][looked.edge]
    moment = conditions.stamp(now)
    moved = replace(
        status, state=target.value, state_times={**status.state_times, target.value: moment}
    )
    if target is not State.FINISHED:
        return moved
    return replace(moved, outcome=OUTCOMES[looked.edge], end_time=moment, intent=None)


def _told(status: RetrainJobStatus, looked: Advance) -> tuple[Claim, ...]:
    """Return what is known of each stage: the new claims, else what was said before."""
    fresh = {claim.type: claim for claim in looked.claims}
    return tuple(fresh.get(each) or _before(status, each) for each in STAGES_TOLD)


def _before(status: RetrainJobStatus, type_: str) -> Claim:
    found = conditions.find(status.conditions, type_)
    if found is None:
        return Claim(type_, conditions.UNKNOWN, reasons.PENDING)
    return Claim(type_, found.status, found.reason, found.message)


def _terminal(status: RetrainJobStatus, looked: Advance) -> tuple[Claim, ...]:
    """Return Complete or Failed: exclusive, never cleared."""
    if status.state != State.FINISHED:
        return ()
    kept = tuple(
        Claim(each.type, each.status, each.reason, each.message)
        for each in status.conditions
        if each.type in (conditions.COMPLETE, conditions.FAILED)
    )
    if kept:
        return kept
    if status.outcome == OUTCOMES[Event.FAILED]:
        return (Claim(conditions.FAILED, conditions.TRUE, looked.reason, looked.message),)
    reason = COMPLETE_REASONS[status.outcome]
    return (Claim(conditions.COMPLETE, conditions.TRUE, reason, looked.message),)


def _pair(seen: RunSnapshot, status: RetrainJobStatus, looked: Advance) -> tuple[Claim, ...]:
    """Return Reconciling or Stalled, never both; a finished run is Stalled only if it failed."""
    if status.state == State.FINISHED:
        failed = _terminal(status, looked)[0]
        if failed.type == conditions.COMPLETE:
            return ()
        return (replace(failed, type=conditions.STALLED),)
    if looked.stalled and looked.edge is None:
        return (looked.stalled,)
    failure = seen.last_failure
    if failure and failure.is_invalid:
        return (Claim(conditions.STALLED, conditions.TRUE, failure.reason, failure.message),)
    note = looked.note if looked.edge is None else ""
    return (Claim(conditions.RECONCILING, conditions.TRUE, status.state, _cause(failure, note)),)


def _cause(failure: Failure | None, note: str) -> str:
    if failure and failure.in_a_row >= UNAVAILABLE_IN_A_ROW:
        return f"{failure.reason}: {failure.message}"
    return note


def _remembered(status: RetrainJobStatus, replies: Sequence[Reply]) -> tuple[CountedDecision, ...]:
    fresh = tuple(
        CountedDecision(
            name=reply.decision.name,
            uid=reply.decision.uid,
            action=reply.decision.spec.action,
            by=reply.decision.spec.by,
            answer=reply.answer,
        )
        for reply in replies
    )
    return (*status.decisions, *fresh)[-KEPT_DECISIONS:]


def _answers(
    seen: RunSnapshot, replies: Sequence[Reply], again: Sequence[DecisionFacts]
) -> tuple[tuple[Action, ...], ...]:
    """Return the answers as the last group: what they promise was done before."""
    before = answers_of(seen)
    late = [Reply(each, before[each.uid], "answered in an earlier pass") for each in again]
    group = tuple(
        Answer(
            name=reply.decision.name,
            uid=reply.decision.uid,
            resource_version=reply.decision.resource_version,
            answer=reply.answer,
            message=reply.message,
            generation=reply.decision.generation,
        )
        for reply in (*late, *replies)
    )
    return (group,) if group else ()


def _ending(status: RetrainJobStatus, looked: Advance) -> tuple[actions.Event, ...]:
    if looked.edge is None or status.state != State.FINISHED:
        return ()
    kind = "Warning" if looked.edge in (Event.FAILED, Event.ROLLED_BACK) else "Normal"
    text = f"{status.outcome}: {looked.message}".rstrip(": ")
    return (actions.Event(kind, reasons.RUN_ENDED, text),)
