"""One HTTP request and its answer on ASGI, with our headers."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.web import heads

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
# A refused body up to this size is read and dropped; a larger one closes the connection.
_DROPPED_BYTES = 64 * 2**10
_CLOSE = (b"connection", b"close")


class ClientLeftError(Exception):
    """The client hung up: there is nobody to answer."""


class Exchange:
    """The request that came in; `status` is 0 until an answer starts."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the headers; `arrived` is the clock of all deadlines."""
        self.arrived = time.monotonic()
        self.scope = scope
        self.receive = receive
        self._send = send
        self.heads = heads.read(scope["headers"])
        self.request_id = self.heads.request_id
        self.status = 0
        self.is_last = False
        self._has_unread_body = False

    def expect_body(self) -> None:
        """Note that a body is still unread, so that a refusal knows what to do with it."""
        length = self.heads.length
        self._has_unread_body = length is None or length > _DROPPED_BYTES

    async def body(self, *, limit_bytes: int, deadline: float) -> bytes:
        """Read the whole body, bounded in size and time."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                while True:
                    message = await self.receive()
                    if message["type"] == "http.disconnect":
                        raise ClientLeftError
                    part = message["body"]
                    size += len(part)
                    if size > limit_bytes:
                        raise too_large(limit_bytes)
                    parts.append(part)
                    if not message["more_body"]:
                        break
        except TimeoutError as error:
            raise Invalid(Reason.TIMEOUT, "the body did not come in time") from error
        self._has_unread_body = False
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def answer(self, status: int, body: bytes, *, extra: Headers) -> None:
        """Send the whole answer; the extra headers come behind ours."""
        headers = [
            (b"content-type", JSON),
            (b"content-length", b"%d" % len(body)),
            *extra,
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def send(self, message: Message) -> None:
        """Pass a message on; the first one tells the status and may close the connection."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.is_last or self._has_unread_body:
                message["headers"] = [*message["headers"], _CLOSE]
        await self._send(message)

    def name(self, request_id: str) -> None:
        """Fix the request's id: the body's, else the header's, else a new one."""
        self.request_id = request_id or self.request_id or new_id()


def too_large(limit_bytes: int) -> Invalid:
    """Return the refusal of a body."""
    message = f"the body has more than {limit_bytes} bytes; send fewer rows"
    return Invalid(Reason.BODY_TOO_LARGE, message)


def new_id() -> str:
    """Return a UUID of version 7: sortable by time."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
