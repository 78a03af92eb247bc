"""The process starts only with good settings and known kinds."""

import json
import logging
from pathlib import Path

import pytest

from perennial_operator.cluster.answers import Gone
from perennial_operator.errors import Unavailable
from perennial_operator.handlers import host
from perennial_operator.settings import Settings, SettingsError
from perennial_operator.testing import ScriptedCluster


def test_a_pod_uses_its_service_account(tmp_path: Path) -> None:
    """Where Kubernetes says that the server is."""
    settings = Settings(kubernetes_host="10.0.0.1", service_account_dir=str(tmp_path))
    assert host.find_credentials(settings).server == "https://10.0.0.1:443"


def test_a_developer_uses_a_kubeconfig(tmp_path: Path) -> None:
    """Only outside of a Pod."""
    path = tmp_path / "config"
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: x,"
        ' clusters: [{name: x, cluster: {server: "https://there"}}],'
        " users: [{name: x, user: {token: t}}],"
        " contexts: [{name: x, context: {cluster: x, user: x}}]}"
    )
    assert host.find_credentials(Settings(kubeconfig=str(path))).server == "https://there"


def test_without_credentials_the_settings_are_wrong() -> None:
    """The message says what to set."""
    with pytest.raises(SettingsError, match="KUBECONFIG"):
        host.find_credentials(Settings())


@pytest.mark.parametrize("environment", [{}, {"PERENNIAL_WORKERS": "none"}])
def test_wrong_settings_end_the_process(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code that says so, and the cause in the log."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        assert host.main(environment) == 78
    finally:
        root.handlers, root.level = before
    line = json.loads(capsys.readouterr().err)
    assert line["message"] == "the settings are wrong"
    assert line["detail"]


def test_a_missing_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is away is waited for; one that does not know us is not."""
    monkeypatch.setattr(host, "PATIENCE_SECONDS", 0.0)
    cluster = ScriptedCluster()
    assert host.missing_kind(cluster) == ""
    cluster.fail("list", Unavailable("away"), Gone("404"))
    assert host.missing_kind(cluster) == "modeldeployments"
