"""What identifies a run and follows from its inputs alone: digests, seed, task, names.

Canonical JSON is sorted, without spaces; every digest here is sha256 of it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from perennial_operator.api import conditions, documents
from perennial_operator.api.retrain_job import RetrainJobSpec, Trainer
from perennial_operator.api.status.retrain_job import Champion, PinnedData
from perennial_operator.plan.snapshot import Meta, ModelFacts

CLASSIFICATION = "classification"
REGRESSION = "regression"
TASK_OF_METRIC: Mapping[str, str] = {
    "roc_auc": CLASSIFICATION,
    "log_loss": CLASSIFICATION,
    "accuracy": CLASSIFICATION,
    "mae": REGRESSION,
    "rmse": REGRESSION,
}
TASK_OF_RECIPE: Mapping[str, str] = {
    "tabular-classification": CLASSIFICATION,
    "tabular-regression": REGRESSION,
}
RETRY_NAME_LENGTH = 29


def digest(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """Return `sha256:<hex>` of the value's canonical JSON.

    >>> digest({"b": 1, "a": None}) == digest({"a": None, "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def seed(spec: RetrainJobSpec, run_id: str) -> int:
    """Return the user's seed, else the first 31 bits of sha256 of the run's id."""
    if spec.seed is not None:
        return spec.seed
    return int(hashlib.sha256(run_id.encode()).hexdigest()[:8], 16) >> 1


def task(spec: RetrainJobSpec) -> str:
    """Return what is trained, from the recipe or the metrics; "" if neither says it."""
    if spec.trainer.recipe:
        return TASK_OF_RECIPE[spec.trainer.recipe.name]
    if spec.validation.metrics:
        return TASK_OF_METRIC[spec.validation.metrics[0].name]
    return ""


def trainer(value: Trainer) -> dict[str, Any]:
    """Return what the trainer is made of, as its digest and the artifact's run.json name it."""
    chosen = value.recipe or value.container
    kind = "recipe" if value.recipe else "container"
    return {kind: documents.dump(chosen)}


def inputs(spec: RetrainJobSpec, data: PinnedData) -> str:
    """Return the digest of all that can change the result, but a seed that nobody chose."""
    return digest(
        {
            "data": data.digest,
            "trainer": trainer(spec.trainer),
            "podEnv": documents.dump(spec.trainer.pod.env),
            "parameters": dict(spec.parameters),
            "split": documents.dump(spec.data.split),
            "seed": spec.seed,
        }
    )


def nominal_time(spec: RetrainJobSpec, meta: Meta) -> str:
    """Return the moment that the run stands for."""
    return spec.trigger.nominal_time or conditions.stamp(meta.created_at)


def moment(stamp: str) -> datetime:
    """Return the moment of a stamp that a status or a user's date-time field holds.

    The API server admits a date-time without a zone; it counts as UTC.
    """
    found = datetime.fromisoformat(stamp)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def champion(model: ModelFacts) -> Champion | None:
    """Return the stable revision; one without digest if none is stable; None if not seen yet."""
    stable = model.status.revisions.stable
    if not stable:
        return Champion()
    served = served_model(model, stable)
    if served is None:
        return None
    return Champion(revision=stable, digest=served["digest"], uri=served["uri"])


def served_model(model: ModelFacts, revision: str) -> Mapping[str, str] | None:
    """Return uri, digest and credentials of a revision's model; None if it was not seen."""
    for each in model.revisions:
        if each.name == revision:
            served: Mapping[str, str] = each.document["data"]["projection"]["model"]
            return served
    return None


def retry_name(model: Meta, trigger_id: str) -> str:
    """Return the name of the run that a Retry makes: it follows from model and trigger."""
    text = json.dumps([model.uid, "Retry", trigger_id], separators=(",", ":"))
    bucket = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()[:8]
    return f"{model.name[:RETRY_NAME_LENGTH]}-{bucket}"
