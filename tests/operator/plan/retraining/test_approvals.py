"""Whose Decision counts, and what everybody else is told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from perennial_operator.api import documents, reasons
from perennial_operator.api.decision import DecisionSpec, Target
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.retrain_job import (
    ApprovalStatus,
    CountedApproval,
    QualityStatus,
    RetrainJobStatus,
    ValidationStatus,
)
from perennial_operator.plan.retraining import approvals
from perennial_operator.plan.snapshot import DecisionFacts, RunSnapshot
from perennial_operator.testing import NOON, retrain_job, runs

APPROVAL = ApprovalStatus(needed=1, deadline="2026-01-06T12:00:00Z")
TARGET = Target("RetrainJob", "again")


def waiting(verdict: str = "Inconclusive", **fields: Any) -> RunSnapshot:  # noqa: ANN401  # of the snapshot
    """Return a run that waits for people since noon."""
    cluster = runs.world()
    runs.succeed(cluster)
    runs.until(cluster, "Promoting")
    seen: RunSnapshot = cluster.snapshot()
    status = replace(
        seen.status,
        state="AwaitingApproval",
        state_times={"AwaitingApproval": "2026-01-05T12:00:00Z"},
        validation=ValidationStatus(verdict, evidence_digest=runs.EVIDENCE),
        approval=APPROVAL,
    )
    return replace(seen, **{"status": status, **fields})


def vote(
    action: str = "Approve", *, minutes: float = 5, uid: str = "uid-d", **spec: object
) -> DecisionFacts:  # of the spec
    """Return a Decision that counts, made some minutes after noon."""
    usual: dict[str, Any] = {"by": "approver", "attempt": "1", "evidence_digest": runs.EVIDENCE}
    return DecisionFacts(
        name=f"name-{uid}",
        uid=uid,
        resource_version="1",
        created_at=NOON + timedelta(minutes=minutes),
        spec=DecisionSpec(action, TARGET, **{**usual, **spec}),
    )


def answers(
    seen: RunSnapshot, *fresh: DecisionFacts, approval: ApprovalStatus = APPROVAL
) -> list[str]:
    """Return the answers in the order in which they were made."""
    return [each.answer for each in approvals.count(seen, approval, fresh).replies]


def needed(
    status: RetrainJobStatus | None = None, *, asked_by: str = "", **spec: object
) -> ApprovalStatus:  # JSON
    """Return how many approvals are needed."""
    parsed = documents.load(RetrainJobSpec, retrain_job(**spec)["spec"])
    return approvals.needed(parsed, status or RetrainJobStatus(), asked_by=asked_by, now=NOON)


def test_nobody_is_needed_when_nothing_asks() -> None:
    """A known person asked, the gate passed, the data was good."""
    assert needed() == ApprovalStatus(0, deadline="2026-01-12T12:00:00Z")


@pytest.mark.parametrize(
    ("spec", "asked_by", "verdict", "because"),
    [
        ({"approval": {"required": True}}, "", "Pass", "spec.approval.required"),
        ({"validation": {"mode": "Observe"}}, "", "Pass", "validation.mode Observe"),
        ({}, "Inconclusive", "Pass", "verdict Inconclusive"),
        ({}, "", "Warn", "data quality Warn"),
    ],
)
def test_each_cause_asks_for_people(
    *, spec: dict[str, Any], asked_by: str, verdict: str, because: str
) -> None:
    """One by default; status names the cause."""
    found = needed(RetrainJobStatus(quality=QualityStatus(verdict)), asked_by=asked_by, **spec)

    assert (found.needed, found.because) == (1, (because,))


def test_the_spec_says_how_many_people() -> None:
    """Only if something asks for them."""
    people = {"approval": {"minApprovals": 3}}

    assert needed(**people).needed == 0
    assert needed(asked_by="Inconclusive", **people).needed == 3


@pytest.mark.parametrize(
    ("number", "text"), [(1, "1 approval needed (a, b)"), (2, "2 approvals needed (a, b)")]
)
def test_the_need_is_told_in_words(number: int, text: str) -> None:
    """How many, and why."""
    assert approvals.in_words(ApprovalStatus(number, because=("a", "b"))) == text


def test_a_run_that_nobody_asked_for_needs_one_more() -> None:
    """Its requester could be the one who approves."""
    assert needed(requestedBy="").because == ("no spec.requestedBy",)
    assert needed(requestedBy="", asked_by="Inconclusive").needed == 2


def test_an_approval_that_fits_counts() -> None:
    """The reply says how many there are."""
    found = approvals.count(waiting(), APPROVAL, [vote()])

    assert found.has_enough
    assert found.approval.counted == (
        CountedApproval("approver", "name-uid-d", "2026-01-05T12:05:00Z"),
    )
    assert found.replies[0].message == "counted: 1 of 1"


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ({"attempt": "2"}, reasons.STALE),
        ({"attempt": ""}, reasons.STALE),
        ({"evidence_digest": runs.CANDIDATE}, reasons.DIGEST_MISMATCH),
        ({"evidence_digest": ""}, reasons.DIGEST_MISMATCH),
        ({"minutes": -1}, reasons.STALE),
        ({"minutes": 24 * 60 + 1}, reasons.STALE),
        ({"by": "scientist"}, reasons.SELF_APPROVAL),
        ({"action": "Promote"}, reasons.STALE),
    ],
)
def test_an_approval_that_does_not_fit_is_told_why(spec: dict[str, Any], answer: str) -> None:
    """Other attempt, other evidence, too early, too late, by the requester, not applicable."""
    assert answers(waiting(), vote(**spec)) == [answer]


@pytest.mark.parametrize("minutes", [0, 24 * 60])
def test_the_limits_of_time_are_in_time(minutes: int) -> None:
    """From the evidence to the deadline, both included."""
    assert answers(waiting(), vote(minutes=minutes)) == [reasons.ACCEPTED]


def test_a_person_counts_once() -> None:
    """A second approval of the same person is no second person."""
    two = replace(APPROVAL, needed=2)
    first, second = vote(uid="a"), vote(uid="b", minutes=6)

    assert answers(waiting(), first, second, approval=two) == [
        reasons.ACCEPTED,
        reasons.SELF_APPROVAL,
    ]


@pytest.mark.parametrize(
    ("action", "answer"),
    [("Approve", reasons.POLICY_MISSING), ("Reject", reasons.ACCEPTED)],
)
def test_without_the_policies_nobody_can_approve(action: str, answer: str) -> None:
    """A name that anybody may write proves nothing; to refuse is safe."""
    assert answers(waiting(policies_active=False), vote(action)) == [answer]


@pytest.mark.parametrize(
    ("verdict", "action", "answer"),
    [
        ("Fail", "Approve", reasons.STALE),
        ("Fail", "Promote", reasons.ACCEPTED),
        ("Pass", "Promote", reasons.STALE),
        ("NotRun", "Approve", reasons.ACCEPTED),
        ("Fail", "Reject", reasons.ACCEPTED),
    ],
)
def test_only_an_override_moves_a_failed_candidate(verdict: str, action: str, answer: str) -> None:
    """Promote is the word for it; elsewhere it does nothing."""
    assert answers(waiting(verdict), vote(action)) == [answer]


def test_a_reject_before_the_last_approval_ends_the_run() -> None:
    """The moment of making decides, not the order of arrival; the rest is superseded."""
    found = approvals.count(
        waiting(), APPROVAL, [vote(uid="yes", minutes=6), vote("Reject", uid="no", minutes=5)]
    )

    assert found.rejected is not None
    assert [(each.decision.uid, each.answer) for each in found.replies] == [
        ("no", reasons.ACCEPTED),
        ("yes", reasons.SUPERSEDED),
    ]


def test_a_reject_after_the_last_approval_comes_too_late() -> None:
    """The candidate was approved before."""
    found = approvals.count(
        waiting(), APPROVAL, [vote("Reject", uid="no", minutes=6), vote(uid="yes", minutes=5)]
    )

    assert (found.has_enough, found.rejected) == (True, None)
    assert [each.answer for each in found.replies] == [reasons.ACCEPTED, reasons.SUPERSEDED]
    assert found.replies[1].message == "Approve name-yes came before it"


def test_equal_moments_are_ordered_by_uid() -> None:
    """Stamps have whole seconds; the order is the same in every pass."""
    one, other = vote(uid="a"), vote("Reject", uid="b")

    assert approvals.count(waiting(), APPROVAL, [one, other]).has_enough
    assert approvals.count(waiting(), APPROVAL, [other, one]).has_enough


def test_without_a_candidate_nothing_can_be_approved() -> None:
    """A lost status answers Stale."""
    seen = waiting()
    lost = replace(seen, status=replace(seen.status, candidate=None))

    assert answers(lost, vote()) == [reasons.STALE]


def test_without_evidence_there_is_no_digest() -> None:
    """Nothing that anybody could name fits it by chance."""
    assert approvals.evidence_digest(RetrainJobStatus()) == ""
