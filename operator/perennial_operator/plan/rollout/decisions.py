"""Acts of people: which of them count now, and the seal of the evidence that they name.

A Decision acts once: it enters `rollout.decisions` in the write that has its effect, and is
answered from there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from perennial_operator.api import conditions, decision, reasons
from perennial_operator.api.documents import dump
from perennial_operator.api.status.model_deployment import (
    CountedDecision,
    ModelDeploymentStatus,
    Seal,
)
from perennial_operator.plan.rollout import desired
from perennial_operator.plan.rollout.desired import Question
from perennial_operator.plan.rollout.states import AT_REST, State
from perennial_operator.plan.rollout.traffic import Routers
from perennial_operator.plan.snapshot import DecisionFacts
from perennial_serving.contract.manifest import canonical_json, digest

PRECEDENCE = (
    decision.ABORT,
    decision.ROLLBACK,
    decision.REJECT,
    decision.APPROVE,
    decision.PROMOTE,
    decision.RETRY,
)
KEPT = 20

ABORTABLE = frozenset(
    {State.PREPARING, State.CANARY, State.AWAITING_PROMOTION, State.HOLDING, State.PROMOTING}
)
PROMOTABLE = frozenset({State.CANARY, State.AWAITING_PROMOTION, State.HOLDING})


@dataclass(frozen=True, slots=True)
class Answered:
    """A Decision and what is to be said of it."""

    facts: DecisionFacts
    answer: str
    message: str


def judge(question: Question) -> tuple[Answered, ...]:
    """Return the Decisions that were not counted yet, strongest first, with their answers.

    Several may be Accepted; the first one acts, the others then lose to it.
    """
    counted = {each.uid for each in question.status.rollout.decisions}
    fresh = [each for each in question.seen.decisions if each.uid not in counted]
    return tuple(_judged(each, question) for each in sorted(fresh, key=_strength))


def rollback_target(facts: DecisionFacts, question: Question) -> str:
    """Return the revision that a Rollback wants, "" without one."""
    if facts.spec.revision:
        return facts.spec.revision
    previous = question.status.revisions.previous
    return "" if question.is_rejected(previous) else previous


def count(status: ModelDeploymentStatus, answered: tuple[Answered, ...]) -> ModelDeploymentStatus:
    """Return the status that remembers these answers; the newest are kept."""
    if not answered:
        return status
    entries = tuple(
        CountedDecision(
            name=each.facts.name,
            uid=each.facts.uid,
            action=each.facts.spec.action,
            by=each.facts.spec.by,
            answer=each.answer,
        )
        for each in answered
    )
    kept = (*status.rollout.decisions, *entries)[-KEPT:]
    return replace(status, rollout=replace(status.rollout, decisions=kept))


def seal(status: ModelDeploymentStatus, routers: Routers, now: datetime) -> ModelDeploymentStatus:
    """Return the status with the digest of {attempt, definition, counters} as of now."""
    rollout, roles = status.rollout, status.revisions
    found = {name: routers.of(name) for name in (roles.stable, roles.candidate) if name}
    counters = {name: dump(each.totals) for name, each in found.items() if each}
    document = {
        "attempt": rollout.attempt,
        "definition": rollout.definition.digest if rollout.definition else "",
        "counters": counters,
    }
    sealed = Seal(
        digest=digest(canonical_json(document)),
        previous=rollout.seal.digest if rollout.seal else "",
        time=conditions.stamp(now),
        counters=canonical_json(counters).decode(),
    )
    return replace(status, rollout=replace(rollout, seal=sealed))


def _strength(facts: DecisionFacts) -> tuple[int, datetime, str]:
    return PRECEDENCE.index(facts.spec.action), facts.created_at, facts.name


def _judged(facts: DecisionFacts, question: Question) -> Answered:
    answer, message = _JUDGES[facts.spec.action](facts, question)
    return Answered(facts, answer, message)


Verdict = tuple[str, str]


def _accepted(message: str) -> Verdict:
    return reasons.ACCEPTED, message


def _stale(message: str) -> Verdict:
    return reasons.STALE, message


def _state(question: Question) -> State:
    return State(question.status.rollout.state)


def _other_attempt(facts: DecisionFacts, question: Question) -> Verdict | None:
    rollout = question.status.rollout
    if not rollout.attempt or facts.spec.attempt != rollout.attempt:
        return _stale(f"the attempt is {rollout.attempt or 'none'} now; look again and decide anew")
    if facts.created_at < datetime.fromisoformat(rollout.started_at):
        return _stale("it was made before this attempt began; look again and decide anew")
    return None


def _abort(facts: DecisionFacts, question: Question) -> Verdict:
    if stale := _other_attempt(facts, question):
        return stale
    if _state(question) not in ABORTABLE:
        return _stale("nothing is left to abort; use Rollback to leave a promoted revision")
    return _accepted("the attempt goes back")


def _rollback(facts: DecisionFacts, question: Question) -> Verdict:
    target, roles = rollback_target(facts, question), question.status.revisions
    known = question.known.get(target)
    if known is None or known.promotion == 0:
        message = "no such promoted revision; name one of the ControllerRevisions in revision"
        return reasons.TARGET_NOT_FOUND, message
    if target == roles.stable and _state(question) in AT_REST:
        return _stale(f"{target} serves already")
    if _state(question) is State.REVERTING and target == roles.candidate:
        return _stale(f"{target} is on its way back already")
    return _accepted(f"{target} comes back")


def _on_evidence(
    facts: DecisionFacts, question: Question, states: frozenset[State]
) -> Verdict | None:
    if stale := _other_attempt(facts, question):
        return stale
    rollout = question.status.rollout
    if _state(question) not in states or rollout.seal is None:
        return _stale(f"the rollout is {rollout.state} now and does not ask for this")
    valid = {rollout.seal.digest}
    if facts.spec.action == decision.PROMOTE and rollout.seal.previous:
        valid.add(rollout.seal.previous)
    if facts.spec.evidence_digest not in valid:
        message = "the evidence is another one now; look at status.rollout.seal and decide anew"
        return reasons.DIGEST_MISMATCH, message
    return None


def _reject(facts: DecisionFacts, question: Question) -> Verdict:
    objection = _on_evidence(facts, question, frozenset({State.AWAITING_PROMOTION}))
    return objection or _accepted("the attempt goes back")


def _approve(facts: DecisionFacts, question: Question) -> Verdict:
    objection = _on_evidence(facts, question, frozenset({State.AWAITING_PROMOTION}))
    return objection or _by_another(facts, question) or _accepted("the promotion begins")


def _promote(facts: DecisionFacts, question: Question) -> Verdict:
    objection = _on_evidence(facts, question, PROMOTABLE)
    return objection or _by_another(facts, question) or _accepted("the promotion begins")


def _by_another(facts: DecisionFacts, question: Question) -> Verdict | None:
    if not question.seen.policies_active:
        message = "install and bind the admission policies: without them no name can be trusted"
        return reasons.POLICY_MISSING, message
    run = desired.run_of(question.status.rollout.source, question.seen)
    if run and run.spec.requested_by == facts.spec.by:
        return reasons.SELF_APPROVAL, "another person than the one who asked for the run decides"
    return None


def _retry(facts: DecisionFacts, question: Question) -> Verdict:
    name = facts.spec.revision
    if name not in question.known:
        return reasons.TARGET_NOT_FOUND, "no such revision; name one of status.revisions.rejected"
    if not question.is_rejected(name):
        return _stale(f"{name} was not refused; only what was refused is tried again")
    if _state(question) not in AT_REST:
        return _stale("an attempt is under way; abort it first, or wait")
    return _accepted("it is tried again")


_JUDGES: Mapping[str, Callable[[DecisionFacts, Question], Verdict]] = {
    decision.ABORT: _abort,
    decision.ROLLBACK: _rollback,
    decision.REJECT: _reject,
    decision.APPROVE: _approve,
    decision.PROMOTE: _promote,
    decision.RETRY: _retry,
}
