"""Two uvicorn servers on one uvloop: the data port and the admin port, signals left to the process.

uvicorn, httptools and uvloop are named explicitly, so nothing can fall back to something slower.
"""

import contextlib
import socket
from collections.abc import Generator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from perennial_serving.contract.results import Reason
from perennial_serving.settings import Settings
from perennial_serving.web import problems
from perennial_serving.web.exchange import Asgi

_BACKLOG = 2048


class Protocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with our error body in place of its plain text."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text stays inside
        """Refuse what the parser cannot read, and close."""
        body = problems.body(Reason.FRAMING_INVALID, "the request is not valid HTTP/1.1")
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        )
        self.transport.write(head + body)
        self.transport.close()


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none: the process drains first."""
        yield


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
