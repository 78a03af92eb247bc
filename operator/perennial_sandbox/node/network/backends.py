"""Which addresses are behind a Service's ports; plain functions over objects."""

from collections.abc import Iterable
from dataclasses import dataclass

from perennial_sandbox.node.pods.objects import Json, at, is_deleting, namespace_of


@dataclass(frozen=True, slots=True, order=True)
class Backend:
    """Where a connection can go."""

    address: str
    port: int


def ports_of(service: Json) -> tuple[Json, ...]:
    """Return the TCP ports of a Service, none for one that selects no Pods."""
    spec = service["spec"]
    if not spec.get("selector") or spec.get("type") == "ExternalName":
        return ()
    return tuple(one for one in spec.get("ports", ()) if one.get("protocol", "TCP") == "TCP")


def backends_of(service: Json, port: Json, pods: Iterable[Json]) -> list[Backend]:
    """Return the ready backends of one port, in a stable order."""
    found = (
        _backend(pod, port) for pod in pods if _is_selected(service, pod) and _serves(service, pod)
    )
    return sorted(one for one in found if one is not None)


def _is_selected(service: Json, pod: Json) -> bool:
    labels = at(pod, "metadata", "labels") or {}
    selector = service["spec"]["selector"]
    return namespace_of(pod) == namespace_of(service) and all(
        labels.get(key) == value for key, value in selector.items()
    )


def _serves(service: Json, pod: Json) -> bool:
    if is_deleting(pod) or not at(pod, "status", "podIP"):
        return False
    if service["spec"].get("publishNotReadyAddresses"):
        return True
    conditions = at(pod, "status", "conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _backend(pod: Json, port: Json) -> Backend | None:
    wanted = port.get("targetPort") or port["port"]
    number = _named_port(pod, wanted) if isinstance(wanted, str) else wanted
    return None if number is None else Backend(pod["status"]["podIP"], number)


def _named_port(pod: Json, name: str) -> int | None:
    containers = (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
    for container in containers:
        for one in container.get("ports", ()):
            if one.get("name") == name:
                return int(one["containerPort"])
    return None
