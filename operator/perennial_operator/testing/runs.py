"""A world with one RetrainJob and its ModelDeployment, and the answers that its steps may give."""

from collections.abc import Mapping
from typing import Any

from perennial_operator.api import names
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.retraining import run
from perennial_operator.plan.snapshot import MODEL, Key
from perennial_operator.testing import builders
from perennial_operator.testing.builders import NAMESPACE
from perennial_operator.testing.simulation import JobResult
from perennial_operator.testing.world import FakeCluster
from perennial_serving.contract import results
from perennial_serving.contract.results import (
    CheckPayload,
    ColumnCounts,
    ComparePayload,
    HarvestPayload,
    MetricResult,
    Outcome,
    Reason,
    Result,
)

Document = dict[str, Any]

MODEL_KEY = Key(MODEL, NAMESPACE, "churn")
CHAMPION = builders.digest("one")
CANDIDATE = builders.digest("two")
EVIDENCE = builders.digest("evidence")


def world(*, stable: str = "one", **spec: Any) -> FakeCluster:  # noqa: ANN401  # JSON
    """Return a cluster whose root is the run `again`; "" for a model without a stable revision."""
    cluster = FakeCluster(builders.retrain_job(**spec))
    deployment = builders.model_deployment()
    deployment["spec"]["model"] = {"uri": "s3://models/one"}
    cluster.put(deployment)
    set_stable(cluster, stable)
    return cluster


def set_stable(cluster: FakeCluster, model: str, **status: Any) -> None:  # noqa: ANN401  # JSON
    """Let a revision of `model` be stable; `status` are more fields of the ModelDeployment's."""
    if not model:
        cluster.carry_out(Plan(status=status), MODEL_KEY)
        return
    cluster.put(revision(cluster, model))
    roles = {"stable": f"churn-{model}", **status.pop("revisions", {})}
    cluster.carry_out(Plan(status={**status, "revisions": roles}), MODEL_KEY)


def revision(cluster: FakeCluster, model: str) -> Document:
    """Return the ControllerRevision `churn-<model>`."""
    uid = cluster.snapshot(MODEL_KEY).meta.uid
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"churn-{model}",
            "labels": {
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_ROOT_KIND: names.MODEL_DEPLOYMENT,
                names.LABEL_ROOT_NAME: "churn",
                names.LABEL_ROOT_UID: uid,
            },
        },
        "revision": 1,
        "data": {
            "projection": {
                "hashVersion": 1,
                "model": {"uri": f"s3://models/{model}", "digest": builders.digest(model)},
            },
            "image": "",
            "template": {},
        },
    }


def check_answer(**fields: Any) -> JobResult:  # noqa: ANN401  # fields of CheckPayload
    """Return how `job check` ends with good data."""
    usual: dict[str, Any] = {
        "uri": "s3://rows/all.parquet",
        "version": "v1",
        "digest": builders.digest("rows"),
        "digest_kind": "Content",
        "train_rows": 8_000,
        "holdout_rows": 2_000,
        "holdout_digest": builders.digest("holdout"),
        "schema_hash": "abc",
        "features": ("age", "plan"),
        "columns": (ColumnCounts("age", "number", 8_000, 80),),
        "champion_nulls": {"age": 0.01},
        "train_digest": builders.digest("train"),
    }
    payload = results.as_payload(CheckPayload(**{**usual, **fields}))
    return answer(Result(Outcome.OK, Reason.OK, step="check", payload=payload))


def harvest_answer(**fields: Any) -> JobResult:  # noqa: ANN401  # fields of HarvestPayload
    """Return how `job harvest` ends with a candidate."""
    usual: dict[str, Any] = {
        "digest": CANDIDATE,
        "uri": f"s3://output/churn/models/sha256/{CANDIDATE[7:]}",
        "format": "onnx",
        "size_bytes": 1_234,
    }
    payload = results.as_payload(HarvestPayload(**{**usual, **fields}))
    return answer(Result(Outcome.OK, Reason.OK, step="harvest", payload=payload))


def metric(**fields: Any) -> MetricResult:  # noqa: ANN401  # fields of MetricResult
    """Return a comparison that passes."""
    usual: dict[str, Any] = {
        "name": "roc_auc",
        "direction": "Maximize",
        "challenger": 0.91,
        "champion": 0.9,
        "difference": 0.01,
        "lower": 0.001,
        "upper": 0.019,
        "tau": -0.01,
        "p_pass": 0.0001,
        "p_fail": 0.9999,
    }
    return MetricResult(**{**usual, **fields})


def compare_answer(*metrics: MetricResult, **fields: Any) -> JobResult:  # noqa: ANN401  # of ComparePayload
    """Return how `job compare` ends; without metrics one that passes."""
    usual: dict[str, Any] = {
        "candidate_digest": CANDIDATE,
        "champion_digest": CHAMPION,
        "rows": 2_000,
        "groups": 2_000,
        "alpha": 0.0304,
        "metrics": metrics or (metric(),),
        "evidence_uri": f"s3://output/churn/evidence/sha256/{EVIDENCE[7:]}.json",
        "evidence_digest": EVIDENCE,
    }
    payload = results.as_payload(ComparePayload(**{**usual, **fields}))
    return answer(Result(Outcome.OK, Reason.OK, step="validate", payload=payload))


def refusal(outcome: Outcome, reason: str, message: str = "said so") -> JobResult:
    """Return how a step ends that gives no payload."""
    return answer(Result(outcome, reason, message))


def answer(result: Result) -> JobResult:
    """Return how a step ends with a result; it exits 0 whatever it has to say."""
    return JobResult(result.encode())


def succeed(cluster: FakeCluster, **steps: JobResult) -> None:
    """Let every step end well; keywords replace the answer of check, train, harvest, validate."""
    usual = {
        "check": check_answer(),
        "train": JobResult(),
        "harvest": harvest_answer(),
        "validate": compare_answer(),
    }
    ends = {**usual, **steps}
    cluster.simulation.jobs |= {
        "again-check-1": ends["check"],
        "again-a1": ends["train"],
        "again-harvest-1": ends["harvest"],
        "again-validate-1": ends["validate"],
    }


def decide_on(cluster: FakeCluster, name: str, action: str, **spec: Any) -> None:  # noqa: ANN401  # JSON
    """Let `approver` decide about the run, on its attempt and evidence if none are given."""
    usual = {"attempt": "1", "evidenceDigest": EVIDENCE}
    target = {"kind": names.RETRAIN_JOB, "name": "again"}
    cluster.put(builders.decision(name, action, target=target, **{**usual, **spec}))


def answer_of(cluster: FakeCluster, name: str) -> str:
    """Return how a Decision was answered, "" if it was not."""
    document = cluster.document(names.DECISION, name) or {}
    found = (document.get("status") or {}).get("conditions") or [{"reason": ""}]
    return str(found[0]["reason"])


def until(cluster: FakeCluster, state: str, *, limit: int = 60) -> Document:
    """Tick until the run is in a state; return its status."""
    for _ in range(limit):
        if cluster.status().get("state") == state:
            return cluster.status()
        cluster.tick(run.decide)
    message = f"still {cluster.status().get('state')} after {limit} ticks"
    raise AssertionError(message)


def told(status: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the conditions of a status: (status, reason) by type."""
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
