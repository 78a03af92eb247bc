"""Which planner decides about which snapshot; a refused spec gets no planner, only an answer.

Neither schema nor CEL can express every rule, so some refusals come after admission: they are
told, and everything else stays as it is.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from perennial_operator.api import conditions, documents, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.model_deployment import ModelDeploymentStatus
from perennial_operator.plan import router, serving
from perennial_operator.plan.actions import Event, Plan
from perennial_operator.plan.retraining import run
from perennial_operator.plan.snapshot import (
    ModelSnapshot,
    RefusedSnapshot,
    RouterSnapshot,
    RunSnapshot,
    Snapshot,
)

SUMMARIZED = frozenset({conditions.READY, conditions.RECONCILING, conditions.STALLED})


def decide(seen: Snapshot, now: datetime) -> Plan:
    """Return the plan for a snapshot: pure, total, deterministic."""
    match seen:
        case ModelSnapshot():
            return serving.decide(seen, now)
        case RunSnapshot():
            return run.decide(seen, now)
        case RouterSnapshot():
            return router.decide(seen, now)
        case RefusedSnapshot():
            return refuse(seen, now)
        case _:
            assert_never(seen)


def refuse(seen: RefusedSnapshot, now: datetime) -> Plan:
    """Return the plan that tells the user what to write instead."""
    message = "; ".join(finding.message for finding in seen.findings)
    generation = seen.meta.generation
    status = replace(
        seen.status,
        observed_generation=generation,
        conditions=conditions.settle(
            seen.status.conditions, _claims(seen, message), generation=generation, now=now
        ),
    )
    before = conditions.find(seen.status.conditions, conditions.STALLED)
    is_told = before is not None and before.message == conditions.clipped(message)
    event = Event("Warning", reasons.INVALID_SPEC, message)
    document = documents.dump(status)
    return Plan(
        status=None if document == documents.dump(seen.status) else document,
        events=() if is_told else (event,),
    )


def _claims(seen: RefusedSnapshot, message: str) -> tuple[Claim, ...]:
    kept = tuple(
        Claim(each.type, each.status, each.reason, each.message)
        for each in seen.status.conditions
        if each.type not in SUMMARIZED
    )
    stalled = Claim(conditions.STALLED, conditions.TRUE, reasons.INVALID_SPEC, message)
    if not isinstance(seen.status, ModelDeploymentStatus):
        return (*kept, stalled)
    ready = Claim(conditions.READY, conditions.FALSE, reasons.INVALID_SPEC, message)
    return (ready, *_with_available(kept), stalled)


def _with_available(kept: tuple[Claim, ...]) -> tuple[Claim, ...]:
    if any(claim.type == conditions.AVAILABLE for claim in kept):
        return kept
    return (Claim(conditions.AVAILABLE, conditions.UNKNOWN, reasons.INVALID_SPEC), *kept)
