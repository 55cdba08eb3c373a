"""One HTTP exchange with an engine on a connection of its own: as little as possible between its socket and us.

A token of an answer wakes this process on a machine whose caches are full of the model's weights, so every object and
line of code on the way costs; a general HTTP client has many of both.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import httptools

_HELD_BYTES: Final = 1 << 20
"""More than this is not read ahead for a reader that does not come."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens: a socket file, or a port of the loopback address."""

    socket: str | None
    port: int = 0


class ConnectionLost(OSError):
    """The connection ended before the answer was whole, or what came is no HTTP."""


class Answer(asyncio.Protocol):
    """The answer to the one request of a connection, read as it comes by one reader."""

    def __init__(self, request: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._request, self._loop = request, loop
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._received_bytes = self._taken_bytes = self._noted_bytes = 0
        self._is_whole = False
        self._lost: ConnectionLost | None = None
        self._reader: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._status = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        # Not every loop's transports derive from asyncio's, but those of sockets do what it says.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)
        self._request = b""

    def data_received(self, data: bytes) -> None:
        """Parse, and wake the reader."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._lost = ConnectionLost(f"what came is no HTTP: {error}")
        if self._received_bytes - self._taken_bytes > _HELD_BYTES and self._transport:
            self._transport.pause_reading()
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever was wanted of it will not come."""
        self._lost = self._lost or ConnectionLost(str(exc or "closed by the other side"))
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # What the parser calls.

    def on_headers_complete(self) -> None:
        """The status is known."""
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, without its framing."""
        self._pieces.append(body)
        self._received_bytes += len(body)

    def on_message_complete(self) -> None:
        """The end of the body."""
        self._is_whole = True

    # What a watcher asks.

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for more of it: it is the engine's turn, not ours."""
        return self._reader is not None and not self._reader.done()

    @property
    def has_begun(self) -> bool:
        """Whether something of the body has come."""
        return self._received_bytes > 0

    def take_news(self) -> bool:
        """Whether something of the body has come since this was asked last."""
        has_news = self._received_bytes != self._noted_bytes
        self._noted_bytes = self._received_bytes
        return has_news

    # What the reader calls.

    async def status(self) -> int:
        """The status, once it is there; raises ConnectionLost."""
        while not self._status:
            await self._more()
        return self._status

    async def receive(self) -> bytes:
        """What has come of the body, at least a byte; empty at its end. Raises ConnectionLost."""
        pieces = self._pieces
        while not pieces:
            if self._is_whole:
                return b""
            await self._more()
        received = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._received_bytes - self._taken_bytes > _HELD_BYTES and self._transport:
            self._transport.resume_reading()
        self._taken_bytes = self._received_bytes
        return received

    async def read(self) -> bytes:
        """The whole body; raises ConnectionLost."""
        pieces = []
        while piece := await self.receive():
            pieces.append(piece)
        return b"".join(pieces)

    def _more(self) -> "asyncio.Future[None]":
        """Done once something has changed; raises ConnectionLost where nothing can."""
        if self._lost:
            raise self._lost
        self._reader = reader = self._loop.create_future()
        return reader


@asynccontextmanager
async def exchange(address: Address, request: bytes) -> AsyncGenerator[Answer, None]:
    """Connect, send `request` (head and body), and read the answer inside; raises OSError where nobody listens.

    Leaving closes the socket at once, whole answer or not: that is how an engine learns that nobody listens any more.
    """
    loop = asyncio.get_running_loop()
    if address.socket is None:
        transport, answer = await loop.create_connection(lambda: Answer(request, loop), "127.0.0.1", address.port)
    else:
        transport, answer = await loop.create_unix_connection(lambda: Answer(request, loop), address.socket)
    try:
        yield answer
    finally:
        transport.abort()


def request_bytes(method: str, path: str, *, key: str, body: bytes | None) -> bytes:
    """One request, head and body, after which the engine closes the connection."""
    length = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: engine\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n{length}\r\n"
    )
    return head.encode() + (body or b"")
