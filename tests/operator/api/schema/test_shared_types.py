"""Types that more than one kind uses."""

from perennial_operator.api import documents
from perennial_operator.api.schema import structural
from perennial_operator.api.schema.shared_types import Condition, LocalReference, PodFields


def test_a_reference_stays_in_its_namespace() -> None:
    """There is a name and nothing else."""
    schema = structural.schema_of(LocalReference)

    assert list(schema["properties"]) == ["name"]
    assert schema["required"] == ["name"]


def test_no_pod_field_is_required() -> None:
    """The operator's Pods run as they are."""
    assert documents.dump(PodFields()) == {}
    assert "required" not in structural.schema_of(PodFields)


def test_host_users_false_is_kept() -> None:
    """False is a wish; absent is none."""
    assert documents.dump(PodFields(host_users=False)) == {"hostUsers": False}


def test_conditions_have_the_standard_fields() -> None:
    """As `kubectl wait` and every client reads them."""
    condition = Condition("Ready", "True", "Ready", "good", 2, "2026-03-01T12:00:00Z")

    assert documents.dump(condition) == {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "good",
        "observedGeneration": 2,
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }
