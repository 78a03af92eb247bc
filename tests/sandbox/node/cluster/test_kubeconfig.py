"""Tests of reading a kubeconfig."""

import base64
import json
import ssl
from pathlib import Path

import pytest

from perennial_sandbox.node.cluster import kubeconfig
from perennial_sandbox.node.kubelet_api import certificate


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Return a file with a key and its certificate."""
    ca = tmp_path / "ca.pem"
    certificate.write_certificate(ca, "ca")
    file = tmp_path / "pair.pem"
    certificate.write_certificate(file, "somebody")
    return file


def written(folder: Path, cluster: dict[str, object], user: dict[str, object]) -> Path:
    """Write a kubeconfig with one context."""
    file = folder / "kubeconfig"
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "other", "cluster": {}}, {"name": "k", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }
    file.write_text(json.dumps(config))
    return file


def test_a_token_and_an_authority_are_enough(tmp_path: Path, pair: Path) -> None:
    """The server is trusted by its authority only."""
    data = base64.b64encode(_certificate_of(pair)).decode()
    cluster = {"server": "https://h:1", "certificate-authority-data": data}
    access = kubeconfig.read(written(tmp_path, cluster, {"token": "t"}))
    assert isinstance(access.tls, ssl.SSLContext)
    assert (access.server, access.token, access.tls.verify_mode) == (
        "https://h:1",
        "t",
        ssl.CERT_REQUIRED,
    )


def test_verification_can_be_switched_off(tmp_path: Path) -> None:
    """As the kubeconfig says."""
    cluster = {"server": "https://h:1", "insecure-skip-tls-verify": True}
    access = kubeconfig.read(written(tmp_path, cluster, {}))
    assert isinstance(access.tls, ssl.SSLContext)
    assert (access.tls.verify_mode, access.tls.check_hostname) == (ssl.CERT_NONE, False)


def test_a_client_certificate_may_be_a_file_or_text(tmp_path: Path, pair: Path) -> None:
    """Both are loaded; a wrong one is an error here and not at the first request."""
    cluster = {"server": "https://h:1"}
    text = base64.b64encode(pair.read_bytes()).decode()
    users = [
        {"client-certificate": str(pair), "client-key": str(pair)},
        {"client-certificate-data": text, "client-key-data": text},
    ]
    found = [kubeconfig.read(written(tmp_path, cluster, user)).token for user in users]
    assert found == [None, None]
    broken = {"client-certificate-data": "eA==", "client-key-data": "eA=="}
    with pytest.raises(ssl.SSLError):
        kubeconfig.read(written(tmp_path, cluster, broken))


def test_plain_http_needs_no_trust(tmp_path: Path) -> None:
    """Only tests speak it."""
    access = kubeconfig.read(written(tmp_path, {"server": "http://h:1"}, {}))
    assert access.tls is False


def _certificate_of(pair: Path) -> bytes:
    text = pair.read_bytes()
    return text[text.index(b"-----BEGIN CERTIFICATE") :]
