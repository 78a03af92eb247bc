"""The status of models as a document."""

from perennial_operator.api import documents
from perennial_operator.api.schema import structural
from perennial_operator.api.schema.shared_types import Condition
from perennial_operator.api.status.model_deployment import (
    ModelDeploymentStatus,
    RejectedRevision,
    Revisions,
    RolloutStatus,
)


def test_a_status_survives_the_way_to_a_document() -> None:
    """The write-ahead intent is read as it was written."""
    status = ModelDeploymentStatus(
        observed_generation=3,
        conditions=(Condition("Ready", "True", "Ready", "", 3, "2026-03-01T12:00:00Z"),),
        revisions=Revisions(
            stable="digits-a", rejected=(RejectedRevision("digits-b", "b-a1", "Breaker", "t"),)
        ),
        rollout=RolloutStatus(attempt="b-a1", state="Stable", step=1),
    )

    assert documents.load(ModelDeploymentStatus, documents.dump(status)) == status


def test_a_new_object_has_no_empty_texts() -> None:
    """Fields without a value are absent, so the first status is small."""
    document = documents.dump(ModelDeploymentStatus())

    assert "revisions" not in document
    assert "" not in document["rollout"].values()


def test_every_list_of_a_status_is_bounded() -> None:
    """A status never outgrows its object."""
    properties = structural.schema_of(ModelDeploymentStatus)["properties"]

    assert properties["conditions"]["maxItems"] == 32
    assert properties["revisions"]["properties"]["rejected"]["maxItems"] == 20
    assert properties["rollout"]["properties"]["decisions"]["maxItems"] == 20
