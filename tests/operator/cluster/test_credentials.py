"""Credentials come from the Pod's files or from a kubeconfig."""

import base64
from pathlib import Path

import pytest

from perennial_operator.cluster import credentials
from perennial_operator.cluster.credentials import Credentials, Token


@pytest.mark.parametrize(("host", "shown"), [("10.0.0.1", "10.0.0.1"), ("fd00::1", "[fd00::1]")])
def test_a_pod_finds_its_service_account(tmp_path: Path, host: str, shown: str) -> None:
    """Server from the environment, certificate and token from the folder."""
    assert credentials.in_cluster(tmp_path, host=host, port="443") == Credentials(
        server=f"https://{shown}:443",
        ca_file=str(tmp_path / "ca.crt"),
        token_file=str(tmp_path / "token"),
    )


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters:
- {{name: c, cluster: {{server: "https://127.0.0.1:1", certificate-authority-data: {authority}}}}}
users:
- {{name: one, user: {{token: first}}}}
- {{name: two, user: {{token: second}}}}
contexts:
- {{name: one, context: {{cluster: c, user: one}}}}
- {{name: two, context: {{cluster: c, user: two}}}}
current-context: one
"""


@pytest.mark.parametrize(("context", "token"), [("", "first"), ("two", "second")])
def test_a_developer_uses_a_kubeconfig(tmp_path: Path, context: str, token: str) -> None:
    """The current context, or the one that is named."""
    path = tmp_path / "config"
    path.write_text(KUBECONFIG.format(authority=base64.b64encode(b"cert").decode()))
    found = credentials.from_kubeconfig(str(path), context=context)
    assert (found.server, found.token) == ("https://127.0.0.1:1", token)
    assert Path(found.ca_file).read_bytes() == b"cert"


def test_a_token_file_is_read_again_when_it_was_refused(tmp_path: Path) -> None:
    """Kubernetes renews the file; within a minute we keep what we have."""
    path = tmp_path / "token"
    path.write_text("old\n")
    token = Token(Credentials("", token_file=str(path)))
    assert token.value() == "old"
    path.write_text("new\n")
    assert token.value() == "old"
    assert token.forget()
    assert token.value() == "new"


def test_a_fixed_token_cannot_be_renewed() -> None:
    """A kubeconfig's token is what it is."""
    token = Token(Credentials("", token="fixed"))  # noqa: S106  # no secret
    assert (token.value(), token.forget()) == ("fixed", False)
