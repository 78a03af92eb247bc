"""The generated files equal what is on the disk, and the CRDs keep the rules of the API."""

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial_operator.api.documents import camel
from perennial_operator.api.schema import crds
from perennial_operator.console import generated

ROOT = Path(__file__).parents[2]
SIZE_LIMIT = 131_072
DEFINITIONS = {each.kind: each for each in crds.DEFINITIONS}
KINDS = pytest.mark.parametrize("kind", DEFINITIONS)
HALVES = pytest.mark.parametrize("half", ["spec", "status"])
Schema = dict[str, Any]


def on_disk(kind: str) -> Schema:
    """Return a CRD as users apply it."""
    document: Schema = yaml.safe_load((ROOT / f"crds/{kind.lower()}.yaml").read_text())
    return document


def root_schema(kind: str) -> Schema:
    """Return the schema of a kind as users apply it."""
    schema: Schema = on_disk(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every node of a schema with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def leaves_of_schema(schema: Schema, kind: type, path: str = "") -> Iterator[tuple[str, str, bool]]:
    """Yield path, type and whether it is required, of every field down to what `kind` declares."""
    raw = {camel(each.name) for each in fields(kind) if each.metadata["raw"] is not None}
    hints = typing.get_type_hints(kind)
    classes = {camel(each.name): item_class(hints[each.name]) for each in fields(kind)}
    for name, child in schema["properties"].items():
        yield f"{path}.{name}", child["type"], name in schema.get("required", [])
        inner = child.get("items", child)
        nested = classes.get(name)
        if name not in raw and nested is not None:
            yield from leaves_of_schema(inner, nested, f"{path}.{name}")


def leaves_of_class(kind: type, path: str = "") -> Iterator[tuple[str, str, bool]]:
    """Yield the same of the typed definition."""
    hints = typing.get_type_hints(kind)
    for each in fields(kind):
        name = camel(each.name)
        is_required = each.default is MISSING and each.default_factory is MISSING
        yield f"{path}.{name}", schema_type(hints[each.name]), is_required
        if (nested := item_class(hints[each.name])) is not None:
            yield from leaves_of_class(nested, f"{path}.{name}")


def schema_type(hint: Any) -> str:  # noqa: ANN401  # an annotation at run time
    """Return the JSON type of an annotation."""
    bare = without_none(hint)
    if typing.get_origin(bare) is tuple:
        return "array"
    return {str: "string", int: "integer", bool: "boolean"}.get(bare, "object")


def without_none(hint: Any) -> Any:  # noqa: ANN401  # as above
    """Return the annotation without `| None`."""
    if typing.get_origin(hint) is types.UnionType:
        return next(each for each in typing.get_args(hint) if each is not type(None))
    return hint


def item_class(hint: Any) -> type | None:  # noqa: ANN401  # as above
    """Return the dataclass that a field holds, alone or in a list."""
    bare = without_none(hint)
    inner = typing.get_args(bare)[0] if typing.get_origin(bare) is tuple else bare
    return inner if isinstance(inner, type) and is_dataclass(inner) else None


def test_generated_files_are_current() -> None:
    """Run `.ci/generate` after a change of the API."""
    differing = [
        path
        for path, text in generated.files().items()
        if not (ROOT / path).exists() or (ROOT / path).read_text() != text
    ]

    assert differing == []


def test_no_stale_file_stays_in_crds() -> None:
    """Everything in `crds/` is generated."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "crds").iterdir()}

    assert found == {path for path in generated.files() if path.startswith("crds/")}


@KINDS
@HALVES
def test_every_leaf_has_its_field_and_every_field_its_leaf(kind: str, half: str) -> None:
    """Name, type and necessity agree in both directions."""
    definition = DEFINITIONS[kind]
    typed = definition.spec if half == "spec" else definition.status

    schema = root_schema(kind)["properties"][half]

    assert set(leaves_of_schema(schema, typed)) == set(leaves_of_class(typed))


@KINDS
def test_a_crd_fits_a_client_side_apply(kind: str) -> None:
    """At most 131,072 bytes as JSON."""
    assert len(json.dumps(on_disk(kind))) <= SIZE_LIMIT


@KINDS
def test_every_text_list_and_map_is_bounded(kind: str) -> None:
    """Without a bound a rule over it may cost anything."""
    unbounded = [
        path
        for path, node in nodes(root_schema(kind))
        if not path.startswith((".apiVersion", ".kind")) and not is_bounded(node)
    ]

    assert unbounded == []


def is_bounded(node: Schema) -> bool:
    """Whether a node says how large it may be."""
    if "additionalProperties" in node:
        return "maxProperties" in node
    if node.get("type") == "array":
        return "maxItems" in node
    if node.get("type") == "string":
        return bool({"maxLength", "enum", "format"} & node.keys())
    return True


@KINDS
def test_every_list_says_how_it_merges(kind: str) -> None:
    """A map has keys that each item must hold, a set has scalars, the rest is atomic."""
    for path, node in nodes(root_schema(kind)):
        if node.get("type") != "array":
            continue
        merge = node["x-kubernetes-list-type"]
        assert merge in ("atomic", "set", "map"), path
        if merge == "map":
            assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"]), path
        if merge == "set":
            assert node["items"]["type"] in ("string", "integer"), path


@KINDS
def test_no_field_keeps_what_the_schema_does_not_know(kind: str) -> None:
    """Unknown fields are refused everywhere: a field that does nothing does not exist."""
    found = list(nodes(root_schema(kind)))
    keeping = [path for path, node in found if "x-kubernetes-preserve-unknown-fields" in node]
    empty = [
        path
        for path, node in nodes(root_schema(kind))
        if node.get("type") == "object" and not {"properties", "additionalProperties"} & node.keys()
    ]

    assert (keeping, empty) == ([], [])


@KINDS
def test_every_rule_says_what_to_write(kind: str) -> None:
    """A message begins with what to do and the API server names the field."""
    for path, node in nodes(root_schema(kind)):
        for rule in node.get("x-kubernetes-validations", []):
            assert rule["message"].split()[0] in ("set", "remove", "move", "create"), path
            assert rule["reason"].startswith("FieldValue"), path


@KINDS
def test_defaults_are_those_that_stay_for_ever(kind: str) -> None:
    """Only the number of replicas is written by the API server: autoscalers read it."""
    defaulted = [path for path, node in nodes(root_schema(kind)) if "default" in node]

    assert defaulted == ([".spec.replicas"] if kind == "ModelDeployment" else [])


@KINDS
def test_conditions_are_a_map_by_type(kind: str) -> None:
    """Two managers can own one condition each; the standard fields are there."""
    conditions = root_schema(kind)["properties"]["status"]["properties"]["conditions"]

    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert conditions["maxItems"] <= 32
    assert set(conditions["items"]["required"]) == {"type", "status", "reason"}
    assert conditions["items"]["properties"]["message"]["maxLength"] == 1024


def test_kubernetes_and_python_read_the_same_yaml() -> None:
    """YAML 1.1 takes a bare `n` for false: the key is quoted."""
    text = (ROOT / "crds/retrainjob.yaml").read_text()

    assert "\n- n\n" not in text
    assert on_disk("RetrainJob") == json.loads(json.dumps(on_disk("RetrainJob")))
    assert on_disk("RetrainJob") == crds.custom_resource_definition(crds.RETRAIN_JOB)
