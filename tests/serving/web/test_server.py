"""The wire: framing tricks, upgrades, pipelining and slow heads, over real sockets."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from perennial_serving.settings import Settings
from perennial_serving.testing import IRIS_ROW, infer_request
from perennial_serving.web import server, v2
from perennial_serving.web.front import Caps, Front

BODY = json.dumps(infer_request([IRIS_ROW]) | {"id": "one"}).encode()
HOST = b"Host: iris\r\n"
LAST = b"GET /v2/health/live HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


def post(body: bytes = BODY, *headers: bytes, host: bytes = HOST, version: bytes = b"1.1") -> bytes:
    """Return the bytes of an inference request."""
    lines = b"".join(header + b"\r\n" for header in headers)
    length = (
        b""
        if any(b"ength" in header or b"ncoding" in header for header in headers)
        else (b"Content-Length: %d\r\n" % len(body))
    )
    head = b"POST /v2/models/iris/infer HTTP/" + version + b"\r\n" + host + lines + length
    return head + b"\r\n" + body


@dataclass
class Wire:
    """A listening server and raw talks with it."""

    running: server.Server
    port: int

    async def talk(self, *pieces: bytes) -> bytes:
        """Send pieces and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(30):
            answer = await reader.read()
        writer.close()
        return answer

    async def ask(self, *pieces: bytes) -> bytes:
        """Send good requests, and a last one that closes; return the answers before it."""
        answer = await self.talk(*pieces, LAST)
        head, found, _ = answer.rpartition(b"HTTP/1.1 200 OK")
        assert found
        return head or answer


@pytest.fixture
async def wire(served) -> AsyncIterator[Wire]:
    """Give the iris model behind a real server."""
    front = Front(served.service, v2.build(served.service), Caps(100_000, 5.0))
    made = server.server_of(front, Settings(request_timeout_seconds=5.0))
    listener = server.listener("127.0.0.1", 0)
    task = asyncio.ensure_future(made.serve(sockets=[listener]))
    yield Wire(made, listener.getsockname()[1])
    made.should_exit = True
    await task


