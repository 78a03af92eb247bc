"""Approvals of a run: how many people are needed, whose Decisions count, and what others get.

A Decision counts for one attempt and one evidence digest. Everybody gets one answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from perennial_operator.api import conditions, decision, reasons
from perennial_operator.api.documents import durations
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.retrain_job import (
    ApprovalStatus,
    Candidate,
    CountedApproval,
    RetrainJobStatus,
)
from perennial_operator.plan.retraining import identity
from perennial_operator.plan.retraining.states import State
from perennial_operator.plan.retraining.verdict import Verdict
from perennial_operator.plan.snapshot import DecisionFacts, RunSnapshot

COUNTED_ACTIONS = (decision.APPROVE, decision.PROMOTE, decision.REJECT)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one Decision."""

    decision: DecisionFacts
    answer: str
    message: str


@dataclass(frozen=True, slots=True)
class Count:
    """What the Decisions of a pass come to; `rejected` and `has_enough` exclude each other."""

    approval: ApprovalStatus
    replies: tuple[Reply, ...]
    has_enough: bool = False
    rejected: Reply | None = None


def needed(
    spec: RetrainJobSpec, status: RetrainJobStatus, *, asked_by: str, now: datetime
) -> ApprovalStatus:
    """Return how many approvals a candidate needs, and why.

    `asked_by` is the reason of a verdict whose policy asks a person, "" if none does.
    """
    because = [
        text
        for text, applies in (
            ("spec.approval.required", spec.approval.required),
            (f"validation.mode {spec.validation.mode}", spec.validation.mode != "Enforce"),
            ("data quality Warn", status.quality is not None and status.quality.verdict == "Warn"),
            (f"verdict {asked_by}", bool(asked_by)),
        )
        if applies
    ]
    people = spec.approval.min_approvals if because else 0
    if not spec.requested_by:
        people += 1
        because.append("no spec.requestedBy")
    deadline = now + timedelta(seconds=durations.seconds(spec.approval.timeout))
    return ApprovalStatus(
        needed=people, because=tuple(because), deadline=conditions.stamp(deadline)
    )


def in_words(approval: ApprovalStatus) -> str:
    """Return how many people are needed, and why."""
    people = "1 approval" if approval.needed == 1 else f"{approval.needed} approvals"
    return f"{people} needed ({', '.join(approval.because)})"


def decisive_action(status: RetrainJobStatus) -> str:
    """Return the action that approves: Promote overrides a failed gate, Approve the others."""
    failed = status.validation and status.validation.verdict == Verdict.FAIL
    return decision.PROMOTE if failed else decision.APPROVE


def count(seen: RunSnapshot, approval: ApprovalStatus, fresh: Sequence[DecisionFacts]) -> Count:
    """Count Approve, Promote and Reject in the order of their making."""
    replies: list[Reply] = []
    for each in sorted(fresh, key=lambda item: (item.created_at, item.uid)):
        if refusal := _refused(seen, approval, each):
            replies.append(refusal)
            continue
        if each.spec.action == decision.REJECT:
            reply = Reply(each, reasons.ACCEPTED, "the candidate is rejected")
            return _closed(Count(approval, (*replies, reply), rejected=reply), fresh)
        vote = CountedApproval(
            by=each.spec.by, decision=each.name, time=conditions.stamp(each.created_at)
        )
        approval = replace(approval, counted=(*approval.counted, vote))
        text = f"counted: {len(approval.counted)} of {approval.needed}"
        replies.append(Reply(each, reasons.ACCEPTED, text))
        if len(approval.counted) >= approval.needed:
            return _closed(Count(approval, tuple(replies), has_enough=True), fresh)
    return Count(approval, tuple(replies))


def stale(each: DecisionFacts, status: RetrainJobStatus) -> Reply:
    """Return the answer to a Decision that the run's state has no use for."""
    text = f"the run is in state {status.state}: {each.spec.action} does nothing there"
    return Reply(each, reasons.STALE, text)


