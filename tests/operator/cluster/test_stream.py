"""A watch is lines of JSON; whatever breaks it has one meaning."""

import io
import json
from collections.abc import Generator

import pytest
import urllib3

from perennial_operator.cluster.answers import Expired
from perennial_operator.cluster.port import WatchEvent
from perennial_operator.cluster.stream import HttpStream
from perennial_operator.errors import Unavailable


def response(body: bytes) -> urllib3.HTTPResponse:
    """Return a response as the pool gives it, unread."""
    return urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)


def line(type_: str, **fields: object) -> bytes:
    """Return one event as it is sent."""
    return json.dumps({"type": type_, "object": fields}).encode() + b"\n"


def test_complete_lines_are_events() -> None:
    """Half a line at the end is dropped: the watch goes on from the last event."""
    body = line("ADDED", a=1) + b"\n" + line("BOOKMARK", b=2) + b'{"type": "MODI'
    assert list(HttpStream(response(body))) == [
        WatchEvent("ADDED", {"a": 1}),
        WatchEvent("BOOKMARK", {"b": 2}),
    ]


def test_an_expired_version_inside_the_stream_is_expired() -> None:
    """Error 410 may come within an answer 200."""
    with pytest.raises(Expired):
        list(HttpStream(response(line("ERROR", code=410, message="too old"))))


def test_any_other_error_in_the_stream_is_unavailable() -> None:
    """The watch is opened again."""
    with pytest.raises(Unavailable):
        list(HttpStream(response(line("ERROR", message="etcd is away"))))


class Broken(urllib3.HTTPResponse):
    """A response whose connection breaks."""

    def stream(
        self,
        amt: int | None = None,
        decode_content: bool | None = None,  # noqa: FBT001  # urllib3's signature
    ) -> Generator[bytes, None, None]:
        """Yield one event, then break."""
        del amt, decode_content
        yield line("ADDED", a=1)
        message = "reset"
        raise urllib3.exceptions.ProtocolError(message)


def test_a_broken_connection_is_unavailable() -> None:
    """What came before was delivered."""
    seen: list[WatchEvent] = []
    with pytest.raises(Unavailable, match="ProtocolError"):
        seen.extend(HttpStream(Broken(io.BytesIO(), preload_content=False)))
    assert seen == [WatchEvent("ADDED", {"a": 1})]


def test_closing_twice_does_no_harm() -> None:
    """A watchdog may end what has ended by itself."""
    stream = HttpStream(response(b""))
    stream.close()
    stream.close()
    assert list(stream) == []
