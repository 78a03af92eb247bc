"""Defaults and rules of runs as they are declared."""

from typing import Any

from perennial_operator.api import documents
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.schema import structural

SHORTEST: dict[str, Any] = {
    "modelRef": {"name": "digits"},
    "trainer": {"recipe": {"name": "tabular-classification"}},
    "data": {"source": {"uri": "s3://data/digits.csv"}, "columns": {"label": "digit"}},
    "output": {"uri": "s3://models/digits/"},
}


def test_the_defaults_are_the_documented_ones() -> None:
    """A short run is gated, limited, and asks a person where nothing can be proved."""
    spec = documents.load(RetrainJobSpec, SHORTEST)

    assert (spec.trigger.type, spec.engine.type, spec.seed) == ("Manual", "Job", None)
    assert (spec.limits.attempts, spec.limits.active_deadline) == (3, "6h")
    assert (spec.data.quality.min_rows, spec.data.quality.max_null_increase) == (1000, "0.05")
    assert (spec.validation.mode, spec.validation.goal) == ("Enforce", "NonInferior")
    assert (spec.validation.alpha, spec.validation.min_samples) == ("0.05", 500)
    assert (spec.validation.on_fail, spec.validation.on_no_champion) == (
        "Reject",
        "RequireApproval",
    )
    assert (spec.approval.required, spec.approval.min_approvals) == (False, 1)


def test_a_run_survives_the_way_to_a_document() -> None:
    """Seed 0 is a seed."""
    spec = documents.load(RetrainJobSpec, {**SHORTEST, "seed": 0, "parameters": {"depth": "3"}})

    assert documents.load(RetrainJobSpec, documents.dump(spec)) == spec
    assert spec.seed == 0


def test_what_a_run_needs_is_required() -> None:
    """Model, trainer, rows and a place for results."""
    schema = structural.schema_of(RetrainJobSpec)

    assert schema["required"] == ["modelRef", "trainer", "data", "output"]


def test_the_first_rule_forbids_every_change() -> None:
    """Other inputs are another run."""
    assert RetrainJobSpec.RULES[0].rule == "self == oldSelf"


def test_the_trainer_s_pod_has_resources_beside_the_curated_fields() -> None:
    """Everything a model's Pod may set, and its size."""
    properties = structural.schema_of(RetrainJobSpec)["properties"]["trainer"]["properties"]

    assert {"resources", "env", "volumes", "affinity"} <= properties["pod"]["properties"].keys()
