"""A small HTTPS server for the requests that the API server passes on to a node.

HTTP/1.1, one request a connection, only GET: the API server is its only client.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from perennial_sandbox.node.kubelet_api import container_logs

_HEAD_SECONDS = 10
# The path of a log: this word, namespace, Pod and container.
_LOGS = "containerLogs"
_LOG_PARTS = 4


@dataclass(frozen=True, slots=True)
class LogFile:
    """The log of one run, and whether that run still goes on."""

    path: Path
    is_running: Callable[[], bool]


class LogFinder(Protocol):
    """Who knows where logs are."""

    def find_log(self, names: tuple[str, str, str], *, previous: bool) -> LogFile | None:
        """Return the log of a container given by namespace, pod and name."""


class KubeletServer:
    """Answers requests for logs."""

    def __init__(self, logs: LogFinder) -> None:
        """Serve what the finder finds."""
        self._logs = logs
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int, *, context: ssl.SSLContext) -> int:
        """Begin to accept connections; port 0 means any. Return the port."""
        self._server = await asyncio.start_server(self._answer, host, port, ssl=context)
        return int(self._server.sockets[0].getsockname()[1])

    async def serve_forever(self) -> None:
        """Answer until canceled."""
        if self._server is not None:
            async with self._server:
                await self._server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            await self._route(head.split(b"\r\n", 1)[0].decode("latin-1"), writer)
        except (TimeoutError, OSError, EOFError, asyncio.LimitOverrunError):
            return  # the client left or does not speak HTTP
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def _route(self, request_line: str, writer: asyncio.StreamWriter) -> None:
        method, _, rest = request_line.partition(" ")
        target = urlsplit(rest.rpartition(" ")[0])
        parts = [unquote(part) for part in target.path.strip("/").split("/")]
        if method == "GET" and parts == ["healthz"]:
            await _send_text(writer, "200 OK", "ok")
        elif method == "GET" and len(parts) == _LOG_PARTS and parts[0] == _LOGS:
            await self._send_log(writer, (parts[1], parts[2], parts[3]), target.query)
        else:
            await _send_text(writer, "404 Not Found", "the process node serves logs only")

    async def _send_log(
        self, writer: asyncio.StreamWriter, names: tuple[str, str, str], query_string: str
    ) -> None:
        try:
            query = container_logs.parsed(dict(parse_qsl(query_string)))
        except container_logs.LogQueryError as error:
            await _send_text(writer, "400 Bad Request", str(error))
            return
        found = self._logs.find_log(names, previous=query.previous)
        if found is None or not found.path.exists():
            which = "an earlier run of " if query.previous else ""
            message = f'{which}container "{names[2]}" in pod "{names[1]}" has no log'
            await _send_text(writer, "400 Bad Request", message)
            return
        blocks = container_logs.content(found.path, query, is_running=found.is_running)
        await _send_blocks(writer, blocks)


async def _send_text(writer: asyncio.StreamWriter, status: str, text: str) -> None:
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
    await writer.drain()


async def _send_blocks(writer: asyncio.StreamWriter, blocks: AsyncIterator[bytes]) -> None:
    """Send an answer whose length is not known, so that each block arrives at once."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked"
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    async for block in blocks:
        writer.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()
