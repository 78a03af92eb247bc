"""Every key of a step's input is there, whatever the spec leaves out."""

from typing import Any

import pytest

from perennial_operator.api import documents
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.retrain_job import Candidate, Champion, PinnedData
from perennial_operator.plan.manifests import step_inputs
from perennial_operator.plan.manifests.step_inputs import Comparison, Inputs
from perennial_operator.testing import retrain_job

DATA = PinnedData(
    uri="s3://rows", version="v1", digest="sha256:1", train_rows=9, holdout_digest="sha256:2"
)
CHAMPION = Champion("churn-one", "sha256:3", "s3://models/one")
CANDIDATE = Candidate(2, "sha256:4", "s3://output/churn/models/sha256/4")
COLUMNS = {"time": "", "label": "target", "group": "", "id": "", "weight": ""}


def inputs(**spec: Any) -> Inputs:  # noqa: ANN401  # JSON
    """Return what every step of a run is told."""
    usual = {"output": {"uri": "s3://output/churn/"}}
    document = retrain_job(**{**usual, **spec})["spec"]
    return Inputs(documents.load(RetrainJobSpec, document), "run-1", "classification")


def comparison(**fields: Any) -> Comparison:  # noqa: ANN401  # fields of any type
    """Return what is compared."""
    usual: dict[str, Any] = {
        "candidate": CANDIDATE,
        "champion": CHAMPION,
        "data": DATA,
        "features": ("age",),
        "alpha": 0.03,
        "image": "serving",
        "spec_digest": "sha256:5",
    }
    return Comparison(**{**usual, **fields})


def timed(**split: str) -> dict[str, Any]:
    """Return data with a time column."""
    return {
        "data": {
            "source": {"uri": "s3://rows/all.parquet"},
            "columns": {"label": "target", "time": "when"},
            "split": split,
        }
    }


def test_the_input_of_check() -> None:
    """Without a time column rows are split at random."""
    assert step_inputs.check(inputs(), model_uid="uid-m", champion=CHAMPION) == {
        "runId": "run-1",
        "modelUid": "uid-m",
        "source": {"uri": "s3://rows/all.parquet", "version": "", "format": "Auto"},
        "columns": COLUMNS,
        "split": {"strategy": "Random", "holdout": "", "gap": "", "groups": "Disjoint"},
        "output": "s3://output/churn",
        "championUri": "s3://models/one",
        "championDigest": "sha256:3",
        "task": "classification",
        "maxBytes": 10_737_418_240,
    }


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ({}, {"strategy": "Temporal", "holdout": "14d", "gap": "", "groups": "Disjoint"}),
        (
            {"strategy": "Temporal", "holdout": "7d", "gap": "1d"},
            {"strategy": "Temporal", "holdout": "7d", "gap": "1d", "groups": "Disjoint"},
        ),
    ],
)
def test_rows_with_a_time_are_split_by_it(split: dict[str, str], expected: dict[str, str]) -> None:
    """The newest are held out."""
    found = step_inputs.check(inputs(**timed(**split)), model_uid="", champion=Champion())

    assert found["split"] == expected
    assert found["championUri"] == found["championDigest"] == ""


def test_the_input_of_harvest() -> None:
    """Pickle is never allowed; what goes into run.json is handed over."""
    found = step_inputs.harvest(inputs(), attempt=2, features=("age",), run={"seed": 7})

    assert found == {
        "runId": "run-1",
        "attempt": 2,
        "output": "s3://output/churn",
        "format": "Auto",
        "allowPickle": False,
        "columns": COLUMNS,
        "features": ["age"],
        "task": "classification",
        "equivalence": {"maxAbsDiff": 0.0001, "maxLabelDisagreement": 0.001},
        "run": {"seed": 7},
    }


def test_the_input_of_compare() -> None:
    """Digests name everything that is compared; no metrics mean the task's defaults."""
    assert step_inputs.compare(inputs(), comparison()) == {
        "runId": "run-1",
        "attempt": 2,
        "output": "s3://output/churn",
        "candidateUri": "s3://output/churn/models/sha256/4",
        "candidateDigest": "sha256:4",
        "championUri": "s3://models/one",
        "championDigest": "sha256:3",
        "columns": COLUMNS,
        "features": ["age"],
        "task": "classification",
        "goal": "NonInferior",
        "alpha": 0.03,
        "metrics": [],
        "maxRows": 200_000,
        "specDigest": "sha256:5",
        "dataDigest": "sha256:1",
        "holdoutDigest": "sha256:2",
        "image": "serving",
    }


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (
            {"name": "roc_auc"},
            ("Maximize", 0.01, "Absolute", 0.0, None),
        ),
        ({"name": "log_loss"}, ("Minimize", 0.05, "Relative", 0.0, None)),
        ({"name": "accuracy", "floor": "0.9"}, ("Maximize", 0.01, "Absolute", 0.0, 0.9)),
        (
            {"name": "mae", "margin": "1.5", "marginType": "Absolute", "gain": "0.1"},
            ("Minimize", 1.5, "Absolute", 0.1, None),
        ),
        ({"name": "rmse", "floor": "0"}, ("Minimize", 0.02, "Relative", 0.0, 0.0)),
    ],
)
def test_a_metric_s_defaults_are_its_own(
    metric: dict[str, str], expected: tuple[object, ...]
) -> None:
    """Direction follows from the name, margin and type may be chosen; a floor of 0 is one."""
    chosen = inputs(validation={"metrics": [metric]})

    (found,) = step_inputs.compare(chosen, comparison())["metrics"]

    keys = ("direction", "margin", "marginType", "gain", "floor")
    assert tuple(found[key] for key in keys) == expected
    assert found["name"] == metric["name"]


def test_the_trainer_s_helpers_know_their_places_only() -> None:
    """No champion is handed to a trainer."""
    assert step_inputs.fetch(inputs()) == {
        "runId": "run-1",
        "output": "s3://output/churn",
        "championUri": "",
        "championDigest": "",
    }
    assert step_inputs.upload(inputs(), attempt=2) == {
        "runId": "run-1",
        "attempt": 2,
        "output": "s3://output/churn",
    }


def test_the_artifact_remembers_how_it_was_made() -> None:
    """Trainer, parameters, seed, data and split."""
    found = step_inputs.run_document(
        inputs(parameters={"depth": "3"}), attempt=2, data=DATA, seed=7
    )

    assert found == {
        "runId": "run-1",
        "attempt": 2,
        "model": "churn",
        "task": "classification",
        "trainer": {"recipe": {"name": "tabular-classification", "version": "1"}},
        "parameters": {"depth": "3"},
        "seed": 7,
        "data": documents.dump(DATA),
        "split": {"holdout": "14d", "groups": "Disjoint"},
    }
