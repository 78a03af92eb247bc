"""The operator's own key: from it the tokens between its parts are derived, none is stored twice.

It comes from a file (an optional Secret volume). Where that is absent the Secret is created once
with random bytes; when another replica was faster, the file appears within seconds.
"""

import base64
import hashlib
import hmac
import secrets
import time
from pathlib import Path

from perennial_operator.api import names
from perennial_operator.cluster import kinds
from perennial_operator.cluster.answers import Exists
from perennial_operator.cluster.port import Cluster
from perennial_operator.errors import Unavailable

SECRET_NAME = "perennial-operator-key"  # noqa: S105  # the name of a Secret, not its content
FIELD = "key"
KEY_BYTES = 32
LOOK_AGAIN_SECONDS = 1.0


def load(cluster: Cluster, path: Path, *, namespace: str, wait_seconds: float = 120.0) -> bytes:
    """Return the key; `Unavailable` if the Secret exists and its file never appears."""
    if key := _read(path):
        return key
    fresh = secrets.token_bytes(KEY_BYTES)
    try:
        cluster.create(_secret(fresh, namespace))
    except Exists:
        return _await_file(path, wait_seconds)
    return fresh


def router_token(key: bytes, deployment_uid: str) -> str:
    """Return the token that the router of this Deployment demands."""
    return hmac.new(key, b"router" + deployment_uid.encode(), hashlib.sha256).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _await_file(path: Path, wait_seconds: float) -> bytes:
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        if key := _read(path):
            return key
        time.sleep(LOOK_AGAIN_SECONDS)
    message = f"Secret {SECRET_NAME} exists, but no file shows its key: mount it, or delete it"
    raise Unavailable(message)


def _secret(key: bytes, namespace: str) -> dict[str, object]:
    return {
        "apiVersion": kinds.SECRET.api_version,
        "kind": kinds.SECRET.kind,
        "metadata": {
            "name": SECRET_NAME,
            "namespace": namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY},
        },
        "type": "Opaque",
        "data": {FIELD: base64.b64encode(key).decode()},
    }
