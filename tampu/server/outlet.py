"""Sends the events of one answer to its client as they are told.

1. As long as nothing was sent, an error keeps its status, and an answer that is whole is sent as such.
2. What the client takes at once is written from within `tell`: one call from the engine's bytes to the client's.
3. What it does not take is held; whoever tells is behind until `catch_up` has sent it.
"""

from types import TracebackType
from typing import Generic, Self, TypeVar

import anyio

from tampu.api.dialect import EventWriter, Reply
from tampu.server.exchange import Exchange

EventT = TypeVar("EventT")


class Outlet(Generic[EventT]):
    """The audience of a stream, and its pace. Leaving it ends the answer; after an error only what is held is sent."""

    def __init__(self, exchange: Exchange, writer: EventWriter[EventT]) -> None:
        self._exchange, self._writer = exchange, writer
        self._chunk, self._write_at_once = writer.chunk, exchange.write_at_once
        self._held: list[bytes] = []
        self._whole: Reply | None = None
        self._is_open = False
        """Whether chunks may go out from within `tell`."""
        self.is_behind = False
        self._sending = anyio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, Exception):
            await self.catch_up()
        if kind is None and not self._exchange.is_over:
            await self._begin()
            await self._exchange.end(self._writer.end())

    def tell(self, event: EventT) -> None:
        """Send what the event shows, or hold it."""
        if not self._is_open:
            self._hold(event)
            return
        # Named first: a call of an attribute would look for a method each time.
        encode, write = self._chunk, self._write_at_once
        chunk = encode(event)
        if chunk and not write(chunk):
            self._held.append(chunk)
            self._is_open, self.is_behind = False, True

    def _hold(self, event: EventT) -> None:
        is_first = not (self._held or self._exchange.has_begun)
        if is_first and self._writer.is_whole(event):
            self._whole = self._writer.whole([event])
            self.is_behind = True
        elif chunk := self._chunk(event):
            self._held.append(chunk)
            self.is_behind = True

    async def catch_up(self) -> None:
        """Send what is held; return once the client has taken most of it."""
        async with self._sending:
            if self._whole is not None:
                await self._exchange.reply(self._whole)
                self._whole = None
            while self._held:
                await self._begin()
                chunk = b"".join(self._held)
                self._held.clear()
                await self._exchange.write(chunk)
            self._is_open, self.is_behind = self._exchange.has_begun, False

    async def _begin(self) -> None:
        if not self._exchange.has_begun:
            await self._exchange.begin(self._writer.content_type, self._writer.headers)
