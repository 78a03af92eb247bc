"""What people decide about a rollout, and what becomes of Decisions that do not count."""

import pytest

from perennial_operator.api import conditions, decision, reasons
from perennial_operator.plan.rollout.states import State
from perennial_operator.testing import Rollout
from perennial_operator.testing.builders import decision as make_decision
from perennial_operator.testing.builders import digest
from perennial_operator.testing.rollouts import QUICK, TARGET

ASKING = {**QUICK, "approval": {"promotion": True, "timeout": "1h"}}


def waiting() -> Rollout:
    """Return a rollout that waits for a person."""
    rollout = Rollout(rollout=ASKING).serve().change(model="two")
    return rollout.until(State.AWAITING_PROMOTION)


def test_an_approval_on_the_sealed_evidence_promotes() -> None:
    """Approve names attempt and seal; then the promotion begins."""
    rollout = waiting()
    rollout.tick(30)
    assert rollout.condition(conditions.RECONCILING) == ("True", reasons.AWAITING_APPROVAL)
    assert reasons.APPROVAL_AWAITED in rollout.events

    assert rollout.decide(decision.APPROVE, **rollout.on_evidence()) == reasons.ACCEPTED
    rollout.until(State.STABLE)

    assert rollout.status.rollout.completion == "PromotedUnproven"


def test_a_rejection_rolls_back() -> None:
    """Reject refuses the candidate for good."""
    rollout = waiting()

    assert rollout.decide(decision.REJECT, **rollout.on_evidence()) == reasons.ACCEPTED
    rollout.until(State.ROLLED_BACK)

    assert [each.reason for each in rollout.status.revisions.rejected] == [reasons.REJECTED]


def test_silence_is_a_rejection_in_the_end() -> None:
    """Nobody answers in time: the attempt goes back."""
    rollout = waiting()
    rollout.tick(62, seconds=60)
    rollout.until(State.ROLLED_BACK)

    assert rollout.status.rollout.reason == reasons.APPROVAL_TIMEOUT


@pytest.mark.parametrize("action", [decision.APPROVE, decision.REJECT, decision.PROMOTE])
def test_a_decision_counts_for_the_evidence_that_it_names(action: str) -> None:
    """Another digest, another attempt: no effect, and the answer says why."""
    rollout = waiting()
    shown = rollout.on_evidence()

    wrong = {**shown, "evidenceDigest": digest("x")}
    assert rollout.decide(action, name="a", **wrong) == reasons.DIGEST_MISMATCH
    other = {**shown, "attempt": "0123456789-a9"}
    assert rollout.decide(action, name="b", **other) == reasons.STALE
    assert rollout.state is State.AWAITING_PROMOTION


@pytest.mark.parametrize("action", [decision.APPROVE, decision.PROMOTE])
def test_without_policies_no_name_counts(action: str) -> None:
    """Approve and Promote need the admission policies that check names."""
    rollout = waiting()
    rollout.cluster.simulation.policies_active = False

    assert rollout.decide(action, **rollout.on_evidence()) == reasons.POLICY_MISSING
    assert rollout.state is State.AWAITING_PROMOTION


def test_an_abort_ends_the_attempt_and_a_used_one_is_stale() -> None:
    """Abort goes back at once; afterwards nothing is left to abort."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    attempt = rollout.status.rollout.attempt

    assert rollout.decide(decision.ABORT, attempt=attempt) == reasons.ACCEPTED
    assert rollout.state is State.ROLLING_BACK
    assert rollout.decide(decision.ABORT, name="again", attempt=attempt) == reasons.STALE
    rollout.until(State.ROLLED_BACK)
    assert rollout.status.revisions.rejected[0].reason == reasons.ABORTED


def test_promote_skips_steps_and_is_remembered_as_a_person_s() -> None:
    """Promote goes to full weight from any step; breakers and capacity stay."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")

    assert rollout.decide(decision.PROMOTE, **rollout.on_evidence()) == reasons.ACCEPTED
    rollout.until(State.STABLE)

    assert rollout.status.rollout.completion == "PromotedByPerson"


