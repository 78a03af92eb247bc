"""Writes all files that the parts of a new sandbox read."""

import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from pathlib import Path

from perennial_sandbox import network
from perennial_sandbox.control_plane import certificates, kubeconfig, parts, record, users
from perennial_sandbox.control_plane.certificates import Bundle, Subject
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.record import Ports, Record, put
from perennial_sandbox.network import Claim

_PARTS_WITH_ACCESS = {
    parts.CONTROLLER_MANAGER: Subject("system:kube-controller-manager"),
    parts.SCHEDULER: Subject("system:kube-scheduler"),
    parts.NODE: Subject("perennial-sandbox:node", "system:masters"),
}
_SUBJECTS = {
    "server": Subject("kube-apiserver"),
    "apiserver-client": Subject("perennial-sandbox:apiserver", "system:masters"),
    **_PARTS_WITH_ACCESS,
}
_PORT_COUNT = 4


def describe(layout: Layout, *, programs: Path, with_node: bool) -> Record:
    """Choose ports and addresses for a sandbox of which nothing runs; keep what it had if free."""
    before = record.read(layout)
    had = Claim(before.address_prefix, astuple(before.ports)) if before else None
    with network.claims() as claims:
        claim = claims.take(layout.directory, ports=_PORT_COUNT, wanted=had)
        description = Record(
            programs=programs,
            python=Path(sys.executable),
            address_prefix=claim.address_prefix,
            ports=Ports(*claim.ports),
            with_node=with_node,
        )
        record.write(layout, description)
    return description


def write_files(layout: Layout, description: Record, *, now: datetime) -> None:
    """Write folders, keys, tokens and kubeconfigs; an existing sandbox keeps its tokens."""
    for folder in (layout.logs, layout.running, layout.keys, layout.node):
        folder.mkdir(mode=0o700, exist_ok=True)
    bundle = certificates.issue(_SUBJECTS, now=now)
    _write_keys(layout, bundle)
    for part in _PARTS_WITH_ACCESS:
        pair = bundle.pairs[part]
        access = kubeconfig.for_part(description.server, bundle.authority, user=part, pair=pair)
        put(layout.access(part), access)
    if not layout.tokens.exists():
        put(layout.tokens, users.token_file(_fresh_tokens()))
    tokens = users.read_tokens(layout.tokens.read_text())
    put(layout.kubeconfig, kubeconfig.for_people(description.server, bundle.authority, tokens))


def write_node_settings(
    layout: Layout, description: Record, images: Mapping[str, Sequence[str]]
) -> bool:
    """Write what the process node is told; say whether that is news."""
    settings = {
        "kubeconfig": str(layout.access(parts.NODE)),
        "nodeName": parts.NODE_NAME,
        "directory": str(layout.node),
        "addressPrefix": description.address_prefix,
        "images": {image: list(words) for image, words in images.items()},
        "servicesFile": str(layout.services),
        "kubeletPort": description.ports.kubelet,
        "kubeletClientCa": str(layout.certificate("ca")),
    }
    return put(layout.node_settings, json.dumps(settings, indent=1))


def _write_keys(layout: Layout, bundle: Bundle) -> None:
    put(layout.certificate("ca"), bundle.authority.decode())
    pairs = dict(bundle.pairs)
    if not layout.key("service-accounts").exists():
        pairs["service-accounts"] = certificates.signing_key()
    for name, pair in pairs.items():
        put(layout.certificate(name), pair.certificate.decode())
        put(layout.key(name), pair.key.decode())


def _fresh_tokens() -> dict[str, str]:
    return {user.name: secrets.token_urlsafe(24) for user in users.USERS}
