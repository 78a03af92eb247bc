"""Whether a live object is what was intended, in spite of defaults and other writers."""

from typing import Any

import pytest

from perennial_operator.api import names
from perennial_operator.apply.intents import contains, is_in_force, quantity, spec_hash, stamped


def intent(**spec: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return an intent with a spec."""
    return {"kind": "X", "metadata": {"name": "x"}, "spec": spec}


def live(**spec: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return what the server made of an intent."""
    document = stamped(intent(**spec))
    return {**document, "metadata": {**document["metadata"], "uid": "u", "resourceVersion": "1"}}


def test_the_hash_of_an_intent_stands_in_its_annotation() -> None:
    """Another intent has another one; the annotation itself does not count."""
    made = stamped(intent(a=1))
    assert made["metadata"]["annotations"] == {names.ANNOTATION_SPEC_HASH: spec_hash(made)}
    assert stamped(made) == made
    assert spec_hash(stamped(intent(a=2))) != spec_hash(made)


def test_annotations_of_the_intent_stay() -> None:
    """They count, too."""
    document = intent()
    document["metadata"]["annotations"] = {"a": "b"}
    assert stamped(document)["metadata"]["annotations"]["a"] == "b"
    assert spec_hash(stamped(document)) != spec_hash(stamped(intent()))


def test_empty_values_are_left_out() -> None:
    """Set and then unset equals never set; where empty means something it stays."""
    made = stamped(
        intent(none=None, items=[], deep={"er": {}}, text="", zero=0, emptyDir={}, list=[{"a": {}}])
    )
    assert made["spec"] == {"text": "", "zero": 0, "emptyDir": {}, "list": [{}]}


def test_opaque_data_is_ours_to_the_last_byte() -> None:
    """The data of a ControllerRevision holds empty values that mean something."""
    data: dict[str, Any] = {"projection": {"pod": {}}}
    assert stamped({**intent(), "data": data})["data"] == data


def test_an_intent_in_force_is_recognized() -> None:
    """Defaults and additions of others are no matter."""
    seen = live(replicas=1)
    seen["spec"]["strategy"] = "default"
    assert is_in_force(seen, stamped(intent(replicas=1)))


def test_removals_are_noticed_by_the_hash() -> None:
    """The live object contains the smaller intent, but was made of a larger one."""
    assert not is_in_force(live(a=1, b=2), stamped(intent(a=1)))


def test_drift_is_noticed_by_the_content() -> None:
    """Somebody edited what we own, or took our annotation away."""
    seen = live(a=1)
    seen["spec"]["a"] = 2
    assert not is_in_force(seen, stamped(intent(a=1)))
    del seen["metadata"]["annotations"]
    assert not is_in_force(seen, stamped(intent(a=2)))


@pytest.mark.parametrize(
    ("live_value", "wanted", "holds"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"b": 2}, {"a": 1}, False),
        ("x", {"a": 1}, False),
        ({"a": 1}, [1], False),
        ([1, 2], [1, 2], True),
        ([1, 2, 3], [1, 2], False),
        ([{"name": "b", "x": 1}, {"name": "a"}], [{"name": "a"}, {"name": "b"}], True),
        ([{"name": "a"}], [{"name": "b"}], False),
        ([], [{"name": "b"}], False),
        (["odd"], [{"name": "b"}], False),
        ([{"type": "Ready", "status": "True"}], [{"type": "Ready"}], True),
        ([{"uid": "u", "controller": True}], [{"uid": "u"}], True),
        (
            [{"containerPort": 80, "protocol": "TCP", "name": "http"}],
            [{"containerPort": 80, "name": "http"}],
            True,
        ),
        ([{"containerPort": 80, "protocol": "UDP"}], [{"containerPort": 80}], False),
        ([{"name": "a"}, {"other": 1}], [{"name": "a"}, {"other": 1}], True),
        ("500m", "0.5", True),
        ("1Gi", "1024Mi", True),
        ("1Gi", "1G", False),
        ("80", 80, True),
        ("http", "http", True),
        ("http", "data", False),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        (None, "x", False),
    ],
)
def test_contains_understands_how_the_server_writes(
    live_value: object,
    wanted: object,
    holds: bool,  # noqa: FBT001  # a table
) -> None:
    """Maps by key, lists by their merge key or position, quantities by amount."""
    assert contains(live_value, wanted) is holds


@pytest.mark.parametrize("text", ["", "m", "abc", "1Zi", "None"])
def test_what_is_no_quantity_has_no_amount(text: str) -> None:
    """It is compared as text."""
    assert quantity(text) is None
