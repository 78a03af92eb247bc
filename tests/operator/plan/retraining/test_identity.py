"""What follows from a run's inputs alone."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from perennial_operator.api import documents
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.retrain_job import Champion, PinnedData
from perennial_operator.plan.retraining import identity
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON, builders, retrain_job, runs

DATA = PinnedData(uri="s3://rows", digest="sha256:1")
CONTAINER = {"container": {"image": "own@sha256:1", "args": ["--fast"]}}
META = Meta("again", "default", "uid-1", 1, "1", NOON)


def spec(**fields: Any) -> RetrainJobSpec:  # noqa: ANN401  # JSON
    """Return the spec of a run."""
    return documents.load(RetrainJobSpec, retrain_job(**fields)["spec"])


def test_equal_inputs_have_an_equal_digest() -> None:
    """Neither who asks nor how often is an input."""
    one = identity.inputs(spec(), DATA)

    assert one == identity.inputs(spec(requestedBy="other", limits={"attempts": 9}), DATA)
    assert one.startswith("sha256:")


@pytest.mark.parametrize(
    "fields",
    [
        {"trainer": CONTAINER},
        {"parameters": {"depth": "3"}},
        {"seed": 7},
        {"trainer": {"recipe": {"name": "tabular-regression"}}},
        {
            "data": {
                "source": {"uri": "s3://rows/all.parquet"},
                "columns": {"label": "target"},
                "split": {"strategy": "Random"},
            }
        },
    ],
)
def test_each_input_changes_the_digest(fields: dict[str, Any]) -> None:
    """Trainer, parameters, seed and split can change the result."""
    assert identity.inputs(spec(**fields), DATA) != identity.inputs(spec(), DATA)


def test_other_rows_change_the_digest() -> None:
    """The data's digest is an input."""
    assert identity.inputs(spec(), DATA) != identity.inputs(spec(), replace(DATA, digest="x"))


def test_a_seed_is_the_user_s_or_the_run_s() -> None:
    """The default follows from the run's id and fits 31 bits."""
    assert identity.seed(spec(seed=0), "run") == 0
    assert identity.seed(spec(), "run") == identity.seed(spec(), "run")
    assert identity.seed(spec(), "run") != identity.seed(spec(), "other")
    assert 0 <= identity.seed(spec(), "run") < 2**31


@pytest.mark.parametrize(
    ("fields", "task"),
    [
        ({}, "classification"),
        ({"trainer": {"recipe": {"name": "tabular-regression"}}}, "regression"),
        ({"trainer": CONTAINER}, ""),
        ({"trainer": CONTAINER, "validation": {"metrics": [{"name": "mae"}]}}, "regression"),
    ],
)
def test_the_task_follows_from_recipe_or_metrics(fields: dict[str, Any], task: str) -> None:
    """A container without metrics does not say what it trains."""
    assert identity.task(spec(**fields)) == task


def test_a_run_stands_for_its_nominal_time() -> None:
    """The default is its creation."""
    assert identity.nominal_time(spec(), META) == "2026-01-05T12:00:00Z"
    chosen = {"trigger": {"nominalTime": "2026-01-01T00:00:00Z"}}
    assert identity.nominal_time(spec(**chosen), META) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "text", ["2026-01-05T12:00:00Z", "2026-01-05T13:00:00+01:00", "2026-01-05T12:00:00"]
)
def test_moments_are_aware(text: str) -> None:
    """A time without a zone counts as UTC."""
    assert identity.moment(text) == datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_the_champion_is_the_stable_revision() -> None:
    """Its digest and location come from the ControllerRevision."""
    model = runs.world().snapshot().model

    assert identity.champion(model) == Champion(
        revision="churn-one", digest=builders.digest("one"), uri="s3://models/one"
    )


def test_without_a_stable_revision_there_is_no_champion() -> None:
    """A model that never served has an empty one."""
    assert identity.champion(runs.world(stable="").snapshot().model) == Champion()


def test_a_stable_revision_that_was_not_seen_yet_is_waited_for() -> None:
    """The store may lag: None is neither a champion nor none."""
    model = replace(runs.world().snapshot().model, revisions=())

    assert identity.champion(model) is None
    assert identity.served_model(model, "churn-one") is None


def test_a_retry_s_name_follows_from_model_and_trigger() -> None:
    """It fits a RetrainJob's name and differs by trigger and model."""
    model = Meta("m" * 40, "default", "uid-1", 1, "1", NOON)

    name = identity.retry_name(model, "again/1")

    assert name == identity.retry_name(model, "again/1")
    assert name != identity.retry_name(model, "again/2")
    assert name != identity.retry_name(replace(model, uid="uid-2"), "again/1")
    assert len(name) == 38
