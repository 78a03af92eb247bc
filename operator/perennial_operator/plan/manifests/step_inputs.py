"""The JSON that each step Job gets: every key always present, "" or null for none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial_operator.api import documents
from perennial_operator.api.retrain_job import Columns, Metric, RetrainJobSpec
from perennial_operator.api.status.retrain_job import Candidate, Champion, PinnedData

MAX_SOURCE_BYTES = 10 * 2**30
MAX_HOLDOUT_ROWS = 200_000
EQUIVALENCE: Mapping[str, float] = {"maxAbsDiff": 0.0001, "maxLabelDisagreement": 0.001}

MAXIMIZE = "Maximize"
MINIMIZE = "Minimize"


@dataclass(frozen=True, slots=True)
class MetricDefaults:
    """Direction of a metric, and the margin of one whose spec names none."""

    direction: str
    margin: str
    margin_type: str


METRICS: Mapping[str, MetricDefaults] = {
    "roc_auc": MetricDefaults(MAXIMIZE, "0.01", "Absolute"),
    "accuracy": MetricDefaults(MAXIMIZE, "0.01", "Absolute"),
    "log_loss": MetricDefaults(MINIMIZE, "0.05", "Relative"),
    "mae": MetricDefaults(MINIMIZE, "0.02", "Relative"),
    "rmse": MetricDefaults(MINIMIZE, "0.02", "Relative"),
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What every step needs to know of its run."""

    spec: RetrainJobSpec
    run_id: str
    task: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared: fixed before the step runs."""

    candidate: Candidate
    champion: Champion
    data: PinnedData
    features: tuple[str, ...]
    alpha: float
    image: str
    spec_digest: str


def columns(value: Columns) -> dict[str, str]:
    """Return the roles of columns."""
    return {
        "time": value.time,
        "label": value.label,
        "group": value.group,
        "id": value.id,
        "weight": value.weight,
    }


def check(inputs: Inputs, *, model_uid: str, champion: Champion) -> dict[str, Any]:
    """Return the input of `job check`."""
    data = inputs.spec.data
    is_temporal = strategy(inputs.spec) == "Temporal"
    return {
        "runId": inputs.run_id,
        "modelUid": model_uid,
        "source": {
            "uri": data.source.uri,
            "version": data.source.version,
            "format": data.source.format,
        },
        "columns": columns(data.columns),
        "split": {
            "strategy": strategy(inputs.spec),
            "holdout": data.split.holdout if is_temporal else "",
            "gap": data.split.gap if is_temporal else "",
            "groups": data.split.groups,
        },
        "output": output(inputs.spec),
        "championUri": champion.uri,
        "championDigest": champion.digest,
        "task": inputs.task,
        "maxBytes": MAX_SOURCE_BYTES,
    }


def harvest(
    inputs: Inputs, *, attempt: int, features: tuple[str, ...], run: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the input of `job harvest`; `run` goes into the artifact's run.json."""
    return {
        "runId": inputs.run_id,
        "attempt": attempt,
        "output": output(inputs.spec),
        "format": "Auto",
        "allowPickle": False,
        "columns": columns(inputs.spec.data.columns),
        "features": list(features),
        "task": inputs.task,
        "equivalence": dict(EQUIVALENCE),
        "run": dict(run),
    }


def compare(inputs: Inputs, comparison: Comparison) -> dict[str, Any]:
    """Return the input of `job compare`."""
    validation = inputs.spec.validation
    return {
        "runId": inputs.run_id,
        "attempt": comparison.candidate.attempt,
        "output": output(inputs.spec),
        "candidateUri": comparison.candidate.uri,
        "candidateDigest": comparison.candidate.digest,
        "championUri": comparison.champion.uri,
        "championDigest": comparison.champion.digest,
        "columns": columns(inputs.spec.data.columns),
        "features": list(comparison.features),
        "task": inputs.task,
        "goal": validation.goal,
        "alpha": comparison.alpha,
        "metrics": [_metric(metric) for metric in validation.metrics],
        "maxRows": MAX_HOLDOUT_ROWS,
        "specDigest": comparison.spec_digest,
        "dataDigest": comparison.data.digest,
        "holdoutDigest": comparison.data.holdout_digest,
        "image": comparison.image,
    }


def fetch(inputs: Inputs) -> dict[str, Any]:
    """Return the input of `job inputs`, the trainer Pod's init container."""
    return {
        "runId": inputs.run_id,
        "output": output(inputs.spec),
        "championUri": "",
        "championDigest": "",
    }


def upload(inputs: Inputs, *, attempt: int) -> dict[str, Any]:
    """Return the input of `job upload`, the trainer Pod's sidecar."""
    return {"runId": inputs.run_id, "attempt": attempt, "output": output(inputs.spec)}


def run_document(inputs: Inputs, *, attempt: int, data: PinnedData, seed: int) -> dict[str, Any]:
    """Return what the artifact's run.json says of the run that made it."""
    spec = inputs.spec
    return {
        "runId": inputs.run_id,
        "attempt": attempt,
        "model": spec.model_ref.name,
        "task": inputs.task,
        "trainer": documents.dump(spec.trainer),
        "parameters": dict(spec.parameters),
        "seed": seed,
        "data": documents.dump(data),
        "split": documents.dump(spec.data.split),
    }


def output(spec: RetrainJobSpec) -> str:
    """Return the output prefix, without a slash at its end."""
    return spec.output.uri.rstrip("/")


def strategy(spec: RetrainJobSpec) -> str:
    """Return how rows are split: by time if there is a time column, else at random."""
    return spec.data.split.strategy or ("Temporal" if spec.data.columns.time else "Random")


def _metric(metric: Metric) -> dict[str, Any]:
    defaults = METRICS[metric.name]
    return {
        "name": metric.name,
        "direction": defaults.direction,
        "margin": float(metric.margin or defaults.margin),
        "marginType": metric.margin_type or defaults.margin_type,
        "gain": float(metric.gain),
        "floor": float(metric.floor) if metric.floor else None,
    }