def test_a_rollback_returns_to_the_previous_revision_and_stays() -> None:
    """The previous revision serves again; the same spec does not bring the other back."""
    rollout = Rollout().serve()
    first = rollout.status.revisions.stable
    rollout.change(model="two").until(State.PROMOTING).until(State.STABLE)
    second = rollout.status.revisions.stable

    assert rollout.decide(decision.ROLLBACK) == reasons.ACCEPTED
    rollout.until(State.REVERTING).until(State.STABLE).tick(60)

    assert rollout.status.revisions.stable == first
    assert rollout.status.traffic == f"{first} 100%"
    assert rollout.replicas() == {first: 1, second: 0}
    assert rollout.condition(conditions.STALLED) == ("True", reasons.ROLLED_BACK)
    assert rollout.decide(decision.ROLLBACK, name="twice") == reasons.TARGET_NOT_FOUND
    assert rollout.decide(decision.ROLLBACK, name="self", revision=first) == reasons.STALE


def test_a_retry_after_a_rollback_brings_the_refused_revision_back() -> None:
    """Retry ends what the Rollback asked for."""
    rollout = Rollout().serve().change(model="two").until(State.PROMOTING).until(State.STABLE)
    second = rollout.status.revisions.stable
    rollout.decide(decision.ROLLBACK)
    rollout.until(State.REVERTING).until(State.STABLE)

    assert rollout.decide(decision.RETRY, revision=second) == reasons.ACCEPTED
    rollout.until(State.CANARY).until(State.STABLE)

    assert rollout.status.revisions.stable == second
    rollout.tick(3)
    assert rollout.condition(conditions.READY) == ("True", "Ready")


def test_another_spec_ends_what_a_rollback_asked_for() -> None:
    """The choice of a person holds until spec names something new."""
    rollout = Rollout().serve().change(model="two").until(State.PROMOTING).until(State.STABLE)
    rollout.decide(decision.ROLLBACK)
    rollout.until(State.REVERTING).until(State.STABLE)

    rollout.change(model="three").tick(2)

    assert rollout.state is State.PREPARING
    assert rollout.status.revisions.chosen is None


def test_a_rollback_inside_an_attempt_aborts_it_first() -> None:
    """The candidate loses its traffic, then the earlier revision returns."""
    rollout = Rollout().serve()
    first = rollout.status.revisions.stable
    rollout.change(model="two").until(State.PROMOTING).until(State.STABLE)
    rollout.change(model="three").until(State.CANARY, "Collect")

    assert rollout.decide(decision.ROLLBACK, revision=first) == reasons.ACCEPTED
    assert rollout.state is State.ROLLING_BACK
    rollout.until(State.REVERTING).until(State.STABLE)

    assert rollout.status.revisions.stable == first


def test_one_pass_takes_the_strongest_decision() -> None:
    """Abort beats Promote in the same pass; the other hears that it lost."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    shown = rollout.on_evidence()
    promote = make_decision("promote", decision.PROMOTE, target=TARGET, **shown)
    rollout.cluster.put(promote)

    answer = rollout.decide(decision.ABORT, attempt=shown["attempt"])

    assert answer == reasons.ACCEPTED
    assert rollout.answer("promote") == reasons.SUPERSEDED
    assert rollout.state is State.ROLLING_BACK


def test_harm_beats_a_promotion_by_a_person() -> None:
    """A Promote in the pass in which a breaker fires has no effect."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    rollout.cluster.simulation.errors[rollout.candidate] = 1.0
    shown = rollout.on_evidence()
    rollout.cluster.advance(20)

    assert rollout.decide(decision.PROMOTE, **shown) == reasons.SUPERSEDED
    assert rollout.state is State.ROLLING_BACK


def test_a_retry_of_what_was_not_refused_is_stale() -> None:
    """Only refused revisions are tried again, and only known ones."""
    rollout = Rollout().serve()
    stable = rollout.status.revisions.stable

    assert rollout.decide(decision.RETRY, name="a", revision=stable) == reasons.STALE
    unknown = rollout.decide(decision.RETRY, name="b", revision="churn-0000000000")
    assert unknown == reasons.TARGET_NOT_FOUND


def test_a_lost_answer_is_given_again() -> None:
    """A Decision that was counted before a crash acts once and is answered from status."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    attempt = rollout.status.rollout.attempt
    rollout.decide(decision.ABORT, name="stop", attempt=attempt)
    rollout.cluster.remove("Decision", "stop")
    again = make_decision("stop", decision.ABORT, target=TARGET, attempt=attempt)
    counted = rollout.status.rollout.decisions[-1].uid
    rollout.cluster.put({**again, "metadata": {**again["metadata"], "name": "stop"}})

    rollout.tick()

    assert counted
    assert rollout.answer("stop") == reasons.STALE
