"""Documents as users write them, small but admissible; keywords are fields of `spec`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from perennial_operator.api import names
from perennial_operator.plan.snapshot import Options

Document = dict[str, Any]

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NAMESPACE = "default"
OPTIONS = Options(
    serving_image=f"{names.SERVING_IMAGE}:test",
    operator_image=f"{names.OPERATOR_IMAGE}:test",
    envoy_image=f"{names.ENVOY_IMAGE}:test",
    allowed_trainer_images=("*",),
)


def digest(text: str) -> str:
    """Return a digest that looks real: the hex digit of each letter, repeated."""
    return "sha256:" + (text.encode().hex() * 64)[:64]


def model_deployment(name: str = "churn", *, model: str = "one", **spec: Any) -> Document:  # noqa: ANN401  # JSON
    """Return a ModelDeployment whose digest is pinned; other `model`, other revision."""
    pinned = {"uri": f"s3://models/{model}", "digest": digest(model)}
    return _root(names.MODEL_DEPLOYMENT, name, {"model": pinned, **spec})


def retrain_job(name: str = "again", *, model: str = "churn", **spec: Any) -> Document:  # noqa: ANN401  # JSON
    """Return a RetrainJob with a recipe."""
    usual = {
        "modelRef": {"name": model},
        "requestedBy": "scientist",
        "trainer": {"recipe": {"name": "tabular-classification"}},
        "data": {"source": {"uri": "s3://rows/all.parquet"}, "columns": {"label": "target"}},
        "output": {"uri": "s3://output/churn"},
    }
    return _root(names.RETRAIN_JOB, name, {**usual, **spec})


def decision(name: str, action: str, *, target: Mapping[str, str], **spec: Any) -> Document:  # noqa: ANN401  # JSON
    """Return a Decision of `approver` about `target` (its kind and name)."""
    return _root(
        names.DECISION, name, {"action": action, "target": dict(target), "by": "approver", **spec}
    )


def _root(kind: str, name: str, spec: Mapping[str, Any]) -> Document:
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": dict(spec),
    }
