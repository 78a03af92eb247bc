"""An attempt's objects are named by run and number."""

from perennial_operator.api import documents
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.retrain_job import PinnedData
from perennial_operator.plan.manifests.engines.attempt import (
    Attempt,
    EngineStatus,
    Phase,
    Reaction,
)
from perennial_operator.plan.manifests.step_inputs import Inputs
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON, OPTIONS, retrain_job


def test_names_hold_run_and_attempt() -> None:
    """So no two attempts share an object, and names fit a label."""
    spec = documents.load(RetrainJobSpec, retrain_job()["spec"])
    attempt = Attempt(
        run=Meta("r" * 38, "default", "uid-1", 1, "1", NOON),
        n=10,
        inputs=Inputs(spec, "run-1", "classification"),
        data=PinnedData(uri="s3://rows"),
        features=(),
        seed=7,
        nominal_time="2026-01-05T12:00:00Z",
        options=OPTIONS,
    )

    assert (attempt.name, attempt.config_name) == (f"{'r' * 38}-a10", f"{'r' * 38}-in-10")
    assert attempt.spec is spec
    assert max(len(attempt.name), len(attempt.config_name)) <= 63


def test_a_failure_without_a_row_is_tried_again() -> None:
    """Nothing is refused by default."""
    assert EngineStatus(Phase.FAILED).reaction is Reaction.AT_ONCE
