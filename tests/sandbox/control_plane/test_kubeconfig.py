"""Tests of kubeconfigs."""

import base64
from typing import Any

import yaml

from perennial_sandbox.control_plane import kubeconfig
from perennial_sandbox.control_plane.certificates import Pair

_SERVER = "https://127.0.0.1:6443"


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_people_get_a_context_each_and_the_first_is_current() -> None:
    """A client reads it as YAML, and needs no file beside it."""
    config = _read(kubeconfig.for_people(_SERVER, b"CA", {"admin": "t1", "approver": "t2"}))
    assert config["current-context"] == "admin"
    assert [one["context"]["user"] for one in config["contexts"]] == ["admin", "approver"]
    assert config["users"][1] == {"name": "approver", "user": {"token": "t2"}}
    cluster = config["clusters"][0]["cluster"]
    assert cluster["server"] == _SERVER
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"CA"


def test_a_part_proves_itself_by_its_certificate() -> None:
    """It holds no token, and its one context is the current one."""
    config = _read(kubeconfig.for_part(_SERVER, b"CA", user="node", pair=Pair(b"crt", b"key")))
    user = config["users"][0]["user"]
    assert config["current-context"] == "node"
    assert {name: base64.b64decode(value) for name, value in user.items()} == {
        "client-certificate-data": b"crt",
        "client-key-data": b"key",
    }
