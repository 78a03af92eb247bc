"""Metrics and readiness over HTTP, in a thread of their own."""

import io
from http import HTTPStatus

import pytest

from perennial_operator.handlers import web


class Talk(io.BytesIO):
    """Both ends of a connection."""

    def __init__(self, path: str) -> None:
        """Ask for a path."""
        super().__init__(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.answer = b""

    def makefile(self, mode: str, *_: object, **__: object) -> "Talk":
        """Return this end."""
        del mode
        return self

    def sendall(self, data: bytes) -> None:
        """Keep what is answered."""
        self.answer += data

    def settimeout(self, _seconds: float) -> None:
        """Never hang anyway."""

    def setsockopt(self, *_: object) -> None:
        """Nothing to set."""


def asked(path: str, *, is_ready: bool = True) -> tuple[int, str]:
    """Return status and body of one request."""
    talk = Talk(path)
    handler = web.handler(lambda: is_ready)
    handler(talk, ("127.0.0.1", 1), None)  # type: ignore[arg-type]  # a socket is more than is used
    head, _, body = talk.answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def test_metrics_are_served() -> None:
    """All that the process registered."""
    status, body = asked("/metrics")
    assert status == HTTPStatus.OK
    assert "python_info" in body


@pytest.mark.parametrize(
    ("is_ready", "status"), [(True, HTTPStatus.OK), (False, HTTPStatus.SERVICE_UNAVAILABLE)]
)
def test_readiness_is_asked_for_each_request(is_ready: bool, status: HTTPStatus) -> None:  # noqa: FBT001  # a table
    """Ready means that every kind was listed."""
    assert asked("/readyz", is_ready=is_ready)[0] == status


def test_other_paths_are_not_found() -> None:
    """There are two."""
    assert asked("/")[0] == HTTPStatus.NOT_FOUND


def test_the_server_takes_a_port_and_gives_it_back() -> None:
    """Closing ends its thread."""
    server = web.WebServer("127.0.0.1", 0, is_ready=lambda: True)
    server.start()
    assert server.port > 0
    server.close()
    again = web.WebServer("127.0.0.1", server.port, is_ready=lambda: True)
    again.start()
    again.close()
