"""Writes kubeconfigs: one for people with a context each, one for each part with its certificate.

They are JSON, which is YAML: every client reads them, and no value needs quoting rules.
"""

import base64
import json
from collections.abc import Mapping

from perennial_sandbox.control_plane.certificates import Pair

_CLUSTER = "perennial-sandbox"
Json = dict[str, object]


def for_people(server: str, authority: bytes, tokens: Mapping[str, str]) -> str:
    """Return a kubeconfig with one context a person; the first is the current one."""
    return _config(server, authority, {name: {"token": token} for name, token in tokens.items()})


def for_part(server: str, authority: bytes, *, user: str, pair: Pair) -> str:
    """Return a kubeconfig for one part, which proves itself by its certificate."""
    proof: Json = {
        "client-certificate-data": _encoded(pair.certificate),
        "client-key-data": _encoded(pair.key),
    }
    return _config(server, authority, {user: proof})


def _config(server: str, authority: bytes, users: Mapping[str, object]) -> str:
    cluster = {"server": server, "certificate-authority-data": _encoded(authority)}
    contexts = [
        {"name": name, "context": {"cluster": _CLUSTER, "user": name, "namespace": "default"}}
        for name in users
    ]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _CLUSTER, "cluster": cluster}],
        "users": [{"name": name, "user": proof} for name, proof in users.items()],
        "contexts": contexts,
        "current-context": next(iter(users)),
    }
    return json.dumps(config, indent=1) + "\n"


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
