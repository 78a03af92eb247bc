"""How fields are declared."""

from dataclasses import dataclass, fields

import pytest

from perennial_operator.api.schema.fields import Cel, spec


@dataclass(frozen=True)
class Sample:
    """One field of each way to declare."""

    needed: str = spec("Needed.", maxLength=3)
    optional: int = spec("Optional.", default=1)
    mapping: dict[str, str] = spec("A map.", default={})


def test_a_field_without_default_must_be_given() -> None:
    """As in every dataclass."""
    with pytest.raises(TypeError, match="needed"):
        Sample()


def test_defaults_are_values_and_maps_are_not_shared() -> None:
    """Two objects never share one map."""
    first, second = Sample("a"), Sample("b")

    assert (first.optional, first.mapping) == (1, {})
    assert first.mapping is not second.mapping


def test_rules_travel_with_the_field() -> None:
    """The generator finds sentence, keywords and list type."""
    assert dict(fields(Sample)[0].metadata) == {
        "doc": "Needed.",
        "rules": {"maxLength": 3},
        "cel": (),
        "raw": None,
        "list_type": "atomic",
    }


def test_a_rule_is_about_its_own_field_unless_it_says_otherwise() -> None:
    """Most rules look at one value."""
    assert Cel("self > 0", "set more").field_path == ""
    assert Cel("self > 0", "set more").reason == "FieldValueInvalid"