def statuses(answer: bytes) -> list[int]:
    """Return the status of each answer in a stream."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def code(answer: bytes) -> str:
    """Return the reason in the last answer."""
    found: str = json.loads(answer.rpartition(b"\r\n\r\n")[2])["code"]
    return found


GOOD = {
    "plain": (post(),),
    "in small pieces": tuple(post()[i : i + 40] for i in range(0, len(post()), 40)),
    "chunked": (post(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), b"Transfer-Encoding: chunked"),),
    "HTTP/1.0": (post(version=b"1.0"),),
    "HTTP/1.0 without a host": (post(host=b"", version=b"1.0"),),
    "absolute URL": (post().replace(b"POST /", b"POST http://iris/"),),
    "h2c upgrade": (
        post(
            BODY, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"
        ),
    ),
    "h2c upgrade in pieces": (
        post(BODY, b"Connection: Upgrade", b"Upgrade: h2c")[:-20],
        post(BODY, b"Connection: Upgrade", b"Upgrade: h2c")[-20:],
    ),
    "websocket upgrade": (post(BODY, b"Connection: Upgrade", b"Upgrade: websocket"),),
    "expect": (post(BODY, b"Expect: 100-continue", b"Content-Length: %d" % len(BODY)),),
}


@pytest.mark.parametrize("kind", GOOD)
async def test_every_correct_way_to_ask_is_answered(wire, kind: str) -> None:
    """Once, with the prediction."""
    talk = wire.talk if "1.0" in kind else wire.ask
    answer = await talk(*GOOD[kind])
    assert statuses(answer)[-1] == 200
    assert [status for status in statuses(answer) if status != 100] == [200]
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["outputs"][0]["data"] == [0]


async def test_pipelined_requests_are_answered_in_order(wire) -> None:
    """Also when one of them is wrong in content."""
    second = post(BODY.replace(b"one", b"two"))
    answer = await wire.ask(post() + post(b"{}") + second)
    assert statuses(answer) == [200, 400, 200]
    assert answer.index(b'"id":"one"') < answer.index(b'"id":"two"')


BAD = {
    "content-length and transfer-encoding": post(
        BODY, b"Content-Length: 5", b"Transfer-Encoding: chunked"
    ),
    "two lengths": post(BODY, b"Content-Length: 5", b"Content-Length: 6"),
    "signed length": post(BODY, b"Content-Length: +5"),
    "hexadecimal length": post(BODY, b"Content-Length: 0x5"),
    "huge length": post(BODY, b"Content-Length: 99999999999999999999999"),
    "huge chunk": post(b"FFFFFFFFFFFFFFFFF\r\n", b"Transfer-Encoding: chunked"),
    "gzip, chunked": post(b"0\r\n\r\n", b"Transfer-Encoding: gzip, chunked"),
    "folded header": post(BODY, b"X-A: b\r\n c"),
    "space before the colon": post(BODY, b"X-A : b"),
    "NUL in a value": post(BODY, b"X-A: b\x00c"),
    "no host": post(host=b""),
    "two hosts": post(host=HOST + b"Host: other\r\n"),
    "bad method": b"P@ST / HTTP/1.1\r\n" + HOST + b"\r\n",
    "bad byte in the URL": b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect": b"CONNECT other:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("kind", BAD)
async def test_wrong_framing_is_refused_and_closed(wire, kind: str) -> None:
    """One answer, in our form; a good request on a new connection works."""
    answer = await wire.talk(BAD[kind])
    assert statuses(answer) == [400]
    assert code(answer) == "FramingInvalid"
    assert b"connection: close" in answer.lower()
    assert statuses(await wire.ask(post())) == [200]


@pytest.mark.parametrize(
    "head", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /v2 HTTP/2.0\r\n" + HOST + b"\r\n"]
)
async def test_another_version_is_not_spoken(wire, head: bytes) -> None:
    """Nothing is answered with 200."""
    answer = await wire.talk(head)
    assert statuses(answer)[0] in {400, 505}
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"a" * 2048 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (post(BODY, b"X-A: " + b"a" * 9000), 431),
        (post(BODY, *(b"X-%d: a" % i for i in range(101))), 431),
        (post(BODY, *(b"X-%d: %b" % (i, b"a" * 7000) for i in range(3))), 431),
        (b"GET /v2 HTTP/1.1\r\nX-A: " + b"a" * 20_000, 431),
    ],
)
async def test_a_large_head_is_refused(wire, request_bytes: bytes, status: int) -> None:
    """Before the application hears of it."""
    answer = await wire.talk(request_bytes)
    assert (statuses(answer), code(answer)) == ([status], "TooLarge")


async def test_an_answer_on_its_way_is_never_overtaken(wire) -> None:
    """Rubbish behind a good request ends the connection after the answer."""
    answer = await wire.talk(post() + b"\x00rubbish")
    assert statuses(answer) in ([200], [200, 400])


async def test_rest_of_a_short_length_is_a_request_of_its_own(wire) -> None:
    """And a bad one: it is refused, never run."""
    answer = await wire.talk(post(BODY + b"GET \x00", b"Content-Length: %d" % len(BODY)))
    assert statuses(answer) in ([200], [200, 400])


async def test_a_head_that_does_not_come_ends_in_408(wire) -> None:
    """After ten seconds, by the sweep; a connection that was served is left alone."""
    _, good = await asyncio.open_connection("127.0.0.1", wire.port)
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    good.write(post())
    writer.write(b"POST /v2")
    while len(wire.running.server_state.connections) < 2:  # noqa: ASYNC110  # no event tells it
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    wire.running.sweep(time.monotonic())
    wire.running.sweep(time.monotonic() + 11)
    async with asyncio.timeout(30):
        answer = await reader.read()
    assert (statuses(answer), code(answer)) == ([408], "Timeout")
    assert len(wire.running.server_state.connections) == 1
    good.close()
    writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", ""])
def test_it_listens_where_it_is_told(host: str) -> None:
    """On one address, or on all of both families."""
    with server.listener(host, 0) as made:
        port = made.getsockname()[1]
        with socket.create_connection((host or "127.0.0.1", port), timeout=10):
            pass


def test_without_ipv6_it_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hosts have only one family."""
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with server.listener("", 0) as made:
        assert made.family is socket.AF_INET
