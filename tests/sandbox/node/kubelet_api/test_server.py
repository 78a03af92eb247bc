"""Tests of the node's HTTPS server, on loopback."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from perennial_sandbox.node.kubelet_api import certificate
from perennial_sandbox.node.kubelet_api.server import KubeletServer, LogFile

HOST = "127.0.0.1"


@dataclass
class Logs:
    """Knows one container, and remembers what was asked for."""

    path: Path
    asked: list[tuple[tuple[str, str, str], bool]]

    def find_log(self, names: tuple[str, str, str], *, previous: bool) -> LogFile | None:
        """Return the container's log, none for an earlier run."""
        self.asked.append((names, previous))
        if names[2] != "main" or previous:
            return None
        return LogFile(self.path, is_running=lambda: False)


@dataclass
class Site:
    """A running server and a client that it trusts."""

    port: int
    trusted: ssl.SSLContext
    logs: Logs

    async def ask(self, request: str, context: ssl.SSLContext | None = None) -> str:
        """Send a request line and return the whole answer."""
        reader, writer = await asyncio.open_connection(HOST, self.port, ssl=context or self.trusted)
        writer.write(f"{request}\r\nHost: node\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return answer.decode()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Yield a running server."""
    client = tmp_path / "client.pem"
    certificate.write_certificate(client, "api-server")
    context = certificate.server_context(tmp_path / "own.pem", "node", client_ca=client)
    log = tmp_path / "log"
    log.write_text("one\ntwo\n")
    logs = Logs(log, [])
    server = KubeletServer(logs)
    port = await server.listen(HOST, 0, context=context)
    task = asyncio.create_task(server.serve_forever())
    trusted = untrusted()
    trusted.load_cert_chain(client)
    yield Site(port, trusted, logs)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def untrusted() -> ssl.SSLContext:
    """Return a client without certificate that believes any server."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_a_log_is_sent_in_chunks(site: Site) -> None:
    """Its length need not be known."""
    answer = await site.ask("GET /containerLogs/ns/pod/main?tailLines=1 HTTP/1.1")
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK")
    assert "Transfer-Encoding: chunked" in head
    assert body == "4\r\ntwo\n\r\n0\r\n\r\n"
    assert site.logs.asked == [(("ns", "pod", "main"), False)]


@pytest.mark.parametrize(
    ("request_line", "status", "text"),
    [
        ("GET /healthz HTTP/1.1", "200 OK", "ok"),
        ("GET /pods HTTP/1.1", "404 Not Found", "logs only"),
        ("POST /containerLogs/ns/pod/main HTTP/1.1", "404 Not Found", "logs only"),
        ("GET /run/ns/pod/main HTTP/1.1", "404 Not Found", "logs only"),
        ("GET /containerLogs/ns/pod/other HTTP/1.1", "400 Bad Request", "has no log"),
        (
            "GET /containerLogs/ns/pod/main?previous=true HTTP/1.1",
            "400 Bad Request",
            'an earlier run of container "main" in pod "pod" has no log',
        ),
        (
            "GET /containerLogs/ns/pod/main?timestamps=true HTTP/1.1",
            "400 Bad Request",
            "keeps no times",
        ),
    ],
)
async def test_other_requests_get_a_clear_answer(
    site: Site, request_line: str, status: str, *, text: str
) -> None:
    """People see it in kubectl."""
    answer = await site.ask(request_line)
    assert answer.startswith(f"HTTP/1.1 {status}")
    assert text in answer


async def test_a_removed_log_is_no_log(site: Site) -> None:
    """The run's folder may be gone."""
    site.logs.path.unlink()
    answer = await site.ask("GET /containerLogs/ns/pod/main HTTP/1.1")
    assert "has no log" in answer


async def test_names_may_be_quoted(site: Site) -> None:
    """A dot or a percent sign is still one name."""
    await site.ask("GET /containerLogs/ns/a%2Fb/main HTTP/1.1")
    assert site.logs.asked == [(("ns", "a/b", "main"), False)]


async def test_strangers_get_nothing(site: Site) -> None:
    """Without the API server's certificate there is no answer, only an end or an error."""
    answer = ""
    with contextlib.suppress(OSError):
        answer = await site.ask("GET /healthz HTTP/1.1", untrusted())
    assert (answer, "ok" in await site.ask("GET /healthz HTTP/1.1")) == ("", True)


async def test_a_client_that_leaves_early_harms_nobody(site: Site) -> None:
    """Also in the middle of its request."""
    _, writer = await asyncio.open_connection(HOST, site.port, ssl=site.trusted)
    writer.write(b"GET /heal")
    writer.transport.abort()
    assert "ok" in await site.ask("GET /healthz HTTP/1.1")
