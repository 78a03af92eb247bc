"""Tests of single checks, on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.processes.commands import Outcome
from perennial_sandbox.node.processes.records import Launch
from perennial_sandbox.node.worker import checks
from perennial_sandbox.node.worker.checks import Target

LAUNCH = Launch((), {"PATH": "/usr/bin:/bin"})


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[tuple[Target, list[bytes]]]:
    """Serve one answer to every request; None never answers. Yield the target and requests."""
    requests: list[bytes] = []
    idle = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            if answer is None:
                await idle.wait()
            writer.write(answer or b"")
            await writer.drain()
        except (EOFError, ConnectionError):
            return
        finally:
            writer.close()

    listener = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield Target("127.0.0.1", LAUNCH, {"web": port}), requests
    finally:
        idle.set()
        listener.close()
        await listener.wait_closed()


async def outcome(check: Json, target: Target, seconds: float = 5) -> Outcome:
    """Make a check."""
    return await checks.outcome(check, target, timeout_seconds=seconds)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", Outcome(passed=True)),
        (b"HTTP/1.0 302 Found\r\n\r\n", Outcome(passed=True)),
        (
            b"HTTP/1.1 503 No\r\nA: b\r\n\r\nnot yet",
            Outcome(passed=False, message="HTTP probe failed with statuscode: 503 not yet"),
        ),
        (
            b"HTTP/1.1 404 No\r\n\r\n",
            Outcome(passed=False, message="HTTP probe failed with statuscode: 404"),
        ),
        (b"SSH-2.0\r\n", Outcome(passed=False, message="the answer is not HTTP")),
        (b"", Outcome(passed=False, message="the answer is not HTTP")),
    ],
)
async def test_an_answer_below_400_passes(answer: bytes, expected: Outcome) -> None:
    """Others fail and say what came."""
    async with server(answer) as (target, _):
        assert await outcome({"httpGet": {"port": "web"}}, target) == expected


async def test_a_request_has_path_and_headers() -> None:
    """The probe's own headers replace ours."""
    headers = [{"name": "Host", "value": "model"}, {"name": "X-A", "value": "1"}]
    async with server(b"HTTP/1.1 200 OK\r\n\r\n") as (target, requests):
        action = {"port": "web", "path": "/v2/health", "httpHeaders": headers}
        await outcome({"httpGet": action}, target)
    lines = requests[0].decode().splitlines()
    assert lines[0] == "GET /v2/health HTTP/1.1"
    assert {"Host: model", "X-A: 1", "Connection: close"} <= set(lines)


async def test_silence_is_a_failure_after_the_timeout() -> None:
    """The container may hang."""
    async with server(None) as (target, _):
        found = await outcome({"httpGet": {"port": "web"}}, target, 0.05)
    assert found == Outcome(passed=False, message="no answer within 0.05s")


async def test_a_port_may_be_open_or_closed() -> None:
    """Ports are numbers or names."""
    async with server(b"") as (target, _):
        port = target.ports["web"]
        named = await outcome({"tcpSocket": {"port": "web"}}, target)
        numbered = await outcome({"tcpSocket": {"port": port, "host": "127.0.0.1"}}, target)
    closed = await outcome({"tcpSocket": {"port": port}}, target)
    assert (named.passed, numbered.passed, closed.passed) == (True, True, False)


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket"])
async def test_an_unknown_port_is_a_failure(kind: str) -> None:
    """The name may be misspelled."""
    found = await outcome({kind: {"port": "wob"}}, Target("127.0.0.1", LAUNCH))
    assert found == Outcome(passed=False, message="the container has no port wob")


async def test_a_server_without_tls_fails_a_probe_with_tls() -> None:
    """The failure is told."""
    async with server(b"HTTP/1.1 200 OK\r\n\r\n") as (target, _):
        found = await outcome({"httpGet": {"port": "web", "scheme": "HTTPS"}}, target, 1)
    assert not found.passed


async def test_a_command_runs_beside_the_container() -> None:
    """Its exit code decides."""
    target = Target("127.0.0.1", LAUNCH)
    good = await outcome({"exec": {"command": ["true"]}}, target)
    bad = await outcome({"exec": {"command": ["false"]}}, target)
    assert (good.passed, bad.passed) == (True, False)


async def test_an_unknown_kind_of_check_never_passes() -> None:
    """A Pod must not become ready because nobody looked."""
    found = await outcome({}, Target("127.0.0.1", LAUNCH))
    assert found == Outcome(
        passed=False, message="the process node knows exec, httpGet and tcpSocket only"
    )