def superseded(each: DecisionFacts, by: str) -> Reply:
    """Return the answer to a Decision that lost to another one."""
    return Reply(each, reasons.SUPERSEDED, f"{by} came before it")


def _closed(found: Count, fresh: Sequence[DecisionFacts]) -> Count:
    """Answer those after the Decision that closed the count."""
    answered = {reply.decision.uid for reply in found.replies}
    last = found.replies[-1].decision
    rest = tuple(
        superseded(each, f"{last.spec.action} {last.name}")
        for each in fresh
        if each.uid not in answered
    )
    return replace(found, replies=(*found.replies, *rest))


@dataclass(frozen=True, slots=True)
class _Vote:
    """A Decision beside what it must fit."""

    decision: DecisionFacts
    approval: ApprovalStatus
    status: RetrainJobStatus
    candidate: Candidate
    requested_by: str
    policies_active: bool


Gate = Callable[[_Vote], tuple[str, str] | None]


def _policies_are_active(vote: _Vote) -> tuple[str, str] | None:
    if vote.policies_active or vote.decision.spec.action == decision.REJECT:
        return None
    return reasons.POLICY_MISSING, "install the ValidatingAdmissionPolicies, then decide again"


def _action_applies(vote: _Vote) -> tuple[str, str] | None:
    wanted = decisive_action(vote.status)
    if vote.decision.spec.action in (wanted, decision.REJECT):
        return None
    verdict = vote.status.validation and vote.status.validation.verdict
    return reasons.STALE, f"the verdict is {verdict}: use {wanted} instead"


def _attempt_fits(vote: _Vote) -> tuple[str, str] | None:
    if vote.decision.spec.attempt == str(vote.candidate.attempt):
        return None
    return reasons.STALE, f"set spec.attempt to {vote.candidate.attempt!s}, the candidate's"


def _evidence_fits(vote: _Vote) -> tuple[str, str] | None:
    shown = evidence_digest(vote.status)
    if vote.decision.spec.evidence_digest == shown:
        return None
    return reasons.DIGEST_MISMATCH, f"look at the evidence again: its digest is {shown}"


def _is_in_time(vote: _Vote) -> tuple[str, str] | None:
    since = identity.moment(vote.status.state_times[State.AWAITING_APPROVAL])
    until = identity.moment(vote.approval.deadline)
    if since <= vote.decision.created_at <= until:
        return None
    return reasons.STALE, f"it was not made between {since} and {until}"


def _is_somebody_else(vote: _Vote) -> tuple[str, str] | None:
    by = vote.decision.spec.by
    if vote.decision.spec.action == decision.REJECT:
        return None
    if by == vote.requested_by:
        return reasons.SELF_APPROVAL, f"{by} asked for the run: another person must approve"
    if any(by == each.by for each in vote.approval.counted):
        return reasons.SELF_APPROVAL, f"{by} is counted already: another person must approve"
    return None


GATES: tuple[Gate, ...] = (
    _policies_are_active,
    _action_applies,
    _attempt_fits,
    _evidence_fits,
    _is_in_time,
    _is_somebody_else,
)


def evidence_digest(status: RetrainJobStatus) -> str:
    """Return the digest that an approval must name, "" if there is no evidence."""
    return status.validation.evidence_digest if status.validation else ""


def _refused(seen: RunSnapshot, approval: ApprovalStatus, each: DecisionFacts) -> Reply | None:
    candidate = seen.status.candidate
    if candidate is None:
        return stale(each, seen.status)
    vote = _Vote(
        decision=each,
        approval=approval,
        status=seen.status,
        candidate=candidate,
        requested_by=seen.spec.requested_by,
        policies_active=seen.policies_active,
    )
    for gate in GATES:
        if objection := gate(vote):
            return Reply(each, *objection)
    return None
