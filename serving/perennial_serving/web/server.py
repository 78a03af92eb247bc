"""Two uvicorn servers on one uvloop: the data port and the admin port, signals left to the process.

uvicorn, httptools and uvloop are named explicitly, so nothing can fall back to something slower.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Generator
from http import HTTPStatus
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from perennial_serving.contract.results import Reason
from perennial_serving.settings import Settings
from perennial_serving.web import problems
from perennial_serving.web.exchange import Asgi

_BACKLOG = 2048
URL_LIMIT_BYTES = 2 * 2**10
HEADER_LIMIT_BYTES = 8 * 2**10
HEADERS_LIMIT = 100
HEAD_LIMIT_BYTES = 16 * 2**10 + URL_LIMIT_BYTES
HEAD_TIMEOUT_SECONDS = 10.0
_NO_HTTP = "the request is not valid HTTP/1.1"
_HEAD_STATUS = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
_HEAD_TEXT = "the headers are too large or too many"
_UPGRADE_HEADERS = (b"upgrade", b"connection", b"http2-settings")


class Protocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with our errors, bounded heads, and bodies after `Upgrade`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # uvicorn's own
        """Start with an empty head; `head_since` is None while none is awaited."""
        super().__init__(*arguments, **options)
        self.head_since: float | None = None
        self._head_bytes = self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """Wait for the first head."""
        super().connection_made(transport)
        self.head_since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Parse; a head that grows too large or asks for an upgrade is dealt with here."""
        self._unset_keepalive_if_required()
        if self.head_since is not None:
            self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.refuse(HTTPStatus.BAD_REQUEST, Reason.FRAMING_INVALID, _NO_HTTP)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])
        if self.head_since is not None and self._head_bytes > HEAD_LIMIT_BYTES:
            self.refuse(_HEAD_STATUS, Reason.TOO_LARGE, _HEAD_TEXT)

    def on_message_begin(self) -> None:
        """Note when a head begins."""
        super().on_message_begin()
        self.head_since = self.head_since or time.monotonic()
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Bound the URL."""
        super().on_url(url)
        if len(self.url) > URL_LIMIT_BYTES:
            message = f"the URL has more than {URL_LIMIT_BYTES} bytes"
            self.refuse(HTTPStatus.REQUEST_URI_TOO_LONG, Reason.TOO_LARGE, message)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the number and the size of headers."""
        super().on_header(name, value)
        size = len(name) + len(value)
        self._header_bytes += size
        is_large = size > HEADER_LIMIT_BYTES or self._header_bytes > HEAD_LIMIT_BYTES
        if is_large or len(self.headers) > HEADERS_LIMIT:
            self.refuse(_HEAD_STATUS, Reason.TOO_LARGE, _HEAD_TEXT)

    def on_headers_complete(self) -> None:
        """Start the request, unless it was refused or its head must be read again."""
        self.head_since, self._head_bytes = None, 0
        if not self.transport.is_closing() and not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        if self.cycle is not None and not self.parser.should_upgrade():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        if self.cycle is not None and not self.parser.should_upgrade():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's text stays inside
        """Refuse in our form."""
        self.refuse(HTTPStatus.BAD_REQUEST, Reason.FRAMING_INVALID, _NO_HTTP)

    def refuse(self, status: HTTPStatus, reason: Reason, message: str) -> None:
        """Answer without the application, and close; an answer on its way is never overtaken."""
        if self.transport.is_closing():
            return
        if self._is_answering():
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if (
            self.cycle is not None
        ):  # its body went wrong: the application hears that the client left
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = problems.body(reason, message)
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        tail = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write((head + tail).encode() + body)
        self.transport.close()

    def _is_answering(self) -> bool:
        """Say whether an answer that belongs before this one is still to come."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return cycle.response_started or not cycle.more_body or bool(self.pipeline)

    def is_late(self, now: float) -> bool:
        """Say whether a head is awaited for too long."""
        return self.head_since is not None and now - self.head_since > HEAD_TIMEOUT_SECONDS

    def _decline(self, rest: bytes) -> None:
        """Serve a request that offers another protocol (h2c) as if it had not: parse it again.

        The parser takes what follows the head for the other protocol, and the body would be lost.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.refuse(HTTPStatus.BAD_REQUEST, Reason.FRAMING_INVALID, "this server is no proxy")
            return
        kept = [(name, value) for name, value in self.headers if name not in _UPGRADE_HEADERS]
        lines = [b"%b: %b\r\n" % header for header in kept]
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (method, self.url, b"".join(lines))
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none: the process drains first."""
        yield

    def sweep(self, now: float) -> None:
        """Close connections whose head does not come: one look at all of them, no timer each."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, Protocol) and connection.is_late(now):
                message = "the headers did not come in time"
                connection.refuse(HTTPStatus.REQUEST_TIMEOUT, Reason.TIMEOUT, message)


def server_of(app: Asgi, settings: Settings) -> Server:
    """Return a server for one port; its shutdown waits for requests that were let in."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=int(settings.request_timeout_seconds) + 1,
        backlog=_BACKLOG,
    )
    return Server(config)


def listener(host: str, port: int) -> socket.socket:
    """Return a bound socket; without a host it takes every address, of both families."""
    if host:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    if socket.has_dualstack_ipv6():
        family = socket.AF_INET6
        return socket.create_server(
            ("", port), family=family, backlog=_BACKLOG, dualstack_ipv6=True
        )
    return socket.create_server(("", port), backlog=_BACKLOG)
