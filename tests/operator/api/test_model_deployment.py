"""Defaults and rules of models as they are declared."""

from perennial_operator.api import documents
from perennial_operator.api.documents import durations
from perennial_operator.api.model_deployment import Model, ModelDeploymentSpec
from perennial_operator.api.schema import structural


def test_the_defaults_are_the_documented_ones() -> None:
    """A model with nothing but its location gets the careful canary."""
    spec = ModelDeploymentSpec(Model("s3://models/digits/"))

    steps = [(each.weight, each.dwell) for each in spec.rollout.canary.steps]
    assert spec.replicas == 1
    assert spec.rollout.strategy == "Canary"
    assert steps == [(5, "2m"), (10, "2m"), (25, "2m"), (50, "2m")]
    assert (spec.rollout.approval.promotion, spec.rollout.approval.timeout) == (False, "72h")
    assert spec.rollout.deadlines.preparing == "10m"
    assert (spec.rollout.promotion.bake, spec.rollout.promotion.keep_previous_for) == ("10m", "1h")


def test_every_default_duration_is_one() -> None:
    """A default must pass the rule that users meet."""
    rollout = ModelDeploymentSpec(Model("s3://models/digits/")).rollout

    for text in (
        *(each.dwell for each in rollout.canary.steps),
        rollout.approval.timeout,
        rollout.deadlines.preparing,
        rollout.promotion.bake,
        rollout.promotion.keep_previous_for,
    ):
        assert durations.seconds(text) > 0


def test_a_model_survives_the_way_to_a_document() -> None:
    """What a user wrote comes back, and nothing else is required."""
    document = {"model": {"uri": "s3://models/digits/"}, "resources": {"limits": {"cpu": "1500m"}}}

    spec = documents.load(ModelDeploymentSpec, document)

    assert spec.resources == {"limits": {"cpu": "1500m"}}
    assert documents.load(ModelDeploymentSpec, documents.dump(spec)) == spec


def test_only_the_location_is_required() -> None:
    """The shortest model has one line of spec."""
    schema = structural.schema_of(ModelDeploymentSpec)

    assert schema["required"] == ["model"]
    assert schema["properties"]["model"]["required"] == ["uri"]
