"""Promoting: offers the candidate to the ModelDeployment, and reads there what came of it.

The two planners meet in the store only: this one writes the offer, that one names this run as
the source of its attempt.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from perennial_operator.api import conditions, names, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.model_deployment import RolloutStatus
from perennial_operator.api.status.retrain_job import Champion, PromotionStatus
from perennial_operator.plan.retraining import identity
from perennial_operator.plan.retraining.stages import pending, validating
from perennial_operator.plan.retraining.stages.advance import Advance, waits
from perennial_operator.plan.retraining.states import Event, State
from perennial_operator.plan.snapshot import Meta, ModelFacts, RunFacts, RunSnapshot

OFFERED = "Offered"
TAKEN = "Taken"
ENDED = "Ended"
WITHDRAWN = "Withdrawn"

LAG_SECONDS = 5.0
COMPLETIONS: Mapping[str, Event] = {
    "Initial": Event.PROMOTED,
    "Promoted": Event.PROMOTED,
    "PromotedUnproven": Event.PROMOTED,
    "PromotedByPerson": Event.PROMOTED,
    "RolledBack": Event.ROLLED_BACK,
    "Failed": Event.ROLLED_BACK,
    "Withdrawn": Event.SUPERSEDED,
}
REASONS: Mapping[Event, str] = {
    Event.PROMOTED: reasons.PROMOTED,
    Event.ROLLED_BACK: reasons.ROLLED_BACK,
    Event.SUPERSEDED: reasons.SUPERSEDED,
    Event.KEPT: reasons.KEPT,
}


def advance(seen: RunSnapshot, now: datetime) -> Advance:
    """Return the offer, its being taken, or its end."""
    if (model := seen.model) is None:
        return pending.no_model(seen, now)
    if _is_ours(seen, model.status.rollout):
        return _followed(seen, model)
    champion = identity.champion(model)
    if champion is None:
        return waits(seen.status, "waits to see the stable revision", seconds=LAG_SECONDS)
    if champion.digest == _digest(seen):
        return _ended(seen, Event.PROMOTED, f"{_digest(seen)} is stable")
    if _state(seen) == TAKEN:
        return _lost_sight(seen, model)
    return _not_taken(seen, model, champion, now=now)


def _not_taken(
    seen: RunSnapshot, model: ModelFacts, champion: Champion, *, now: datetime
) -> Advance:
    if objection := _withheld(seen, model):
        return objection
    if validating.is_other(seen.status, champion):
        return validating.new_champion(seen.status, champion)
    return _offer(seen, now)


def _offer(seen: RunSnapshot, now: datetime) -> Advance:
    note = f"offered to ModelDeployment {seen.spec.model_ref.name}"
    if _state(seen) == OFFERED:
        return waits(seen.status, note)
    promotion = PromotionStatus(state=OFFERED, time=conditions.stamp(now))
    claim = Claim(conditions.PROMOTED, conditions.UNKNOWN, reasons.OFFERED, note)
    return Advance(replace(seen.status, promotion=promotion), claims=(claim,), note=note)


def _withheld(seen: RunSnapshot, model: ModelFacts) -> Advance | None:
    """Return why the candidate is not offered (any more), None if it may be."""
    if newer := _newer(seen):
        return _ended(seen, Event.SUPERSEDED, f"run {newer.meta.name} is newer")
    if model.spec.model.digest and model.spec.model.digest != _digest(seen):
        text = (
            f"spec.model.digest of {model.meta.name} pins another model: set it to "
            f"{_digest(seen)} with this candidate's location, or remove it and run again"
        )
        return _ended(seen, Event.KEPT, text, reason=reasons.PINNED_BY_GIT)
    if revision := _rejected_revision(seen, model):
        text = (
            f"revision {revision} was rejected before: create a Decision Retry for it on "
            f"ModelDeployment {model.meta.name}"
        )
        return _ended(seen, Event.KEPT, text, reason=reasons.BLOCKED)
    if run := _refused_before(seen):
        text = f"a person rejected the same digest in run {run.meta.name}: train another one"
        return _ended(seen, Event.KEPT, text, reason=reasons.BLOCKED)
    return None


def _followed(seen: RunSnapshot, model: ModelFacts) -> Advance:
    rollout = model.status.rollout
    before = seen.status.promotion or PromotionStatus()
    taken = replace(
        before,
        state=TAKEN,
        attempt=rollout.attempt,
        revision=before.revision or model.status.revisions.candidate,
    )
    status = replace(seen.status, promotion=taken)
    if event := COMPLETIONS.get(rollout.completion):
        text = rollout.message or f"attempt {rollout.attempt} ended: {rollout.completion}"
        return _ended(replace(seen, status=status), event, text)
    note = f"attempt {rollout.attempt} of ModelDeployment {model.meta.name} is under way"
    claim = Claim(conditions.PROMOTED, conditions.UNKNOWN, reasons.ROLLING_OUT, note)
    return Advance(status, claims=(claim,), note=note)


def _lost_sight(seen: RunSnapshot, model: ModelFacts) -> Advance:
    """Return how an attempt ended whose end was not seen: the model went on to another one."""
    promotion = seen.status.promotion or PromotionStatus()
    rejected = {each.revision for each in model.status.revisions.rejected}
    if promotion.revision in rejected:
        return _ended(seen, Event.ROLLED_BACK, f"attempt {promotion.attempt} was rolled back")
    return _ended(seen, Event.SUPERSEDED, f"attempt {promotion.attempt} gave way to another one")


def _ended(seen: RunSnapshot, event: Event, text: str, *, reason: str = "") -> Advance:
    why = reason or REASONS[event]
    before = seen.status.promotion or PromotionStatus()
    is_kept = event is Event.KEPT or (event is Event.SUPERSEDED and before.state != TAKEN)
    promotion = replace(before, state=WITHDRAWN if is_kept else ENDED)
    state = conditions.TRUE if event is Event.PROMOTED else conditions.FALSE
    return Advance(
        replace(seen.status, promotion=promotion),
        edge=event,
        claims=(Claim(conditions.PROMOTED, state, why, text),),
        reason=why,
        message=text,
    )


def _newer(seen: RunSnapshot) -> RunFacts | None:
    """Return a run of the same model that is offered too and stands for a later moment."""
    mine = _order(seen.spec, seen.meta)
    return next(
        (
            run
            for run in seen.other_runs
            if run.spec.model_ref == seen.spec.model_ref
            and run.status.state == State.PROMOTING
            and run.status.promotion
            and run.status.promotion.state in (OFFERED, TAKEN)
            and _order(run.spec, run.meta) > mine
        ),
        None,
    )


def _order(spec: RetrainJobSpec, meta: Meta) -> tuple[datetime, datetime, str]:
    return identity.moment(identity.nominal_time(spec, meta)), meta.created_at, meta.uid


def _rejected_revision(seen: RunSnapshot, model: ModelFacts) -> str:
    rejected = {each.revision for each in model.status.revisions.rejected}
    for name in sorted(rejected):
        served = identity.served_model(model, name)
        if served and served["digest"] == _digest(seen):
            return name
    return ""


def _refused_before(seen: RunSnapshot) -> RunFacts | None:
    for run in seen.other_runs:
        approved = conditions.find(run.status.conditions, conditions.APPROVED)
        is_same = run.status.candidate and run.status.candidate.digest == _digest(seen)
        if is_same and approved and approved.reason == reasons.REJECTED:
            return run
    return None


def _is_ours(seen: RunSnapshot, rollout: RolloutStatus) -> bool:
    source = rollout.source
    return (
        source is not None
        and (source.kind, source.name) == (names.RETRAIN_JOB, seen.meta.name)
        and source.uid == seen.meta.uid
    )


def _digest(seen: RunSnapshot) -> str:
    return seen.status.candidate.digest if seen.status.candidate else ""


def _state(seen: RunSnapshot) -> str:
    return seen.status.promotion.state if seen.status.promotion else ""
