"""Reads from a kubeconfig how to reach the API server and as whom."""

import base64
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from perennial_sandbox.node.pods.objects import Json


@dataclass(frozen=True, slots=True)
class Access:
    """The API server's address, how to trust it, and the caller's token."""

    server: str
    tls: ssl.SSLContext | bool
    token: str | None = None


def read(path: Path) -> Access:
    """Return the access that the current context describes."""
    config = yaml.safe_load(path.read_text())
    context = _named(config, "contexts", config["current-context"])["context"]
    cluster = _named(config, "clusters", context["cluster"])["cluster"]
    user = _named(config, "users", context["user"])["user"]
    return Access(cluster["server"], _tls(cluster, user), user.get("token"))


def _named(config: Json, group: str, name: str) -> Json:
    found: Json = next(one for one in config[group] if one["name"] == name)
    return found


def _tls(cluster: Json, user: Json) -> ssl.SSLContext | bool:
    if cluster["server"].startswith("http://"):
        return False
    context = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"),
        cadata=_decoded(cluster.get("certificate-authority-data")),
    )
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    elif "client-certificate-data" in user:
        _load_inline(context, user)
    return context


def _load_inline(context: ssl.SSLContext, user: Json) -> None:
    """Load a certificate given as text; the ssl module reads only files."""
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        parts = (user["client-certificate-data"], user["client-key-data"])
        pair.write_bytes(b"\n".join(base64.b64decode(part) for part in parts))
        context.load_cert_chain(pair)


def _decoded(data: str | None) -> str | None:
    return None if data is None else base64.b64decode(data).decode()
