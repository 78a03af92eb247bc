"""Reads of plain Kubernetes objects as the API server sends them.

Objects stay dictionaries here; the other modules turn the parts they need into typed values.
"""

from datetime import UTC, datetime
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


def at(holder: Json | None, *path: str) -> Any:  # noqa: ANN401  # a leaf of a JSON object is anything
    """Return what is below a path of keys, None if any part of the path is absent."""
    found: Any = holder
    for key in path:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found


def uid_of(thing: Json) -> str:
    """Return the uid of an object."""
    return str(thing["metadata"]["uid"])


def name_of(thing: Json) -> str:
    """Return the name of an object."""
    return str(thing["metadata"]["name"])


def namespace_of(thing: Json) -> str:
    """Return the namespace of an object, "" for a cluster-scoped one."""
    return str(thing["metadata"].get("namespace", ""))


def is_deleting(thing: Json) -> bool:
    """Tell whether somebody asked to delete the object."""
    return bool(thing["metadata"].get("deletionTimestamp"))


def is_finished(pod: Json) -> bool:
    """Tell whether the Pod's recorded phase is final."""
    return at(pod, "status", "phase") in {"Succeeded", "Failed"}


def timestamp(moment: datetime) -> str:
    """Write a moment as Kubernetes writes it, in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
