"""How we prove to the API server who we are: files of the Pod, or a developer's kubeconfig."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from kubernetes import client, config

TOKEN_MAX_AGE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the server is and what to show it; empty is absent."""

    server: str
    ca_file: str = ""
    token_file: str = ""
    token: str = ""
    certificate_file: str = ""
    key_file: str = ""


def in_cluster(directory: Path, *, host: str, port: str) -> Credentials:
    """Return the credentials that a Pod finds in its service account folder."""
    shown = f"[{host}]" if ":" in host else host
    return Credentials(
        server=f"https://{shown}:{port}",
        ca_file=str(directory / "ca.crt"),
        token_file=str(directory / "token"),
    )


def from_kubeconfig(path: str, *, context: str = "") -> Credentials:
    """Return the credentials of a context ("" = the current one) of a kubeconfig file."""
    loaded = client.Configuration()
    config.load_kube_config(  # type: ignore[no-untyped-call]  # the official client is untyped
        path, context=context or None, client_configuration=loaded
    )
    header = str(loaded.api_key.get("BearerToken") or loaded.api_key.get("authorization") or "")
    return Credentials(
        server=str(loaded.host),
        ca_file=str(loaded.ssl_ca_cert or ""),
        token=header.removeprefix("Bearer "),
        certificate_file=str(loaded.cert_file or ""),
        key_file=str(loaded.key_file or ""),
    )


class Token:
    """The bearer token: a file is read again every minute, and after the server refused it."""

    def __init__(self, credentials: Credentials) -> None:
        """Read nothing yet."""
        self._fixed = credentials.token
        self._file = credentials.token_file
        self._lock = threading.Lock()
        self._value = ""
        self._read_at = float("-inf")

    def value(self) -> str:
        """Return the token, "" if the credentials have none."""
        if not self._file:
            return self._fixed
        with self._lock:
            if time.monotonic() - self._read_at >= TOKEN_MAX_AGE_SECONDS:
                self._value = Path(self._file).read_text(encoding="utf-8").strip()
                self._read_at = time.monotonic()
            return self._value

    def forget(self) -> bool:
        """Read the file again next time; return whether that can help."""
        with self._lock:
            self._read_at = float("-inf")
        return bool(self._file)
