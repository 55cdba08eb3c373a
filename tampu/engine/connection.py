"""One HTTP exchange with an engine on a connection of its own: as little as possible between its socket and us.

A token of an answer wakes this process on a machine whose caches are full of the model's weights, so every object and
line of code on the way costs; a general HTTP client has many of both.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import httptools

from tampu.audience import KEEPS_UP, Pace


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens: a socket file, or a port of the loopback address."""

    socket: str | None
    port: int = 0


class ConnectionLost(OSError):
    """The connection ended before the answer was whole, or what came is no HTTP."""


class Answer(asyncio.Protocol):
    """The answer to the one request of a connection: read whole, or poured out as it comes."""

    def __init__(self, request: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._request, self._loop = request, loop
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        """What the parser calls with a piece of the body, without its framing."""
        self._take: Callable[[bytes], bool] | None = None
        self._take_whole: Callable[[bytes], bool] | None = None
        self._is_between = False
        """Whether what comes next begins a chunk."""
        self._pace: Pace = KEEPS_UP
        self._has_enough = self._is_whole = False
        self._failure: BaseException | None = None
        self._reader: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._status = 0
        self._has_poured = False
        self._has_news = False
        self._parser = httptools.HttpResponseParser(self)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        # Not every loop's transports derive from asyncio's, but those of sockets do what it says.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)
        self._request = b""

    def data_received(self, data: bytes) -> None:
        """Parse, and pour; wake the reader where it has something to do."""
        self._has_news = True
        try:
            take_whole = self._take_whole
            if take_whole is not None and self._is_between and take_whole(data):
                if not self._pace.is_behind:
                    return
            elif not self._parse(data):
                return
        except httptools.HttpParserError as error:
            self._failure = ConnectionLost(f"what came is no HTTP: {error}")
        except Exception as error:  # noqa: BLE001  # not the event loop's to hear: `pour` raises it
            self._failure = error
        self._wake()

    def _parse(self, data: bytes) -> bool:
        """Take the framing of HTTP off, and pour; whether the reader has something to do."""
        self._parser.feed_data(data)
        # A size that is cut in two would look like the end of a chunk.
        self._is_between = self._is_between and data.endswith(b"\r\n")
        return self._take is None or self._pour(self._take)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever was wanted of it will not come."""
        self._failure = self._failure or ConnectionLost(str(exc or "closed by the other side"))
        self._wake()

    # What the parser calls.

    def on_headers_complete(self) -> None:
        """The status is known."""
        self._status = self._parser.get_status_code()

    def on_chunk_header(self) -> None:
        """A chunk begins."""
        self._is_between = False

    def on_chunk_complete(self) -> None:
        """A chunk has ended."""
        self._is_between = True

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
        return self._has_poured or bool(self._pieces)

    def take_news(self) -> bool:
        """Whether something has come since this was asked last."""
        has_news, self._has_news = self._has_news, False
        return has_news

    # What the reader calls.

    async def status(self) -> int:
        """The status, once it is there; raises ConnectionLost."""
        while not self._status:
            await self._more()
        return self._status

    async def read(self) -> bytes:
        """The whole body; raises ConnectionLost."""
        while not self._is_whole:
            await self._more()
        return b"".join(self._pieces)

    async def pour(
        self, take: Callable[[bytes], bool], pace: Pace, *, take_whole: Callable[[bytes], bool] | None = None
    ) -> None:
        """Hand each piece of the body to `take`, at once when it comes, until that has enough or there is no more.

        What begins where a chunk does is offered to `take_whole` first, its framing still around it; that says whether
        it took all of it, which must then be whole chunks. Nothing more is read while `pace` is behind. Raises what
        `take` and `take_whole` raise, and ConnectionLost.
        """
        self._take, self._pace = take, pace
        self._pour(take)
        self._take_whole = take_whole
        while not (self._has_enough or self._is_whole):
            if pace.is_behind and not self._failure:
                await self._let_catch_up(pace)
            else:
                await self._more()
        if self._failure and not self._has_enough:
            raise self._failure

    def _pour(self, take: Callable[[bytes], bool]) -> bool:
        """Pour what has come; whether the reader has something to do now."""
        pieces = self._pieces
        for piece in pieces:
            self._has_poured = True
            if take(piece):
                self._has_enough, self._take, self._take_whole = True, None, None
                return True
        pieces.clear()
        return self._is_whole or self._pace.is_behind

    async def _let_catch_up(self, pace: Pace) -> None:
        assert self._transport is not None  # noqa: S101  # for the type checker
        self._transport.pause_reading()
        await pace.catch_up()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _more(self) -> "asyncio.Future[None]":
        """Done once something has changed; raises what nothing can change."""
        if self._failure:
            raise self._failure
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
