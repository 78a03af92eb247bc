"""Status documents as they are sent: one whole apply to `/status` with its witness. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from perennial_operator.api import conditions, names
from perennial_operator.plan.actions import Answer
from perennial_operator.plan.snapshot import MODEL, Key, Meta


def of_root(key: Key, meta: Meta, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the apply of a root's whole status; the resourceVersion is the plan's witness."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.MODEL_DEPLOYMENT if key.kind == MODEL else names.RETRAIN_JOB,
        "metadata": {
            "name": meta.name,
            "namespace": meta.namespace,
            "resourceVersion": meta.resource_version,
        },
        "status": status,
    }


def of_decision(answer: Answer, *, namespace: str, now: datetime) -> dict[str, Any]:
    """Return the apply that answers a Decision."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.DECISION,
        "metadata": {
            "name": answer.name,
            "namespace": namespace,
            "resourceVersion": answer.resource_version,
        },
        "status": answered(answer, now=now),
    }


def answered(answer: Answer, *, now: datetime) -> dict[str, Any]:
    """Return the status of an answered Decision."""
    condition = {
        "type": conditions.ANSWERED,
        "status": conditions.TRUE,
        "reason": answer.answer,
        "message": conditions.clipped(answer.message),
        "observedGeneration": answer.generation,
        "lastTransitionTime": conditions.stamp(now),
    }
    return {"observedGeneration": answer.generation, "conditions": [condition]}
