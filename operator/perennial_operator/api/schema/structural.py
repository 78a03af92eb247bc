"""Dataclasses of the API to structural schemas, field by field.

A class's `RULES` become rules of its object; a field without default is required. No default is
written: what users leave out stays out.
"""

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from perennial_operator.api import documents
from perennial_operator.api.schema import pods

Schema = dict[str, Any]

_TEXT_LIMIT = 4096
_MAP_LIMIT = 100
_SIZED = frozenset({"maxLength", "enum", "format"})
_SCALARS: Mapping[type, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer", "format": "int64"},
    bool: {"type": "boolean"},
}


def schema_of(kind: type) -> Schema:
    """Return the structural schema of a dataclass type."""
    hints = typing.get_type_hints(kind)
    schema: Schema = {
        "type": "object",
        "properties": {
            documents.camel(each.name): _property(each, hints[each.name]) for each in fields(kind)
        },
    }
    if required := [documents.camel(each.name) for each in fields(kind) if is_required(each)]:
        schema["required"] = required
    return pods.with_rules(schema, getattr(kind, "RULES", ()))


def is_required(item: "Field[Any]") -> bool:
    """Whether a document must hold this field: it has no default."""
    return item.default is MISSING and item.default_factory is MISSING


def bare_type(hint: Any) -> Any:  # noqa: ANN401  # an annotation at run time
    """Return `X` for `X | None`, else the annotation itself."""
    if typing.get_origin(hint) is types.UnionType:
        return next(each for each in typing.get_args(hint) if each is not type(None))
    return hint


def _property(item: "Field[Any]", hint: Any) -> Schema:  # noqa: ANN401  # as above
    metadata = item.metadata
    schema: Schema = {"description": metadata["doc"]}
    raw: Schema | None = metadata["raw"]
    if raw is not None:
        return schema | raw
    schema |= _typed(bare_type(hint), metadata["list_type"]) | metadata["rules"]
    return pods.with_rules(_bounded(schema), metadata["cel"])


def _typed(hint: Any, list_type: str) -> Schema:  # noqa: ANN401  # an annotation at run time
    if is_dataclass(hint) and isinstance(hint, type):
        return schema_of(hint)
    if hint in _SCALARS:
        return dict(_SCALARS[hint])
    item, *rest = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return _list(_bounded(_typed(item, "atomic")), list_type)
    return {"type": "object", "additionalProperties": _bounded(_typed(rest[0], "atomic"))}


def _list(items: Schema, list_type: str) -> Schema:
    kind, _, key = list_type.partition(":")
    schema: Schema = {"type": "array", "items": items, "x-kubernetes-list-type": kind}
    if key:
        schema["x-kubernetes-list-map-keys"] = [key]
    return schema


def _bounded(schema: Schema) -> Schema:
    """Return the schema with a size for a text or map that declares none."""
    if schema["type"] == "string" and not _SIZED & schema.keys():
        return schema | {"maxLength": _TEXT_LIMIT}
    if "additionalProperties" in schema and "maxProperties" not in schema:
        return schema | {"maxProperties": _MAP_LIMIT}
    return schema
