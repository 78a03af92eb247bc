"""Harvesting: verifies what the attempt uploaded, and publishes it under its digest."""

from dataclasses import replace
from datetime import datetime

from perennial_operator.api import conditions, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.retrain_job import (
    Candidate,
    PinnedData,
    RetrainJobStatus,
    ValidationStatus,
)
from perennial_operator.plan.actions import Event as Notice
from perennial_operator.plan.manifests import retrain_steps, step_inputs
from perennial_operator.plan.manifests.engines.attempt import EngineStatus, Phase
from perennial_operator.plan.retraining import approvals, identity
from perennial_operator.plan.retraining.stages import step_jobs, training
from perennial_operator.plan.retraining.stages.advance import Advance, leave
from perennial_operator.plan.retraining.states import Event
from perennial_operator.plan.retraining.verdict import Verdict
from perennial_operator.plan.snapshot import RunSnapshot
from perennial_serving.contract import results
from perennial_serving.contract.results import HarvestPayload, Outcome, Result

SPENDS = frozenset({reasons.RESULT_MISSING, reasons.RESULT_CORRUPT})


def advance(seen: RunSnapshot, now: datetime) -> Advance:
    """Return the harvest step's way, and the candidate that it published."""
    step = _step(seen)
    answer = step_jobs.work(seen, step, now)
    if isinstance(answer, Advance):
        return answer
    if answer.outcome is Outcome.INVALID:
        return _refused(seen, answer, now)
    try:
        payload = results.harvest_payload(answer.payload)
    except TypeError:
        return step_jobs.lost(seen, step, "its answer names no candidate", now=now)
    return _harvested(seen, payload, now)


def _step(seen: RunSnapshot) -> step_jobs.Step:
    inputs, status = step_jobs.inputs(seen), seen.status
    return step_jobs.Step(
        name=retrain_steps.HARVEST,
        condition=conditions.TRAINED,
        document=step_inputs.harvest(
            inputs,
            attempt=status.tries.train,
            features=status.features,
            run=step_inputs.run_document(
                inputs,
                attempt=status.tries.train,
                data=status.data or PinnedData(uri=seen.spec.data.source.uri),
                seed=identity.seed(seen.spec, status.run_id),
            ),
        ),
        credentials=step_jobs.output_credentials(seen),
    )


def _refused(seen: RunSnapshot, answer: Result, now: datetime) -> Advance:
    if answer.reason in SPENDS:
        found = EngineStatus(Phase.FAILED, reason=answer.reason, message=answer.message)
        return training.ended(seen, found, now)
    return step_jobs.failed(
        seen, Claim(conditions.TRAINED, conditions.FALSE, answer.reason, answer.message)
    )


def _harvested(seen: RunSnapshot, payload: HarvestPayload, now: datetime) -> Advance:
    candidate = Candidate(
        attempt=seen.status.tries.train,
        digest=payload.digest,
        uri=payload.uri,
        format=payload.format,
        size_bytes=payload.size_bytes,
    )
    status = replace(leave(seen.status), candidate=candidate)
    text = f"attempt {candidate.attempt} gave {candidate.digest} ({candidate.format})"
    if payload.note:
        text += f"; {payload.note}"
    claim = Claim(conditions.TRAINED, conditions.TRUE, reasons.HARVESTED, text)
    notice = Notice("Normal", reasons.CANDIDATE_READY, text)
    found = Advance(status, edge=Event.HARVESTED, claims=(claim,), events=(notice,))
    return _ungated(seen, found, now) if seen.spec.validation.mode == "None" else found


def _ungated(seen: RunSnapshot, found: Advance, now: datetime) -> Advance:
    """Ask people at once; what they approve is named by the candidate's own digest."""
    status = replace(found.status, validation=_not_run(found.status))
    approval = approvals.needed(seen.spec, status, asked_by="", now=now)
    text = f"no gate: {approvals.in_words(approval)}"
    return replace(
        found,
        status=replace(status, approval=approval),
        edge=Event.UNGATED,
        claims=(
            *found.claims,
            Claim(
                conditions.VALIDATED, conditions.UNKNOWN, reasons.NOT_RUN, "validation.mode is None"
            ),
            Claim(conditions.APPROVED, conditions.UNKNOWN, reasons.WAITING, text),
        ),
        events=(*found.events, Notice("Normal", reasons.APPROVAL_NEEDED, text)),
    )


def _not_run(status: RetrainJobStatus) -> ValidationStatus:
    digest = status.candidate.digest if status.candidate else ""
    return ValidationStatus(verdict=Verdict.NOT_RUN, evidence_digest=digest)
