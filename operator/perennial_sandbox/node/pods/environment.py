"""The command line and the environment of a container, with container paths made local.

Values are expanded first and rewritten once at the end, so that no local folder is rewritten.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from perennial_sandbox.node.pods.facts import (
    CONFIG_MAP,
    SECRET,
    Facts,
    Source,
    field_value,
    resource_value,
)
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.pods.plan import Container, image_name

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
# A path starts where no character of a path or word precedes it, or right after file://, and
# ends at a slash or where no character of a file name follows: /data is not in /data-old.
_BEFORE = r"(?:(?<![\w./~-])|(?<=file://))"
_AFTER = r"(?=/|(?![\w.-]))"
_FROM = {"configMapRef": CONFIG_MAP, "secretRef": SECRET}
_KEY_FROM = {"configMapKeyRef": CONFIG_MAP, "secretKeyRef": SECRET}


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables that a container declares, and what prevents their computation."""

    variables: Mapping[str, str]
    problems: tuple[str, ...] = ()


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Replace $(NAME) by the variable's value; unknown names stay, $$ is one dollar sign.

    >>> expanded("$(A) $(B) $$(A)", {"A": "1"})
    '1 $(B) $(A)'
    """

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def rewritten(text: str, folders: Mapping[str, str]) -> str:
    """Replace every container path in the text by its local folder; the longest path wins.

    >>> rewritten("--in=/in/x,/out --url=s3://bucket/in", {"/in": "/a", "/out": "/b"})
    '--in=/a/x,/b --url=s3://bucket/in'
    """
    paths = sorted((path for path in folders if path != "/"), key=len, reverse=True)
    if not paths:
        return text
    pattern = f"{_BEFORE}({'|'.join(map(re.escape, paths))}){_AFTER}"
    # One pass: a local folder may itself contain something that looks like a container path.
    return re.sub(pattern, lambda match: folders[match[1]], text)


def sources_of(container: Container) -> frozenset[Source]:
    """Return the ConfigMaps and Secrets that the container's environment names."""
    groups = (
        Source(kind, one[key]["name"])
        for one in container.environment_from
        for key, kind in _FROM.items()
        if key in one
    )
    keys = (
        Source(kind, one["valueFrom"][key]["name"])
        for one in container.environment
        for key, kind in _KEY_FROM.items()
        if key in one.get("valueFrom", {})
    )
    return frozenset((*groups, *keys))


def environment_of(container: Container, facts: Facts) -> Environment:
    """Return the declared variables in container terms, or all that is missing for them."""
    variables: dict[str, str] = {}
    problems: list[str] = []
    for one in container.environment_from:
        found = _group(one, facts)
        if isinstance(found, str):
            problems.append(found)
        else:
            variables |= found
    for one in container.environment:
        name = one["name"]
        if "valueFrom" not in one:
            variables[name] = expanded(one.get("value", ""), variables)
            continue
        value, problem = _value(one["valueFrom"], container, facts)
        if problem:
            problems.append(f"variable {name}: {problem}")
        elif value is not None:
            variables[name] = value
    return Environment(variables, tuple(problems))


def argv_of(
    container: Container, variables: Mapping[str, str], images: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the image's own words and the user's, None if the image is unknown here.

    A container's command replaces the image's entrypoint; its args follow either.
    """
    words = tuple(expanded(word, variables) for word in (*container.command, *container.args))
    if container.command:
        return (), words
    entrypoint = images.get(image_name(container.image))
    return None if entrypoint is None else (tuple(entrypoint), words)


def _group(one: Json, facts: Facts) -> dict[str, str] | str:
    key, kind = next((key, kind) for key, kind in _FROM.items() if key in one)
    reference = one[key]
    entries = facts.entries(Source(kind, reference["name"]))
    if entries is None:
        return {} if reference.get("optional") else f'{kind} "{reference["name"]}" not found'
    prefix = one.get("prefix", "")
    return {prefix + name: _text(value) for name, value in entries.items()}


def _value(value_from: Json, container: Container, facts: Facts) -> tuple[str | None, str | None]:
    """Return a value and a problem; neither is an optional value that does not exist."""
    if "fieldRef" in value_from:
        path = value_from["fieldRef"]["fieldPath"]
        value = field_value(facts, path)
        return value, None if value is not None else f"{path} is not known here"
    if "resourceFieldRef" in value_from:
        reference = value_from["resourceFieldRef"]
        value = resource_value(facts, container, reference)
        return value, None if value is not None else f"{reference['resource']} has no value"
    return next(_keys(value_from, facts), (None, "this kind of valueFrom is not supported"))


def _keys(value_from: Json, facts: Facts) -> Iterator[tuple[str | None, str | None]]:
    for form, kind in _KEY_FROM.items():
        if form not in value_from:
            continue
        name, key = value_from[form]["name"], value_from[form]["key"]
        entries = facts.entries(Source(kind, name))
        if entries is not None and key in entries:
            yield _text(entries[key]), None
        elif value_from[form].get("optional"):
            yield None, None
        elif entries is None:
            yield None, f'{kind} "{name}" not found'
        else:
            yield None, f'{kind} "{name}" has no key "{key}"'


def _text(value: bytes) -> str:
    # A process cannot have a NUL in its environment; other bytes pass through unchanged.
    return value.decode(errors="surrogateescape").replace("\0", "")
