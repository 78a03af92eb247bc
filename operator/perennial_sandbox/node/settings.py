"""The node's settings file: every value the supervisor hands over, typed and checked once."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perennial_sandbox.node.pods.lifecycle import BackOff


class SettingsError(ValueError):
    """The settings file cannot be used; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Where the node finds the API server, and what it may use on this host."""

    kubeconfig: Path
    node_name: str
    directory: Path
    address_prefix: str
    services_file: Path
    images: Mapping[str, tuple[str, ...]]
    kubelet_port: int = 0
    kubelet_client_ca: Path | None = None
    back_off: BackOff = field(default_factory=BackOff)


_PREFIX = re.compile(r"127\.(25[0-5]|2[0-4]\d|1?\d?\d)")
_TEXTS = ("kubeconfig", "nodeName", "directory", "addressPrefix", "servicesFile")


def read(path: Path) -> NodeSettings:
    """Read the settings file."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        message = f"cannot read the node's settings: {error}"
        raise SettingsError(message) from error
    problems = _problems(found)
    if problems:
        raise SettingsError("; ".join(problems))
    return _settings(found)


def _problems(found: Any) -> list[str]:  # noqa: ANN401  # not checked yet
    if not isinstance(found, dict):
        return ["the settings must be one JSON object"]
    problems = [
        f"set {name} to a text"
        for name in _TEXTS
        if not isinstance(found.get(name), str) or not found[name]
    ]
    if not _PREFIX.fullmatch(str(found.get("addressPrefix", ""))):
        problems.append("set addressPrefix to two numbers such as 127.17")
    if not isinstance(found.get("images", {}), dict):
        problems.append("set images to an object of image name to list of words")
    return problems


def _settings(found: Mapping[str, Any]) -> NodeSettings:
    client_ca = found.get("kubeletClientCa")
    return NodeSettings(
        kubeconfig=Path(found["kubeconfig"]),
        node_name=found["nodeName"],
        directory=Path(found["directory"]).absolute(),
        address_prefix=found["addressPrefix"],
        services_file=Path(found["servicesFile"]),
        images={name: tuple(words) for name, words in found.get("images", {}).items()},
        kubelet_port=int(found.get("kubeletPort", 0)),
        kubelet_client_ca=Path(client_ca) if client_ca else None,
        back_off=BackOff(base_seconds=float(found.get("backoffSeconds", 1))),
    )
