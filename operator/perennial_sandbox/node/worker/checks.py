"""One check of a container: an HTTP request, a TCP connection, or a command."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.processes import commands
from perennial_sandbox.node.processes.commands import Outcome
from perennial_sandbox.node.processes.records import Launch

_SUCCESS = range(200, 400)
_LINE_BYTES = 4096
_BODY_BYTES = 512


@dataclass(frozen=True, slots=True)
class Target:
    """The container that checks are about."""

    address: str
    launch: Launch
    ports: Mapping[str, int] = field(default_factory=dict)

    def port(self, port: int | str) -> int | None:
        """Return the number of a port given by number or name."""
        return self.ports.get(port) if isinstance(port, str) else port


async def outcome(check: Json, target: Target, *, timeout_seconds: float) -> Outcome:
    """Make one check; every failure, also to make it, is an outcome."""
    if "exec" in check:
        words = check["exec"].get("command", ())
        return await commands.run(words, target.launch, timeout_seconds=timeout_seconds)
    try:
        async with asyncio.timeout(timeout_seconds):
            if "httpGet" in check:
                return await _http_get(check["httpGet"], target)
            if "tcpSocket" in check:
                return await _tcp_socket(check["tcpSocket"], target)
    except TimeoutError:
        return Outcome(passed=False, message=f"no answer within {timeout_seconds:g}s")
    except (OSError, ValueError) as error:
        return Outcome(passed=False, message=str(error))
    return Outcome(passed=False, message="the process node knows exec, httpGet and tcpSocket only")


async def _tcp_socket(action: Json, target: Target) -> Outcome:
    port = target.port(action["port"])
    if port is None:
        return Outcome(passed=False, message=f"the container has no port {action['port']}")
    _, writer = await asyncio.open_connection(action.get("host") or target.address, port)
    writer.close()
    return Outcome(passed=True)


async def _http_get(action: Json, target: Target) -> Outcome:
    port = target.port(action["port"])
    if port is None:
        return Outcome(passed=False, message=f"the container has no port {action['port']}")
    host = action.get("host") or target.address
    context = _unverified() if action.get("scheme") == "HTTPS" else None
    reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=_LINE_BYTES)
    try:
        writer.write(_request(action, f"{host}:{port}"))
        return await _answer(reader)
    finally:
        # A graceful close of TLS would wait for the other side; nothing more is to be said.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _request(action: Json, authority: str) -> bytes:
    headers = {"Host": authority, "User-Agent": "kube-probe/perennial", "Accept": "*/*"}
    headers |= {one["name"]: one["value"] for one in action.get("httpHeaders", ())}
    lines = [f"GET {action.get('path') or '/'} HTTP/1.1", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _answer(reader: asyncio.StreamReader) -> Outcome:
    status_line = (await reader.readline()).decode("latin-1").split()
    if len(status_line) < 2 or not status_line[1].isdecimal():  # noqa: PLR2004  # version, code
        return Outcome(passed=False, message="the answer is not HTTP")
    code = int(status_line[1])
    if code in _SUCCESS:
        return Outcome(passed=True)
    while (await reader.readline()).strip():
        pass
    body = (await reader.read(_BODY_BYTES)).decode(errors="replace").strip()
    return Outcome(
        passed=False, message=f"HTTP probe failed with statuscode: {code} {body}".strip()
    )


def _unverified() -> ssl.SSLContext:
    """Return a context that trusts anybody, as the kubelet's probes do."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
