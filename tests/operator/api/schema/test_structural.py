"""Dataclasses to structural schemas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from perennial_operator.api.schema import structural
from perennial_operator.api.schema.fields import Cel, spec

RULE = {"rule": "self.size > 0", "message": "set size", "reason": "FieldValueInvalid"}


@dataclass(frozen=True)
class Item:
    """A nested object with a rule of its own."""

    RULES: ClassVar[tuple[Cel, ...]] = (Cel("self.size > 0", "set size", ".size"),)

    size: int = spec("Size.", minimum=1)


@dataclass(frozen=True)
class Sample:
    """One field of every shape."""

    text: str = spec("Text.", cel=(Cel("self != ''", "set text"),))
    choice: str = spec("Choice.", default="", enum=["a"])
    moment: str = spec("Moment.", default="", format="date-time")
    is_on: bool | None = spec("Switch.", default=None)
    item: Item = spec("Item.", default=Item(1), cel=(Cel("self.size < 9", "set less"),))
    items: tuple[Item, ...] = spec("Items.", default=(), maxItems=3, list_type="map:size")
    words: tuple[str, ...] = spec("Words.", default=(), maxItems=2)
    labels: Mapping[str, str] = spec("Labels.", default={})
    few: Mapping[str, int] = spec("Few.", default={}, maxProperties=2)
    raw: Mapping[str, Any] = spec("Raw.", default={}, raw={"type": "object", "properties": {}})


SCHEMA = structural.schema_of(Sample)
PROPERTIES = SCHEMA["properties"]


def test_only_fields_without_default_are_required() -> None:
    """A default makes a field optional, and is not written into the schema."""
    assert SCHEMA["required"] == ["text"]
    assert "default" not in PROPERTIES["choice"]


def test_an_object_without_required_fields_has_no_such_list() -> None:
    """An empty list would be refused by Kubernetes' linters."""

    @dataclass(frozen=True)
    class Free:
        """All optional."""

        text: str = spec("Text.", default="")

    assert "required" not in structural.schema_of(Free)


def test_scalars_have_their_type_and_texts_a_bound() -> None:
    """A text that declares no size gets the common one."""
    assert PROPERTIES["text"] == {
        "description": "Text.",
        "type": "string",
        "maxLength": 4096,
        "x-kubernetes-validations": [
            {"rule": "self != ''", "message": "set text", "reason": "FieldValueInvalid"}
        ],
    }
    assert PROPERTIES["choice"] == {"description": "Choice.", "type": "string", "enum": ["a"]}
    assert PROPERTIES["moment"]["format"] == "date-time"
    assert PROPERTIES["isOn"] == {"description": "Switch.", "type": "boolean"}


def test_rules_of_a_class_stand_before_those_of_its_field() -> None:
    """Both are checked; the class's own name the field at fault."""
    assert PROPERTIES["item"]["x-kubernetes-validations"] == [
        {**RULE, "fieldPath": ".size"},
        {"rule": "self.size < 9", "message": "set less", "reason": "FieldValueInvalid"},
    ]


def test_lists_merge_by_key_or_as_a_whole() -> None:
    """The list type is written on every list."""
    assert PROPERTIES["items"]["x-kubernetes-list-type"] == "map"
    assert PROPERTIES["items"]["x-kubernetes-list-map-keys"] == ["size"]
    assert PROPERTIES["items"]["items"]["x-kubernetes-validations"] == [
        {**RULE, "fieldPath": ".size"}
    ]
    assert PROPERTIES["words"] == {
        "description": "Words.",
        "type": "array",
        "items": {"type": "string", "maxLength": 4096},
        "x-kubernetes-list-type": "atomic",
        "maxItems": 2,
    }


def test_maps_are_bounded_in_keys_and_values() -> None:
    """With the common bound, or the declared one."""
    assert PROPERTIES["labels"]["maxProperties"] == 100
    assert PROPERTIES["labels"]["additionalProperties"] == {"type": "string", "maxLength": 4096}
    assert PROPERTIES["few"]["maxProperties"] == 2


def test_a_raw_schema_replaces_the_derived_one() -> None:
    """The sentence stays."""
    assert PROPERTIES["raw"] == {"description": "Raw.", "type": "object", "properties": {}}
