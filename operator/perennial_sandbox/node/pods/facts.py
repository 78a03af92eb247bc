"""What a Pod may ask about itself and about the objects that it names, given as values."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from perennial_sandbox.node.pods import quantities
from perennial_sandbox.node.pods.objects import Json, at
from perennial_sandbox.node.pods.plan import Container

CONFIG_MAP = "ConfigMap"
SECRET = "Secret"  # noqa: S105  # the name of a kind

_KEYED = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_PLAIN = {
    "metadata.name": ("metadata", "name"),
    "metadata.namespace": ("metadata", "namespace"),
    "metadata.uid": ("metadata", "uid"),
    "spec.nodeName": ("spec", "nodeName"),
    "spec.serviceAccountName": ("spec", "serviceAccountName"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """A ConfigMap or Secret of the Pod's namespace."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A Pod with its addresses, the node's capacity, and the objects that were found."""

    pod: Json
    pod_ip: str = ""
    host_ip: str = ""
    capacity: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[Source, Json] = field(default_factory=dict)

    def entries(self, source: Source) -> dict[str, bytes] | None:
        """Return all keys of a source with their bytes, None if the source does not exist."""
        found = self.objects.get(source)
        if found is None:
            return None
        texts = found.get("data") or {}
        if source.kind == SECRET:
            return {key: base64.b64decode(value) for key, value in texts.items()}
        binary = found.get("binaryData") or {}
        decoded = {key: base64.b64decode(value) for key, value in binary.items()}
        return decoded | {key: value.encode() for key, value in texts.items()}


def field_value(facts: Facts, path: str) -> str | None:
    """Return what a fieldRef's path stands for, None if the path is unknown."""
    if keyed := _KEYED.fullmatch(path):
        return str(at(facts.pod, "metadata", keyed[1], keyed[2]) or "")
    if path in {"metadata.labels", "metadata.annotations"}:
        pairs = at(facts.pod, *path.split(".")) or {}
        return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted(pairs.items()))
    if path in {"status.podIP", "status.podIPs"}:
        return facts.pod_ip
    if path in {"status.hostIP", "status.hostIPs"}:
        return facts.host_ip
    return str(at(facts.pod, *_PLAIN[path]) or "") if path in _PLAIN else None


def resource_value(facts: Facts, container: Container, reference: Json) -> str | None:
    """Return what a resourceFieldRef stands for; without a limit the node's capacity counts."""
    group, _, resource = reference["resource"].partition(".")
    found = at(container.resources, group, resource)
    if found is None and group == "limits":
        found = facts.capacity.get(resource)
    if found is None:
        return "0" if group == "requests" else None
    return str(quantities.share(found, reference.get("divisor") or "1"))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
