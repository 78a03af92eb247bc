"""A byte-transparent TCP proxy: every connection goes to the next backend that accepts it."""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence

from perennial_sandbox.node.network.backends import Backend

_CONNECT_SECONDS = 2.0
_HIGH_WATER_BYTES = 256 * 1024
# Lingering for zero seconds: closing sends a reset.
_NO_LINGER = struct.pack("ii", 1, 0)


class _Side(asyncio.Protocol):
    """One end of a pair of connections; passes on bytes, ends and slowness to the other."""

    def __init__(self) -> None:
        self.peer: _Side | None = None
        self.transport: asyncio.Transport | None = None
        self.has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            return
        self.transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        """Pass the end on; the other direction stays open until it ends as well."""
        self.has_ended = True
        peer = self.peer
        if peer is None or peer.transport is None or peer.transport.is_closing():
            return False
        peer.transport.write_eof()
        # With both directions at their end, closing flushes what is still to be written.
        return not peer.has_ended

    def connection_lost(self, exc: Exception | None) -> None:
        peer = self.peer
        self.peer = None
        if peer is None or peer.transport is None:
            return
        if exc is None:
            peer.transport.close()
        else:
            _reset(peer.transport)

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.resume_reading()


class _Client(_Side):
    """The side of who connected; its bytes wait until a backend is found."""

    def __init__(self, proxy: "Proxy") -> None:
        super().__init__()
        self._proxy = proxy
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.transport is not None:
            self.transport.pause_reading()
            self._connecting = asyncio.create_task(self._connect(self.transport))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        super().connection_lost(exc)

    async def _connect(self, transport: asyncio.Transport) -> None:
        self.peer = await self._proxy.connected()
        if self.peer is None:
            # The client sees a reset, the nearest thing to a refused connection.
            _reset(transport)
            return
        self.peer.peer = self
        if transport.is_closing():
            self.connection_lost(None)
        else:
            transport.resume_reading()


class Proxy:
    """Listens on one local port and spreads connections over backends in turn."""

    def __init__(self, backends: Callable[[], Sequence[Backend]]) -> None:
        """Ask `backends` anew for every connection."""
        self._backends = backends
        self._turn = 0
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Begin to accept connections; port 0 means any. Return the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Client(self), host, port, backlog=1024, reuse_address=True
        )
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Accept no more connections; existing ones go on."""
        if self._server is not None:
            self._server.close()

    async def connected(self) -> _Side | None:
        """Return a connection to the first backend that accepts one, None if none does."""
        candidates = self._backends()
        self._turn += 1
        for offset in range(len(candidates)):
            backend = candidates[(self._turn + offset) % len(candidates)]
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    _, side = await asyncio.get_running_loop().create_connection(
                        _Side, backend.address, backend.port
                    )
            except OSError:  # covers refusal and, as TimeoutError, silence
                continue
            return side
        return None


def _reset(transport: asyncio.Transport) -> None:
    """Break a connection so that the other side cannot take it for a regular end."""
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
