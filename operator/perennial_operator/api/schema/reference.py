"""Reference pages for people: every field of a kind, its rules and what it is for."""

import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args, get_type_hints

from perennial_operator.api import documents, names
from perennial_operator.api.schema import crds, structural

_HEAD = """\
# {kind}

<!-- Generated from the API definitions by .ci/generate: change it there. -->

{doc}

`apiVersion: {api_version}`, `kind: {kind}`{short}. Namespaced.
`metadata.name`: at most {limit} lower-case letters, digits and `-`, starting with a letter.
"""
_TABLE = "\n| Field | Type | Default | What it is |\n| --- | --- | --- | --- |\n"


def page(definition: crds.Definition) -> str:
    """Return the page of one kind as Markdown."""
    short = "".join(f", short name `{each}`" for each in definition.short_names)
    head = _HEAD.format(
        kind=definition.kind,
        doc=definition.doc,
        api_version=names.API_VERSION,
        short=short,
        limit=definition.name_limit,
    )
    return head + "".join(
        f"\n## {half}\n{_TABLE}{''.join(_rows(kind, ''))}{_rules(kind)}"
        for half, kind in (("spec", definition.spec), ("status", definition.status))
    )


def _rows(kind: type, prefix: str) -> Iterator[str]:
    hints = get_type_hints(kind)
    for item in fields(kind):
        bare = structural.bare_type(hints[item.name])
        path = f"{prefix}{documents.camel(item.name)}"
        yield f"| `{path}` | {_type_name(bare)} | {_default(item)} | {_doc(item)} |\n"
        nested, mark = _nested(bare)
        if nested is not None:
            yield from _rows(nested, f"{path}{mark}.")


def _nested(hint: Any) -> tuple[type | None, str]:  # noqa: ANN401  # an annotation at run time
    if is_dataclass(hint) and isinstance(hint, type):
        return hint, ""
    item = next(iter(get_args(hint)), None)
    if is_dataclass(item) and isinstance(item, type):
        return item, "[]"
    return None, ""


def _type_name(hint: Any) -> str:  # noqa: ANN401  # as above
    if hint in _NAMES:
        return _NAMES[hint]
    return "list" if getattr(hint, "__origin__", None) is tuple else "object"


_NAMES = {str: "text", int: "number", bool: "true or false"}


def _default(item: "Field[Any]") -> str:
    if structural.is_required(item):
        return "required"
    if item.default is MISSING or item.default in ("", None, ()) or is_dataclass(item.default):
        return ""
    shown = documents.dump(item.default)
    return (
        _list_default(shown)
        if isinstance(shown, list)
        else f"`{json.dumps(shown)}`".replace('"', "")
    )


def _list_default(shown: list[dict[str, Any]]) -> str:
    return ", ".join("`" + ", ".join(f"{k}: {v}" for k, v in each.items()) + "`" for each in shown)


def _doc(item: "Field[Any]") -> str:
    enum = item.metadata["rules"].get("enum")
    doc: str = item.metadata["doc"]
    return f"{doc} One of {', '.join(f'`{each}`' for each in enum)}." if enum else doc


def _rules(kind: type) -> str:
    messages = sorted(set(_messages(kind)))
    return (
        "\nRefused with these words:\n\n" + "".join(f"- {each}\n" for each in messages)
        if messages
        else ""
    )


def _messages(kind: type) -> Iterator[str]:
    hints = get_type_hints(kind)
    yield from (each.message for each in getattr(kind, "RULES", ()))
    for item in fields(kind):
        yield from (each.message for each in item.metadata["cel"])
        nested, _ = _nested(structural.bare_type(hints[item.name]))
        if nested is not None:
            yield from _messages(nested)
