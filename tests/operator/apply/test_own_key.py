"""The operator's key is made once and never read from the API."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from perennial_operator.apply import own_key
from perennial_operator.cluster.answers import Exists
from perennial_operator.errors import Unavailable
from perennial_operator.testing import ScriptedCluster


def test_the_file_is_the_key(tmp_path: Path) -> None:
    """Nothing is asked of the cluster."""
    path = tmp_path / "key"
    path.write_bytes(b"secret")
    cluster = ScriptedCluster()
    assert own_key.load(cluster, path, namespace="a") == b"secret"
    assert cluster.calls == []


def test_without_a_file_the_secret_is_created(tmp_path: Path) -> None:
    """Random bytes, used at once."""
    cluster = ScriptedCluster()
    key = own_key.load(cluster, tmp_path / "key", namespace="a")
    (sent,) = cluster.sent
    assert base64.b64decode(sent["data"]["key"]) == key
    assert len(key) == 32
    assert sent["metadata"]["name"] == "perennial-operator-key"
    assert own_key.load(ScriptedCluster(), tmp_path / "key", namespace="a") != key


class Late(ScriptedCluster):
    """The Secret exists; its file appears only then."""

    def __init__(self, path: Path) -> None:
        """Know the file."""
        super().__init__()
        self._path = path

    def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse, and let the file appear."""
        del document
        self._path.write_bytes(b"theirs")
        message = "taken"
        raise Exists(message)


def test_an_existing_secret_is_awaited_as_a_file(tmp_path: Path) -> None:
    """Another replica was faster."""
    path = tmp_path / "key"
    assert own_key.load(Late(path), path, namespace="a", wait_seconds=5) == b"theirs"


def test_a_secret_that_never_appears_is_told(tmp_path: Path) -> None:
    """The message says what to do."""
    cluster = ScriptedCluster()
    cluster.fail("create", Exists("taken"))
    with pytest.raises(Unavailable, match="mount it, or delete it"):
        own_key.load(cluster, tmp_path / "key", namespace="a", wait_seconds=0)


def test_tokens_differ_by_deployment_and_key() -> None:
    """They are derived, so nobody has to store them."""
    made = {own_key.router_token(k, uid) for k in (b"a", b"b") for uid in ("1", "2")}
    assert len(made) == 4
    assert own_key.router_token(b"a", "1") == own_key.router_token(b"a", "1")
