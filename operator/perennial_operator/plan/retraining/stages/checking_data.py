"""CheckingData: pins and splits the rows by a step, then judges them before compute is spent."""

from dataclasses import replace
from datetime import datetime, timedelta

from perennial_operator.api import conditions, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.retrain_job import Champion, PinnedData
from perennial_operator.plan.actions import Event as Notice
from perennial_operator.plan.manifests import retrain_steps, step_inputs
from perennial_operator.plan.retraining import identity, quality
from perennial_operator.plan.retraining.stages import pending, step_jobs
from perennial_operator.plan.retraining.stages.advance import Advance, leave, waits
from perennial_operator.plan.retraining.states import Event
from perennial_operator.plan.snapshot import ModelFacts, RunSnapshot
from perennial_serving.contract import results
from perennial_serving.contract.results import CheckPayload, Outcome, Result

MISSING_PAUSE = timedelta(minutes=15)
LAG_SECONDS = 5.0


def advance(seen: RunSnapshot, now: datetime) -> Advance:
    """Return the check step's way, and what its counts mean."""
    if seen.model is None:
        return pending.no_model(seen, now)
    champion = identity.champion(seen.model)
    if champion is None:
        return waits(seen.status, "waits to see the stable revision", seconds=LAG_SECONDS)
    step = _step(seen, seen.model, champion)
    answer = step_jobs.work(seen, step, now)
    if isinstance(answer, Advance):
        return answer
    if answer.outcome is Outcome.INVALID:
        return _refused(seen, step, answer, now=now)
    try:
        counts = results.check_payload(answer.payload)
    except (KeyError, TypeError):
        return step_jobs.lost(seen, step, "its answer holds no counts", now=now)
    return _judged(seen, counts, champion)


def _step(seen: RunSnapshot, model: ModelFacts, champion: Champion) -> step_jobs.Step:
    data = seen.spec.data
    source = data.credentials_secret_ref
    return step_jobs.Step(
        name=retrain_steps.CHECK,
        condition=conditions.DATA_READY,
        document=step_inputs.check(
            step_jobs.inputs(seen), model_uid=model.meta.uid, champion=champion
        ),
        credentials={
            **({"data": (source.name, data.source.uri)} if source else {}),
            **step_jobs.output_credentials(seen),
            **step_jobs.model_credentials(model, champion),
        },
    )


def _refused(seen: RunSnapshot, step: step_jobs.Step, answer: Result, *, now: datetime) -> Advance:
    """Return the end of the run; only a Manual run does not wait for missing data."""
    if answer.reason == reasons.SOURCE_MISSING and seen.spec.trigger.type != "Manual":
        return step_jobs.repeat(seen, step, answer, pause=MISSING_PAUSE, now=now)
    return _rejected(
        seen, Claim(conditions.DATA_READY, conditions.FALSE, answer.reason, answer.message)
    )


def _judged(seen: RunSnapshot, counts: CheckPayload, champion: Champion) -> Advance:
    judged = quality.judge(counts, seen.spec.data.quality, has_champion=bool(champion.digest))
    data = _pinned(counts)
    status = replace(
        leave(seen.status),
        data=data,
        features=counts.features,
        quality=judged.status,
        inputs_digest=identity.inputs(seen.spec, data),
    )
    if judged.status.verdict == "Fail":
        text = f"{judged.message}. Correct the data or spec.data.quality, then run again"
        claim = Claim(conditions.DATA_READY, conditions.FALSE, reasons.QUALITY_FAILED, text)
        return _rejected(replace(seen, status=status), claim)
    warned = judged.status.verdict == "Warn"
    reason = reasons.RESOLVED_WITH_WARNINGS if warned else reasons.RESOLVED
    text = f"{counts.train_rows} rows to train on, {counts.holdout_rows} held out"
    if counts.unlabeled or counts.untimed:
        text += f"; dropped: {counts.unlabeled} without label, {counts.untimed} without time"
    if judged.message:
        text += f"; {judged.message}"
    claim = Claim(conditions.DATA_READY, conditions.TRUE, reason, text)
    return Advance(status, edge=Event.DATA_READY, claims=(claim,))


def _rejected(seen: RunSnapshot, claim: Claim) -> Advance:
    notice = Notice("Warning", reasons.DATA_REJECTED, f"{claim.reason}: {claim.message}")
    return replace(step_jobs.failed(seen, claim), events=(notice,))


def _pinned(counts: CheckPayload) -> PinnedData:
    return PinnedData(
        uri=counts.uri,
        version=counts.version,
        digest=counts.digest,
        digest_kind=counts.digest_kind,
        train_rows=counts.train_rows,
        train_digest=counts.train_digest,
        holdout_rows=counts.holdout_rows,
        holdout_digest=counts.holdout_digest,
        schema_hash=counts.schema_hash,
    )
