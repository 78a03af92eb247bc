"""Finished: removes what the run made in the cluster, and makes a new run when asked to."""

from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from perennial_operator.api import decision, documents, names, reasons
from perennial_operator.plan.actions import Action, Create, Delete, Object
from perennial_operator.plan.manifests.engines import job
from perennial_operator.plan.retraining import approvals, identity
from perennial_operator.plan.retraining.approvals import Reply
from perennial_operator.plan.retraining.stages.advance import Advance
from perennial_operator.plan.snapshot import Child, ModelFacts, RunSnapshot

KEEP = timedelta(hours=1)
REMOVED_KINDS = frozenset({"Job", "ConfigMap"})


def advance(seen: RunSnapshot, now: datetime) -> Advance:
    """Return the removal that is due, and the answer to a Retry."""
    due = identity.moment(seen.status.end_time) + KEEP
    removed = tuple(
        Delete(each.kind, each.name, each.uid, each.resource_version)
        for each in seen.children
        if each.kind in REMOVED_KINDS
        and not each.is_deleting
        and (now >= due or _is_unfinished(each))
    )
    retried = _retried(seen)
    has_more = len(removed) < sum(each.kind in REMOVED_KINDS for each in seen.children)
    wait = (due - now).total_seconds() if has_more and now < due else None
    groups = (removed,) if removed else ()
    return replace(retried, actions=(*groups, *retried.actions), look_again_seconds=wait)


def _is_unfinished(child: Child) -> bool:
    status = child.document.get("status") or {}
    ended = job.condition(status, "Complete") or job.condition(status, "Failed")
    return child.kind == "Job" and not ended


def promised_run(seen: RunSnapshot) -> tuple[tuple[Action, ...], ...]:
    """Return the creation that the newest accepted Retry stands for, while it is not answered."""
    accepted = [each for each in seen.status.decisions if each.action == decision.RETRY]
    if seen.model is None or not accepted:
        return ()
    return ((Create(_new_run(seen, seen.model, k=seen.status.retries, by=accepted[-1].by)),),)


def _retried(seen: RunSnapshot) -> Advance:
    fresh = [each for each in seen.decisions if each.spec.action == decision.RETRY]
    if not fresh:
        return Advance(seen.status)
    first = fresh[0]
    if seen.model is None:
        text = f"ModelDeployment {seen.spec.model_ref.name} does not exist"
        return Advance(seen.status, replies=(Reply(first, reasons.TARGET_NOT_FOUND, text),))
    k = seen.status.retries + 1
    new_run = _new_run(seen, seen.model, k=k, by=first.spec.by)
    reply = Reply(first, reasons.ACCEPTED, f"RetrainJob {new_run['metadata']['name']} is made")
    others = tuple(approvals.superseded(each, f"Retry {first.name}") for each in fresh[1:])
    return Advance(
        replace(seen.status, retries=k), actions=((Create(new_run),),), replies=(reply, *others)
    )


def _new_run(seen: RunSnapshot, model: ModelFacts, *, k: int, by: str) -> Object:
    trigger_id = f"{seen.meta.name}/{k}"
    spec = {
        **chosen(seen.spec),
        "requestedBy": by,
        "trigger": {"type": "Retry", "id": trigger_id},
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.RETRAIN_JOB,
        "metadata": {
            "name": identity.retry_name(model.meta, trigger_id),
            "namespace": seen.meta.namespace,
            "labels": _labels(seen),
            "ownerReferences": [_owner(model)],
        },
        "spec": spec,
    }


def chosen(value: Any) -> Any:  # noqa: ANN401  # a dataclass in, JSON out
    """Return the document of a value without what only says a default.

    So a new run is written as its user wrote the first one: a default that is spelled out may
    contradict another field.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            documents.camel(item.name): chosen(getattr(value, item.name))
            for item in fields(value)
            if getattr(value, item.name) != _default(item)
        }
    if isinstance(value, tuple):
        return [chosen(each) for each in value]
    return documents.dump(value)


def _default(item: Field[Any]) -> object:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default


def _labels(seen: RunSnapshot) -> dict[str, str]:
    """Return labels that name the retried run as its maker; its owner is the ModelDeployment."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_ROOT_KIND: names.RETRAIN_JOB,
        names.LABEL_ROOT_NAME: seen.meta.name,
        names.LABEL_ROOT_UID: seen.meta.uid,
    }


def _owner(model: ModelFacts) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.MODEL_DEPLOYMENT,
        "name": model.meta.name,
        "uid": model.meta.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
