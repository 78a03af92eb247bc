"""Which acts of people count: right attempt, right evidence, right person, in their order."""

from dataclasses import replace
from datetime import timedelta

from perennial_operator.api import decision, documents, names, reasons
from perennial_operator.api.decision import DecisionSpec, Target
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.model_deployment import RejectedRevision, RolloutStatus, Source
from perennial_operator.api.status.retrain_job import RetrainJobStatus
from perennial_operator.plan.rollout import decisions
from perennial_operator.plan.rollout.desired import Question
from perennial_operator.plan.rollout.states import State
from perennial_operator.plan.snapshot import DecisionFacts, Meta, RunFacts
from perennial_operator.testing import NOON, Rollout, retrain_job
from perennial_operator.testing.rollouts import QUICK

LATE = NOON + timedelta(hours=1)


def awaiting() -> Question:
    """Return what is asked of a rollout that waits for a person."""
    asking = {**QUICK, "approval": {"promotion": True}}
    rollout = Rollout(rollout=asking).serve().change(model="two")
    return rollout.until(State.AWAITING_PROMOTION).view().question


def act(action: str, question: Question, **changes: object) -> DecisionFacts:
    """Return a Decision about the evidence as shown."""
    rollout = question.status.rollout
    spec = DecisionSpec(
        action=action,
        target=Target(names.MODEL_DEPLOYMENT, "churn"),
        by="ana",
        attempt=rollout.attempt,
        evidence_digest=rollout.seal.digest if rollout.seal else "",
    )
    when = changes.pop("created_at", LATE)
    name = str(changes.pop("name", action))
    changed = replace(spec, **changes)  # type: ignore[arg-type]  # fields of the spec
    return DecisionFacts(name, f"uid-{name}", "1", when, changed)  # type: ignore[arg-type]  # a datetime


def answers(question: Question, *acts: DecisionFacts) -> list[tuple[str, str]]:
    """Return names and answers in the order in which they may act."""
    asked = replace(question, seen=replace(question.seen, decisions=acts))
    return [(each.facts.name, each.answer) for each in decisions.judge(asked)]


def test_decisions_stand_in_the_order_of_their_strength() -> None:
    """Abort first, then Reject, Approve, Promote; equals by time, then by name."""
    question = awaiting()
    late = act(decision.APPROVE, question, name="a", created_at=LATE + timedelta(seconds=1))
    acts = [
        late,
        act(decision.PROMOTE, question),
        act(decision.APPROVE, question, name="c"),
        act(decision.APPROVE, question, name="b"),
        act(decision.REJECT, question),
        act(decision.ABORT, question),
    ]
    found = answers(question, *acts)
    assert [name for name, _ in found] == ["Abort", "Reject", "b", "c", "a", "Promote"]
    assert {answer for _, answer in found} == {reasons.ACCEPTED}


def test_a_decision_from_before_the_attempt_is_stale() -> None:
    """A recreated name or an old mind does not count."""
    question = awaiting()
    early = act(decision.APPROVE, question, created_at=NOON - timedelta(hours=1))
    assert answers(question, early) == [("Approve", reasons.STALE)]


def test_without_an_attempt_nothing_can_be_meant() -> None:
    """A status that was lost knows no attempt, and an empty name is none."""
    question = awaiting()
    bare = replace(question, status=replace(question.status, rollout=RolloutStatus()))
    assert answers(bare, act(decision.ABORT, bare)) == [("Abort", reasons.STALE)]


def test_who_asked_for_the_run_does_not_approve_it() -> None:
    """A retrained candidate needs another person."""
    question = awaiting()
    spec = documents.load(RetrainJobSpec, retrain_job(requestedBy="ana")["spec"])
    run = RunFacts(Meta("again", "default", "uid-run", 1, "1", NOON), spec, RetrainJobStatus())
    source = Source(names.RETRAIN_JOB, "again", "uid-run")
    rollout = replace(question.status.rollout, source=source)
    question = replace(
        question,
        seen=replace(question.seen, runs=(run,)),
        status=replace(question.status, rollout=rollout),
    )

    acts = [act(decision.APPROVE, question), act(decision.PROMOTE, question)]
    assert {answer for _, answer in answers(question, *acts)} == {reasons.SELF_APPROVAL}
    other = act(decision.APPROVE, question, by="ben")
    assert answers(question, other) == [("Approve", reasons.ACCEPTED)]


def test_promote_may_name_the_evidence_before() -> None:
    """The seal may change while a person writes; Approve must name the last one."""
    question = awaiting()
    seal = question.status.rollout.seal
    assert seal is not None
    acts = [
        act(decision.PROMOTE, question, evidence_digest=seal.previous),
        act(decision.APPROVE, question, evidence_digest=seal.previous),
    ]
    assert dict(answers(question, *acts)) == {
        "Promote": reasons.ACCEPTED,
        "Approve": reasons.DIGEST_MISMATCH,
    }


def test_what_does_not_fit_the_state_is_stale() -> None:
    """Approve without a question, Retry under way."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    question = rollout.view().question
    assert answers(question, act(decision.APPROVE, question)) == [("Approve", reasons.STALE)]
    refused = rollout.status.revisions.candidate
    entry = replace(
        question.status.revisions,
        rejected=(
            *question.status.revisions.rejected,
            RejectedRevision(refused, "a", reasons.BREAKER, ""),
        ),
    )
    question = replace(question, status=replace(question.status, revisions=entry))
    retry = act(decision.RETRY, question, revision=refused)
    assert answers(question, retry) == [("Retry", reasons.STALE)]


def test_a_return_under_way_is_not_asked_twice() -> None:
    """A Rollback to where the rollout is going is stale."""
    question = awaiting()
    stable = question.status.revisions.stable
    roles = replace(question.status.revisions, candidate=stable)
    rollout = replace(question.status.rollout, state=State.REVERTING.value)
    going = replace(question, status=replace(question.status, revisions=roles, rollout=rollout))
    back = act(decision.ROLLBACK, going, revision=stable)
    assert answers(going, back) == [("Rollback", reasons.STALE)]


def test_only_the_newest_twenty_are_remembered() -> None:
    """Status stays small."""
    question = awaiting()
    acts = tuple(
        decisions.Answered(act(decision.ABORT, question, name=f"n{number:02}"), "Stale", "")
        for number in range(25)
    )
    found = decisions.count(question.status, acts).rollout.decisions
    assert [each.name for each in found] == [f"n{number:02}" for number in range(5, 25)]
    assert decisions.count(question.status, ()) == question.status


def test_a_counted_decision_is_not_judged_again() -> None:
    """It acts once, whatever the snapshot still shows."""
    question = awaiting()
    once = act(decision.ABORT, question)
    counted = decisions.count(question.status, (decisions.Answered(once, reasons.ACCEPTED, ""),))
    assert answers(replace(question, status=counted), once) == []


def test_a_seal_covers_attempt_definition_and_counters() -> None:
    """Other counters, other digest; the one before is kept."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    view = rollout.view()
    first = decisions.seal(view.status, view.routers, view.now).rollout.seal
    rollout.tick(5)
    later = rollout.view()
    second = decisions.seal(later.status, later.routers, later.now).rollout.seal
    assert first is not None
    assert second is not None
    assert first.digest != second.digest
    assert view.roles.candidate in first.counters
    bare = replace(view.status, rollout=replace(view.rollout, definition=None, seal=None))
    unread = replace(view.routers, traffic=None)
    sealed = decisions.seal(bare, unread, view.now).rollout.seal
    assert sealed is not None
    assert (sealed.counters, sealed.previous) == ("{}", "")
