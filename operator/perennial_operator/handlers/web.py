"""`/metrics` and `/readyz`, in a thread that a busy event loop cannot hold up."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import exposition

REQUEST_SECONDS = 5.0


class WebServer:
    """Serves both paths until it is closed; `is_ready` is asked for each request."""

    def __init__(self, host: str, port: int, *, is_ready: Callable[[], bool]) -> None:
        """Bind the port; 0 takes a free one."""
        self._server = ThreadingHTTPServer((host, port), handler(is_ready))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="web", daemon=True)

    @property
    def port(self) -> int:
        """Return the port that was bound."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(REQUEST_SECONDS)


def handler(is_ready: Callable[[], bool]) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers requests."""

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
            """Answer one of the two paths."""
            if self.path == "/metrics":
                self._answer(HTTPStatus.OK, exposition.generate_latest())
            elif self.path == "/readyz":
                ready = is_ready()
                status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, b"ok\n" if ready else b"not every kind was listed yet\n")
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"not found\n")

        def log_message(self, *_: object) -> None:
            """Log no request: probes are many."""

        def _answer(self, status: HTTPStatus, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", exposition.CONTENT_TYPE_LATEST)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
