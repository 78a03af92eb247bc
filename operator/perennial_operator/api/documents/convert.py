"""Dataclasses to JSON documents and back: snake_case here, camelCase there.

Values of unknown keys are dropped (the API server has refused them), absent ones take the
field's default. Nothing is coerced: a document that the schema admits always loads.
"""

import types
import typing
from collections.abc import Hashable, Mapping
from dataclasses import Field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def camel(name: str) -> str:
    """Return `someField` for `some_field`; a trailing underscore (Python keywords) is dropped."""
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part.capitalize() for part in rest)


def load(kind: type[T], document: Mapping[str, Any]) -> T:
    """Build `kind` from a JSON document; TypeError if a field without default is absent."""
    hints = _hints(kind)  # type: ignore[arg-type]  # mypy: a type is not seen as hashable
    values = {
        item.name: _load(hints[item.name], document[camel(item.name)])
        for item in _fields(kind)  # type: ignore[arg-type]  # as above
        if document.get(camel(item.name)) is not None
    }
    return kind(**values)


def dump(value: Any) -> Any:  # noqa: ANN401  # JSON in, JSON out: the type is the caller's
    """Return the JSON document of a dataclass value: no nulls, no empty lists, maps or texts.

    What is empty is left out, so set-then-unset equals never set.
    """
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((item, dump(getattr(value, item.name))) for item in fields(value))
        return {camel(item.name): each for item, each in pairs if not _is_unset(each)}
    if isinstance(value, Mapping):
        return {key: dump(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [dump(each) for each in value]
    return value


def _is_unset(document: object) -> bool:
    return document is None or document in ("", [], {})


@cache
def _fields(kind: Hashable) -> "tuple[Field[Any], ...]":
    return fields(kind)  # type: ignore[arg-type]  # a dataclass type; hashable for the cache


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _load(hint: Any, value: Any) -> Any:  # noqa: ANN401  # follows the annotation at run time
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = next(each for each in arguments if each is not type(None))
        return _load(inner, value)
    if origin is tuple:
        return tuple(_load(arguments[0], each) for each in value)
    if origin is Mapping:
        return {key: _load(arguments[1], each) for key, each in value.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return load(hint, value)
    return value
