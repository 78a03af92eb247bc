"""Decides about a root whose spec is refused: say so, and leave everything else as it is.

Neither schema nor CEL can express every rule, so some refusals come after admission.
"""

from dataclasses import replace
from datetime import datetime

from perennial_operator.api import conditions, documents, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.model_deployment_status import ModelDeploymentStatus
from perennial_operator.plan.actions import Event, Plan
from perennial_operator.plan.snapshot import RefusedSnapshot

SUMMARIZED = frozenset({conditions.READY, conditions.RECONCILING, conditions.STALLED})


def decide(seen: RefusedSnapshot, now: datetime) -> Plan:
    """Return the plan that tells the user what to write instead."""
    message = "; ".join(finding.message for finding in seen.findings)
    status = replace(
        seen.status,
        observed_generation=seen.meta.generation,
        conditions=conditions.settle(
            seen.status.conditions, _claims(seen, message), generation=seen.meta.generation, now=now
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
    if isinstance(seen.status, ModelDeploymentStatus):
        ready = Claim(conditions.READY, conditions.FALSE, reasons.INVALID_SPEC, message)
        return (ready, *_with_available(kept), stalled)
    return (*kept, stalled)


def _with_available(kept: tuple[Claim, ...]) -> tuple[Claim, ...]:
    if any(claim.type == conditions.AVAILABLE for claim in kept):
        return kept
    return (Claim(conditions.AVAILABLE, conditions.UNKNOWN, reasons.INVALID_SPEC), *kept)
