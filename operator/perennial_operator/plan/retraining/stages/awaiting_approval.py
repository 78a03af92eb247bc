"""AwaitingApproval: counts Decisions about this candidate on this evidence."""

from dataclasses import replace
from datetime import datetime

from perennial_operator.api import conditions, decision, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.retrain_job import ApprovalStatus
from perennial_operator.plan.retraining import approvals, identity
from perennial_operator.plan.retraining.approvals import Count, Reply
from perennial_operator.plan.retraining.stages import validating
from perennial_operator.plan.retraining.stages.advance import Advance, waits
from perennial_operator.plan.retraining.states import Event
from perennial_operator.plan.snapshot import RunSnapshot


def advance(seen: RunSnapshot, _now: datetime) -> Advance:
    """Return what the Decisions come to; another champion makes them void."""
    champion = identity.champion(seen.model) if seen.model else None
    if champion and validating.is_other(seen.status, champion):
        return validating.new_champion(seen.status, champion)
    votes = [each for each in seen.decisions if each.spec.action in approvals.COUNTED_ACTIONS]
    found = approvals.count(seen, seen.status.approval or ApprovalStatus(), votes)
    status = replace(seen.status, approval=found.approval)
    if found.rejected:
        return _rejected(replace(_looked(seen, found), status=status), found.rejected)
    if found.has_enough:
        return _approved(replace(_looked(seen, found), status=status))
    return replace(_looked(seen, found), status=status)


def _looked(seen: RunSnapshot, found: Count) -> Advance:
    people, needed = len(found.approval.counted), found.approval.needed
    action = approvals.decisive_action(seen.status)
    text = f"{people} of {needed} approvals: waits for a Decision {action}"
    return replace(waits(seen.status, text), replies=found.replies)


def _rejected(found: Advance, reply: Reply) -> Advance:
    by = reply.decision.spec.by
    text = f"{by} rejected the candidate"
    if reply.decision.spec.reason:
        text += f": {reply.decision.spec.reason}"
    return replace(
        found,
        edge=Event.REFUSED,
        claims=(Claim(conditions.APPROVED, conditions.FALSE, reasons.REJECTED, text),),
        reason=reasons.CANDIDATE_REJECTED,
        message=text,
    )


def _approved(found: Advance) -> Advance:
    approval = found.status.approval or ApprovalStatus()
    is_override = approvals.decisive_action(found.status) == decision.PROMOTE
    reason = reasons.OVERRIDDEN if is_override else reasons.APPROVED
    text = "by " + ", ".join(each.by for each in approval.counted)
    claim = Claim(conditions.APPROVED, conditions.TRUE, reason, text)
    return replace(found, edge=Event.APPROVED, claims=(claim,))
