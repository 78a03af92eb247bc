"""Validating: freezes the champion, compares both on the held-out rows, and makes the verdict."""

from dataclasses import replace
from datetime import datetime

from perennial_operator.api import conditions, documents, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.retrain_job import (
    Candidate,
    Champion,
    PinnedData,
    RetrainJobStatus,
    ValidationStatus,
)
from perennial_operator.plan.actions import Event as Notice
from perennial_operator.plan.manifests import retrain_steps, step_inputs
from perennial_operator.plan.retraining import approvals, identity, verdict
from perennial_operator.plan.retraining.stages import pending, step_jobs
from perennial_operator.plan.retraining.stages.advance import Advance, leave, waits
from perennial_operator.plan.retraining.states import Event, State
from perennial_operator.plan.retraining.verdict import Next, Ruling, Verdict
from perennial_operator.plan.snapshot import ModelFacts, RunFacts, RunSnapshot
from perennial_serving.contract import results
from perennial_serving.contract.results import ComparePayload, Outcome, Result

MAX_CHANGES = 3
LAG_SECONDS = 5.0
STATUS_OF: dict[Verdict, tuple[str, str, str]] = {
    Verdict.PASS: (conditions.TRUE, "Normal", reasons.GATE_PASSED),
    Verdict.FAIL: (conditions.FALSE, "Warning", reasons.GATE_REFUSED),
    Verdict.INCONCLUSIVE: (conditions.UNKNOWN, "Normal", reasons.GATE_INCONCLUSIVE),
}


def advance(seen: RunSnapshot, now: datetime) -> Advance:
    """Return the validate step's way, and what its numbers prove."""
    if (model := seen.model) is None:
        return pending.no_model(seen, now)
    champion = identity.champion(model)
    if champion is None:
        return waits(seen.status, "waits to see the stable revision", seconds=LAG_SECONDS)
    if seen.status.intent is None:
        seen = replace(seen, status=_frozen(seen, champion))
    step = _step(seen, model)
    answer = step_jobs.work(seen, step, now)
    if isinstance(answer, Advance):
        return answer
    if is_other(seen.status, champion):
        return new_champion(seen.status, champion)
    return _decided(seen, step, answer, now=now)


def _decided(seen: RunSnapshot, step: step_jobs.Step, answer: Result, *, now: datetime) -> Advance:
    if answer.outcome is Outcome.INVALID:
        return _without_numbers(seen, answer, now)
    measured = _measured(seen.status, answer)
    if measured is None:
        return step_jobs.lost(seen, step, "its answer is about other models", now=now)
    return _ruled(seen, measured, now)


def is_other(status: RetrainJobStatus, champion: Champion) -> bool:
    """Whether the stable digest is not the one that was compared."""
    return status.champion is not None and status.champion.digest != champion.digest


def new_champion(status: RetrainJobStatus, champion: Champion) -> Advance:
    """Return the way back to Validating: new evidence, approvals void; ends at the third time."""
    before = status.champion or Champion()
    changed = replace(
        leave(status),
        champion=replace(before, changes=before.changes + 1),
        approval=None,
        promotion=None,
    )
    text = f"the champion is now {champion.digest or 'none'}: the comparison with it is void"
    if before.changes + 1 >= MAX_CHANGES:
        claim = Claim(conditions.PROMOTED, conditions.FALSE, reasons.SUPERSEDED, text)
        return Advance(
            changed,
            edge=Event.SUPERSEDED,
            claims=(claim,),
            reason=reasons.SUPERSEDED,
            message=f"{text}; it changed {MAX_CHANGES} times while this run waited",
        )
    claims = (
        Claim(conditions.VALIDATED, conditions.UNKNOWN, reasons.NEW_CHAMPION, text),
        Claim(conditions.APPROVED, conditions.UNKNOWN, reasons.NEW_CHAMPION, text),
        Claim(conditions.PROMOTED, conditions.UNKNOWN, reasons.NEW_CHAMPION, text),
    )
    return Advance(changed, edge=Event.NEW_CHAMPION, claims=claims)


def use(seen: RunSnapshot) -> int:
    """Return the how-manieth use of these held-out rows this is, over all runs of the model.

    Every use counts, whatever its day: that is never less than the days' largest number.
    """
    mine = seen.status.validation.use if seen.status.validation else 0
    return 1 + max([mine, *(_uses(run, seen) for run in seen.other_runs)])


def _uses(run: RunFacts, seen: RunSnapshot) -> int:
    is_same = (run.spec.model_ref, run.spec.data.source.uri) == (
        seen.spec.model_ref,
        seen.spec.data.source.uri,
    )
    validation = run.status.validation
    if not is_same or validation is None:
        return 0
    has_looked = validation.evidence_digest or run.status.state == State.VALIDATING
    return validation.use if has_looked else 0


def _frozen(seen: RunSnapshot, champion: Champion) -> RetrainJobStatus:
    number = use(seen)
    before = seen.status.champion
    allowed = verdict.alpha(seen.spec.validation.alpha, number)
    return replace(
        seen.status,
        champion=replace(champion, changes=before.changes if before else 0),
        validation=ValidationStatus(
            verdict=Verdict.NOT_RUN,
            goal=seen.spec.validation.goal,
            alpha=f"{allowed:.6f}",
            use=number,
        ),
    )


