"""One request and its answer: bodies with limits, answers with our headers, ids."""

import asyncio
import time
import uuid
from typing import Any

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.web import exchange
from perennial_serving.web.exchange import ClientLeftError, Exchange

Message = dict[str, Any]
CLOSE = (b"connection", b"close")


def part(body: bytes, *, more: bool = False) -> Message:
    """Return a piece of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


class Wire:
    """The server's side of an exchange: what comes in, what went out."""

    def __init__(self, *incoming: Message) -> None:
        """Prepare the messages."""
        self.incoming = list(incoming)
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        """Return the next message."""
        return self.incoming.pop(0)

    async def send(self, message: Message) -> None:
        """Keep an answer."""
        self.sent.append(message)


def of(wire: Wire, *headers: tuple[bytes, bytes]) -> Exchange:
    """Return an exchange over a wire."""
    return Exchange({"headers": list(headers)}, wire.receive, wire.send)


async def body(*incoming: Message, limit: int = 10, seconds: float = 30.0) -> bytes:
    """Read a body."""
    deadline = time.monotonic() + seconds
    return await of(Wire(*incoming)).body(limit_bytes=limit, deadline=deadline)


async def test_a_body_is_read_to_its_end() -> None:
    """In one piece or in several."""
    assert await body(part(b"abc")) == b"abc"
    assert await body(part(b"ab", more=True), part(b"", more=True), part(b"c")) == b"abc"


async def test_a_body_over_the_limit_is_refused_on_the_way() -> None:
    """Chunked bodies say no length before."""
    with pytest.raises(Invalid) as caught:
        await body(part(b"123456", more=True), part(b"78901", more=True))
    assert caught.value.reason == Reason.BODY_TOO_LARGE


async def test_a_client_that_hangs_up_is_noticed() -> None:
    """There is nobody to answer."""
    with pytest.raises(ClientLeftError):
        await body(part(b"1", more=True), {"type": "http.disconnect"})


async def test_a_body_that_does_not_come_is_not_awaited_for_ever() -> None:
    """The deadline is that of the request."""

    class Silent(Wire):
        async def receive(self) -> Message:
            await asyncio.sleep(60)
            return part(b"")

    silent = of(Silent())
    with pytest.raises(Invalid) as caught:
        await silent.body(limit_bytes=10, deadline=time.monotonic() + 0.01)
    assert caught.value.reason == Reason.TIMEOUT


def closing(wire: Wire) -> bool:
    """Say whether the answer closes the connection."""
    return CLOSE in wire.sent[0]["headers"]


async def test_an_answer_has_length_and_type() -> None:
    """And what else it is given."""
    wire = Wire()
    made = of(wire)
    await made.answer(200, b"{}", extra=[(b"a", b"b")])
    assert made.status == 200
    assert wire.sent == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"2"),
                (b"a", b"b"),
            ],
        },
        {"type": "http.response.body", "body": b"{}", "more_body": False},
    ]


@pytest.mark.parametrize("is_last", [True, False])
async def test_the_last_answer_closes(*, is_last: bool) -> None:
    """A draining process says so to each client; a small unread body does not matter."""
    wire = Wire()
    made = of(wire, (b"content-length", b"65536"))
    made.expect_body()
    made.is_last = is_last
    await made.answer(400, b"", extra=[])
    assert closing(wire) is is_last


@pytest.mark.parametrize(
    "header", [(b"content-length", b"65537"), (b"transfer-encoding", b"chunked")]
)
async def test_a_large_unread_body_closes(header: tuple[bytes, bytes]) -> None:
    """Nobody reads megabytes to throw them away; once read, the connection stays."""
    wire = Wire()
    made = of(wire, header)
    made.expect_body()
    await made.answer(413, b"", extra=[])
    assert closing(wire)
    wire = Wire(part(b"x"))
    made = of(wire, header)
    made.expect_body()
    await made.body(limit_bytes=10, deadline=time.monotonic() + 30)
    await made.answer(200, b"", extra=[])
    assert not closing(wire)


def test_an_id_comes_from_body_header_or_nowhere() -> None:
    """In this order."""
    made = of(Wire(), (b"x-request-id", b"header"))
    made.name("")
    assert made.request_id == "header"
    made.name("body")
    assert made.request_id == "body"
    fresh = of(Wire())
    fresh.name("")
    first = fresh.request_id
    fresh.name("")
    assert uuid.UUID(first).version == 7
    assert fresh.request_id == first


def test_new_ids_sort_by_time() -> None:
    """Version 7 of the standard's variant."""
    ids = [uuid.UUID(exchange.new_id()) for _ in range(3)]
    assert {made.variant for made in ids} == {uuid.RFC_4122}
    assert [made.int >> 80 for made in ids] == sorted(made.int >> 80 for made in ids)
    assert abs((ids[0].int >> 80) - time.time() * 1000) < 60_000
