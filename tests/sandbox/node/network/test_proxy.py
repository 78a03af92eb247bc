"""Tests of the TCP proxy, on loopback."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from perennial_sandbox.node.network.backends import Backend
from perennial_sandbox.node.network.proxy import Proxy

HOST = "127.0.0.1"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def backend(talk: Talk) -> AsyncIterator[Backend]:
    """Run a server and yield where it is."""
    server = await asyncio.start_server(talk, HOST, 0)
    try:
        yield Backend(HOST, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def proxied(*backends: Backend) -> AsyncIterator[int]:
    """Run a proxy and yield its port."""
    proxy = Proxy(lambda: backends)
    try:
        yield await proxy.listen(HOST, 0)
    finally:
        proxy.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back everything, but only after the other side has ended."""
    writer.write(await reader.read())
    writer.write_eof()
    await writer.drain()
    writer.close()


def says(name: bytes) -> Talk:
    """Return a server that says its name and ends."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name)
        await writer.drain()
        writer.close()

    return talk


async def exchange(port: int, data: bytes = b"") -> bytes:
    """Send data, end, and return all that comes back."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(data)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def unused_port() -> int:
    """Return a port on which nobody listens."""
    async with backend(echo) as place:
        return place.port


async def test_bytes_pass_unchanged_in_both_directions() -> None:
    """Also after one direction has ended, and more than any buffer holds."""
    data = bytes(range(256)) * 20_000
    async with backend(echo) as place, proxied(place) as port:
        assert await exchange(port, data) == data


async def test_connections_take_turns() -> None:
    """Each goes to the next backend."""
    async with (
        backend(says(b"a")) as one,
        backend(says(b"b")) as two,
        proxied(one, two) as port,
    ):
        answers = [await exchange(port) for _ in range(4)]
    assert sorted(answers) == [b"a", b"a", b"b", b"b"]


async def test_a_refusing_backend_is_passed_over() -> None:
    """The client notices nothing."""
    dead = Backend(HOST, await unused_port())
    async with backend(says(b"a")) as one, proxied(dead, one) as port:
        answers = [await exchange(port) for _ in range(3)]
    assert answers == [b"a"] * 3


@pytest.mark.parametrize("is_dead", [True, False])
async def test_without_a_backend_the_connection_is_reset(is_dead: bool) -> None:  # noqa: FBT001  # a case's data
    """An error at once, not an empty answer."""
    places = [Backend(HOST, await unused_port())] if is_dead else []
    async with proxied(*places) as port:
        with pytest.raises(ConnectionResetError):
            await exchange(port, b"x")


async def test_hundreds_of_connections_share_a_proxy() -> None:
    """Nobody gets another one's bytes."""
    async with backend(echo) as place, proxied(place) as port:
        texts = [str(number).encode() * 100 for number in range(300)]
        answers = await asyncio.gather(*(exchange(port, text) for text in texts))
    assert answers == texts


async def test_a_backend_that_vanishes_ends_the_connection() -> None:
    """With a reset, as it came."""

    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        linger = struct.pack("ii", 1, 0)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with backend(breaks) as place, proxied(place) as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"x" * 100_000)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 5)
        writer.close()


async def test_a_client_that_vanishes_frees_the_backend() -> None:
    """The backend sees the end, too."""
    left = asyncio.Event()

    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        try:
            await reader.read()
        except ConnectionResetError:
            pass
        finally:
            left.set()
            writer.close()

    async with backend(waits) as place, proxied(place) as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        await reader.readexactly(5)
        writer.transport.abort()
        await asyncio.wait_for(left.wait(), 5)


async def test_a_slow_reader_slows_the_sender_down() -> None:
    """The proxy keeps no more than its buffers; in the end everything arrives."""
    size = 16 * 2**20
    sent = asyncio.Event()

    async def floods(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * size)
        await writer.drain()
        sent.set()
        writer.close()

    async with backend(floods) as place, proxied(place) as port:
        reader, writer = await asyncio.open_connection(HOST, port, limit=1024)
        assert len(await reader.readexactly(10)) == 10
        assert not sent.is_set()
        rest = await asyncio.wait_for(reader.read(), 20)
        writer.close()
    assert len(rest) == size - 10


async def test_a_closed_proxy_accepts_nothing_new() -> None:
    """Existing connections go on."""
    async with backend(echo) as place:
        proxy = Proxy(lambda: [place])
        port = await proxy.listen(HOST, 0)
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"still")
        # One answer through the proxy shows that the connection is accepted.
        async with proxied(place) as other:
            await exchange(other, b"x")
        proxy.close()
        with pytest.raises(ConnectionRefusedError):
            await exchange(port)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b"still"
        writer.close()


def test_closing_a_proxy_that_never_listened_is_no_error() -> None:
    """There is nothing to close."""
    assert Proxy(list).close() is None  # type: ignore[func-returns-value]  # the absence is the claim