def _step(seen: RunSnapshot, model: ModelFacts) -> step_jobs.Step:
    status = seen.status
    champion = status.champion or Champion()
    comparison = step_inputs.Comparison(
        candidate=status.candidate or Candidate(attempt=0, digest="", uri=""),
        champion=champion,
        data=status.data or PinnedData(uri=seen.spec.data.source.uri),
        features=status.features,
        alpha=_allowed(seen),
        image=seen.options.serving_image,
        spec_digest=identity.digest(documents.dump(seen.spec)),
    )
    return step_jobs.Step(
        name=retrain_steps.VALIDATE,
        condition=conditions.VALIDATED,
        document=step_inputs.compare(step_jobs.inputs(seen), comparison),
        credentials={
            **step_jobs.output_credentials(seen),
            **step_jobs.model_credentials(model, champion),
        },
    )


def _allowed(seen: RunSnapshot) -> float:
    number = seen.status.validation.use if seen.status.validation else 1
    return verdict.alpha(seen.spec.validation.alpha, number)


def _measured(status: RetrainJobStatus, answer: Result) -> ComparePayload | None:
    """Return the numbers, if they are about this candidate and this champion."""
    try:
        payload = results.compare_payload(answer.payload)
    except (KeyError, TypeError):
        return None
    wanted = (
        status.candidate.digest if status.candidate else "",
        status.champion.digest if status.champion else "",
    )
    is_ours = (payload.candidate_digest, payload.champion_digest) == wanted
    return payload if is_ours and payload.evidence_digest else None


def _without_numbers(seen: RunSnapshot, answer: Result, now: datetime) -> Advance:
    """Ask a person about a signature that cannot be compared; end the run on anything else."""
    if answer.reason != reasons.OTHER_SIGNATURE:
        claim = Claim(conditions.VALIDATED, conditions.FALSE, answer.reason, answer.message)
        return step_jobs.failed(seen, claim)
    ruling = Ruling(Verdict.INCONCLUSIVE, reasons.OTHER_SIGNATURE, answer.message)
    digest = seen.status.candidate.digest if seen.status.candidate else ""
    return _followed(seen, ruling, ValidationStatus(verdict="", evidence_digest=digest), now=now)


def _ruled(seen: RunSnapshot, measured: ComparePayload, now: datetime) -> Advance:
    ruling = verdict.judge(measured, seen.spec.validation, allowed=_allowed(seen))
    facts = ValidationStatus(
        verdict="",
        rows=measured.rows,
        groups=measured.groups,
        evidence_uri=measured.evidence_uri,
        evidence_digest=measured.evidence_digest,
    )
    return _followed(seen, ruling, facts, now=now)


def _followed(
    seen: RunSnapshot, ruling: Ruling, facts: ValidationStatus, *, now: datetime
) -> Advance:
    before = seen.status.validation or ValidationStatus(verdict=Verdict.NOT_RUN)
    validation = replace(
        facts,
        verdict=ruling.verdict,
        reason=ruling.reason,
        metrics=ruling.metrics,
        goal=before.goal,
        alpha=before.alpha,
        use=before.use,
    )
    status = replace(leave(seen.status), validation=validation)
    state, kind, event = STATUS_OF[ruling.verdict]
    claim = Claim(conditions.VALIDATED, state, ruling.reason, ruling.message)
    notice = Notice(kind, event, f"{ruling.reason}: {ruling.message}")
    found = Advance(status, claims=(claim,), events=(notice,))
    after = verdict.follows(ruling, seen.spec.validation)
    if after is Next.REJECT:
        return _rejected(found, ruling)
    asked_by = ruling.reason if after is Next.ASK else ""
    approval = approvals.needed(seen.spec, status, asked_by=asked_by, now=now)
    return _asked_or_passed(replace(found, status=replace(status, approval=approval)))


def _rejected(found: Advance, ruling: Ruling) -> Advance:
    return replace(
        found,
        edge=Event.REFUSED,
        reason=reasons.CANDIDATE_REJECTED,
        message=f"{ruling.reason}: {ruling.message}",
    )


def _asked_or_passed(found: Advance) -> Advance:
    approval = found.status.approval
    if approval is None or not approval.needed:
        claim = Claim(conditions.APPROVED, conditions.TRUE, reasons.NOT_REQUIRED)
        return replace(found, edge=Event.PASSED, claims=(*found.claims, claim))
    action = approvals.decisive_action(found.status)
    text = (
        f"{approvals.in_words(approval)}: create a Decision {action} with the evidence digest of "
        f"status.validation by {approval.deadline}"
    )
    claim = Claim(conditions.APPROVED, conditions.UNKNOWN, reasons.WAITING, text)
    return replace(
        found,
        edge=Event.ASKED,
        claims=(*found.claims, claim),
        events=(*found.events, Notice("Normal", reasons.APPROVAL_NEEDED, text)),
    )
