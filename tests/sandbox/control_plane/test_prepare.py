"""Tests of the files of a new sandbox."""

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from perennial_sandbox.control_plane import prepare, record, users
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.record import Record

_NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Return an empty folder of a sandbox, with claims of its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "state").mkdir()
    return Layout(tmp_path / "state")


def _described(layout: Layout) -> Record:
    description = prepare.describe(layout, programs=Path("/programs"), with_node=True)
    prepare.write_files(layout, description, now=_NOW)
    return description


def test_a_description_is_kept_with_the_sandbox(layout: Layout) -> None:
    """What was chosen once is what the supervisor reads."""
    description = _described(layout)
    assert record.read(layout) == description


def test_a_sandbox_that_is_started_again_keeps_address_ports_and_tokens(layout: Layout) -> None:
    """What people copied out of the kubeconfig stays right."""
    before = (_described(layout), layout.tokens.read_text())
    account_key = layout.key("service-accounts").read_text()
    assert (_described(layout), layout.tokens.read_text()) == before
    assert layout.key("service-accounts").read_text() == account_key


def test_keys_tokens_and_access_are_private(layout: Layout) -> None:
    """No other user of the host reads a single file."""
    _described(layout)
    files = [path for path in layout.directory.rglob("*") if path.is_file()]
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
    assert {folder.stat().st_mode & 0o077 for folder in layout.directory.iterdir()} == {0}


def test_the_contexts_of_people_have_the_tokens_the_server_knows(layout: Layout) -> None:
    """Both files come from the same values."""
    _described(layout)
    config = yaml.safe_load(layout.kubeconfig.read_text())
    contexts = {one["name"]: one["user"]["token"] for one in config["users"]}
    assert contexts == users.read_tokens(layout.tokens.read_text())
    assert len(set(contexts.values())) == 3


def test_the_controller_manager_is_who_kubernetes_expects(layout: Layout) -> None:
    """Its rights come from the role that Kubernetes binds to this user."""
    _described(layout)
    content = layout.certificate("kube-controller-manager").read_bytes()
    subject = x509.load_pem_x509_certificate(content).subject
    assert subject.rfc4514_string() == "CN=system:kube-controller-manager"


def test_the_authoritys_key_is_nowhere(layout: Layout) -> None:
    """Nobody can issue another certificate later."""
    _described(layout)
    assert layout.certificate("ca").exists()
    assert not layout.key("ca").exists()


def test_the_node_is_told_all_it_needs(layout: Layout) -> None:
    """Its settings name existing files, its addresses and the commands of images."""
    description = _described(layout)
    images = {"example.com/any": ("python", "-m", "any")}
    news = [prepare.write_node_settings(layout, description, images) for _ in range(2)]
    settings = json.loads(layout.node_settings.read_text())
    assert news == [True, False]
    assert Path(settings.pop("kubeconfig")).exists()
    assert Path(settings.pop("kubeletClientCa")).exists()
    assert settings == {
        "nodeName": "sandbox",
        "directory": str(layout.node),
        "addressPrefix": description.address_prefix,
        "images": {"example.com/any": ["python", "-m", "any"]},
        "servicesFile": str(layout.services),
        "kubeletPort": description.ports.kubelet,
    }
