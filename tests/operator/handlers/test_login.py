"""There is one way to log in."""

from pathlib import Path
from typing import Any

import kopf

from perennial_operator.cluster.credentials import Credentials
from perennial_operator.handlers import login


def logged_in(credentials: Credentials) -> kopf.ConnectionInfo:
    """Return what kopf would be told."""
    registry = kopf.OperatorRegistry()
    login.register(registry, credentials)
    (handler,) = registry._activities.get_all_handlers()  # noqa: SLF001  # kopf has no public way
    log_in: Any = handler.fn
    found = log_in()
    assert isinstance(found, kopf.ConnectionInfo)
    return found


def test_the_token_is_read_at_each_login(tmp_path: Path) -> None:
    """Kubernetes renews the file."""
    path = tmp_path / "token"
    credentials = Credentials("https://api", ca_file="ca", token_file=str(path))
    for token in ("old", "new"):
        path.write_text(token)
        found = logged_in(credentials)
        assert (found.server, found.ca_path, found.scheme, found.token) == (
            "https://api",
            "ca",
            "Bearer",
            token,
        )


def test_certificates_work_as_well() -> None:
    """As a kubeconfig may have them."""
    found = logged_in(Credentials("https://api", certificate_file="c", key_file="k"))
    assert (found.certificate_path, found.private_key_path, found.token) == ("c", "k", None)
