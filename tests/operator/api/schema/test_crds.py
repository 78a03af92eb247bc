"""The CustomResourceDefinitions around the schemas."""

from typing import Any

import pytest

from perennial_operator.api.schema import crds

BY_KIND = {each["spec"]["names"]["kind"]: each["spec"] for each in crds.documents()}


def version(kind: str) -> dict[str, Any]:
    """Return the only version of a kind."""
    (found,) = BY_KIND[kind]["versions"]
    return dict(found)


def columns(kind: str, *, are_wide: bool) -> list[str]:
    """Return the names of a kind's columns."""
    found = version(kind)["additionalPrinterColumns"]
    return [each["name"] for each in found if bool(each.get("priority")) is are_wide]


def test_there_are_three_kinds_in_one_category() -> None:
    """`kubectl get perennial` shows them all; two have a short name."""
    assert {kind: spec["names"].get("shortNames") for kind, spec in BY_KIND.items()} == {
        "ModelDeployment": ["md"],
        "RetrainJob": ["rj"],
        "Decision": None,
    }
    assert all(spec["names"]["categories"] == ["perennial"] for spec in BY_KIND.values())
    assert all(spec["scope"] == "Namespaced" for spec in BY_KIND.values())


@pytest.mark.parametrize("kind", BY_KIND)
def test_status_is_a_subresource(kind: str) -> None:
    """Who writes spec cannot write status, and the other way round."""
    assert version(kind)["subresources"]["status"] == {}


def test_only_models_scale() -> None:
    """By the paths that an autoscaler reads."""
    assert version("ModelDeployment")["subresources"]["scale"] == {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    assert "scale" not in version("RetrainJob")["subresources"]
    assert "scale" not in version("Decision")["subresources"]


def test_lists_are_narrowed_by_what_people_look_for() -> None:
    """Runs of a model, Decisions about a target."""
    selectable = {kind: version(kind).get("selectableFields") for kind in BY_KIND}

    assert selectable == {
        "ModelDeployment": None,
        "RetrainJob": [{"jsonPath": ".spec.modelRef.name"}],
        "Decision": [{"jsonPath": ".spec.target.name"}, {"jsonPath": ".spec.action"}],
    }


def test_columns_are_the_documented_ones() -> None:
    """Wide columns come with `-o wide`."""
    assert columns("ModelDeployment", are_wide=False) == [
        *("Ready", "Reason", "Stable", "Candidate", "Traffic", "Age"),
    ]
    assert columns("ModelDeployment", are_wide=True) == ["URL", "Replicas"]
    assert columns("RetrainJob", are_wide=False) == [
        *("Outcome", "Reason", "Model", "Trigger", "Candidate", "Age"),
    ]
    assert columns("RetrainJob", are_wide=True) == ["Engine", "Champion", "Rows"]
    assert columns("Decision", are_wide=False) == ["Action", "Target", "By", "Answer", "Age"]
    assert columns("Decision", are_wide=True) == ["Attempt", "Reason"]


@pytest.mark.parametrize("kind", BY_KIND)
def test_every_column_and_selector_reads_a_field_of_the_schema(kind: str) -> None:
    """A path outside the schema would be empty for ever."""
    found = version(kind)
    paths = [each["jsonPath"] for each in found["additionalPrinterColumns"]]
    paths += [each["jsonPath"] for each in found.get("selectableFields", [])]
    schema = found["schema"]["openAPIV3Schema"]

    for path in paths:
        place = schema
        for part in path.partition("[")[0].lstrip(".").split("."):
            if part == "creationTimestamp":
                continue
            place = place["properties"][part]


@pytest.mark.parametrize(("kind", "limit"), [("ModelDeployment", 40), ("RetrainJob", 38)])
def test_names_leave_room_for_the_children_s(kind: str, limit: int) -> None:
    """The schema bounds the name and a rule gives its form."""
    schema = version(kind)["schema"]["openAPIV3Schema"]

    assert schema["properties"]["metadata"]["properties"]["name"]["maxLength"] == limit
    assert schema["x-kubernetes-validations"][0]["fieldPath"] == ".metadata.name"
