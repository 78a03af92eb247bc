"""Fixtures of all tests: the sandbox, and an S3 server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

pytest_plugins = ["perennial_sandbox.pytest_plugin"]

MOTO = "moto[server]==5.2.5"
START_SECONDS = 60


_AUTHORIZATION = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"
}


@dataclass(frozen=True)
class ObjectStore:
    """A running S3 server; its keys may be anything."""

    endpoint: str

    @property
    def host(self) -> str:
        """Return host and port, as an allow-list names them."""
        return self.endpoint.removeprefix("http://")

    def credentials(self) -> dict[str, str]:
        """Return the keys of a Secret that opens the store."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object; the server checks no signature."""
        url = f"{self.endpoint}/{bucket}/{key}"
        httpx.put(url, content=content, headers=_AUTHORIZATION).raise_for_status()

    def make_bucket(self, name: str) -> None:
        """Create a bucket."""
        httpx.put(f"{self.endpoint}/{name}").raise_for_status()


def moto_python() -> Path:
    """Return the Python of an environment that holds moto, which cannot share ours (botocore)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "perennial" / MOTO.replace("[server]==", "-")
    python = folder / "bin" / "python"
    if not (folder / ".complete").exists():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True
        )
        install = [uv, "pip", "install", "--quiet", "--python", str(python), MOTO]
        subprocess.run(install, check=True)
        (folder / ".complete").touch()
    return python


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """Yield a real HTTP server that speaks S3."""
    port = _free_port()
    command = [moto_python(), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        store = ObjectStore(f"http://127.0.0.1:{port}")
        _await_answer(store.endpoint)
        try:
            yield store
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    message = f"the S3 server did not answer within {START_SECONDS} s"
    raise RuntimeError(message)
