"""What the files of a configMap, secret, projected or downwardAPI volume hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from perennial_sandbox.node.pods.facts import (
    CONFIG_MAP,
    SECRET,
    Facts,
    Source,
    field_value,
    resource_value,
)
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.pods.plan import PodPlan

WRITTEN_KINDS = ("configMap", "secret", "projected", "downwardAPI")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume."""

    content: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Content:
    """All files of a volume by path, and what is missing for them."""

    files: Mapping[str, File] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A service account token that a volume asks for."""

    path: str
    audience: str = ""
    lifetime_seconds: int = 3600


def sources_of(volume: Json) -> frozenset[Source]:
    """Return the ConfigMaps and Secrets that a volume reads."""
    return frozenset(
        source for kind, part in _parts(volume) if (source := _source(kind, part)) is not None
    )


def tokens_of(volume: Json) -> tuple[Token, ...]:
    """Return the tokens that a volume asks for."""
    return tuple(
        Token(part["path"], part.get("audience", ""), part.get("expirationSeconds", 3600))
        for kind, part in _parts(volume)
        if kind == "serviceAccountToken"
    )


def content_of(
    volume: Json, facts: Facts, plan: PodPlan, *, tokens: Mapping[Token, str]
) -> Content:
    """Return the files of a volume; later sources replace the files of earlier ones."""
    mode = next((volume[kind].get("defaultMode") for kind in WRITTEN_KINDS if kind in volume), None)
    files: dict[str, File] = {}
    problems: list[str] = []
    for kind, part in _parts(volume):
        if kind == "serviceAccountToken":
            token = tokens[tokens_of({"projected": {"sources": [{kind: part}]}})[0]]
            files[part["path"]] = File(token.encode(), mode or 0o600)
            continue
        if kind == "downwardAPI":
            content = _downward(part, facts, plan)
        else:
            content = _entries(kind, part, facts)
        problems += content.problems
        files |= {
            path: File(one.content, one.mode or mode or 0o644)
            for path, one in content.files.items()
        }
    return Content(files, tuple(problems))


def _parts(volume: Json) -> Iterable[tuple[str, Json]]:
    """Yield each source of a volume with its kind; a plain volume is its own only source."""
    if "projected" in volume:
        for source in volume["projected"].get("sources", ()):
            yield from source.items()
        return
    for kind in WRITTEN_KINDS:
        if kind in volume:
            yield kind, volume[kind]


def _source(kind: str, part: Json) -> Source | None:
    if kind == "configMap":
        return Source(CONFIG_MAP, part["name"])
    if kind == "secret":
        return Source(SECRET, part.get("secretName") or part["name"])
    return None


def _entries(kind: str, part: Json, facts: Facts) -> Content:
    source = _source(kind, part)
    if source is None:
        return Content(problems=(f"a volume cannot be made from {kind} here",))
    optional = part.get("optional", False)
    entries = facts.entries(source)
    if entries is None:
        missing = () if optional else (f'{source.kind} "{source.name}" not found',)
        return Content(problems=missing)
    items = part.get("items") or [{"key": key, "path": key} for key in sorted(entries)]
    absent = [one["key"] for one in items if one["key"] not in entries and not optional]
    return Content(
        {
            one["path"]: File(entries[one["key"]], one.get("mode") or 0)
            for one in items
            if one["key"] in entries
        },
        tuple(f'{source.kind} "{source.name}" has no key "{key}"' for key in absent),
    )


def _downward(part: Json, facts: Facts, plan: PodPlan) -> Content:
    files: dict[str, File] = {}
    problems: list[str] = []
    for one in part.get("items", ()):
        value = _downward_value(one, facts, plan)
        if value is None:
            problems.append(f"{one['path']}: this reference has no value here")
        else:
            files[one["path"]] = File(value.encode(), one.get("mode") or 0)
    return Content(files, tuple(problems))


def _downward_value(one: Json, facts: Facts, plan: PodPlan) -> str | None:
    if "fieldRef" in one:
        return field_value(facts, one["fieldRef"]["fieldPath"])
    reference = one["resourceFieldRef"]
    named = [each for each in plan.containers if each.name == reference["containerName"]]
    return resource_value(facts, named[0], reference) if named else None
