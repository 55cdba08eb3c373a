"""uvicorn's HTTP protocol, mended where clients of Ollama get another answer.

1. What is no HTTP is refused in Ollama's words. 2. A method may be any word: the parser knows only the registered ones,
so another one is read as TRACE, which no route has either. 3. An answer to HTTP/1.0 is not chunked.

And it lets an answer's pieces past ASGI (`WRITE_AT_ONCE`), which costs as much as encoding them, and sends the head of
an answer along with its first piece. It also tells when the client is gone (`WHEN_GONE`), which uvicorn does not see
behind requests that were sent ahead.
"""

import re
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tampu.server.asgi import WHEN_GONE, WRITE_AT_ONCE

_REQUEST_LINE = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,32})(?= /[^ \r\n]* HTTP/1\.[01]\r\n)")
_KNOWN_METHODS = frozenset(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND "
    b"UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE LINK UNLINK SOURCE "
    b"QUERY MKCALENDAR".split()
)
_BAD_REQUEST = "400 Bad Request"
_MOST_AHEAD = 1 << 20
"""So many bytes are read of requests that wait for an answer before theirs, for behind them the end would show."""
_SHORT = 1024
_SIZE_LINES = tuple(b"%x\r\n" % length for length in range(_SHORT))
"""What goes before a chunk of so many bytes."""


class Protocol(HttpToolsProtocol):
    """The protocol to give to uvicorn."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self._when_gone: set[Callable[[], None]] = set()
        self._answered: RequestResponseCycle | None = None
        """The request that is being answered, or was the last."""
        self._ahead = 0

    def data_received(self, data: bytes) -> None:
        if self.cycle is None or (self.cycle.response_complete and not self.pipeline):
            data = _readable(data)
            # uvicorn would wake ten times a second to keep it right.
            self.server_state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        super().data_received(data)
        self._ahead = self._ahead + len(data) if self.pipeline else 0
        if 0 < self._ahead <= _MOST_AHEAD:
            self.flow.resume_reading()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if not self.pipeline:
            # Nobody reads on behind the body, but that the client leaves must be seen.
            self.flow.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._answered is not None and self._answered is not self.cycle:
            # uvicorn thinks of the last request that came.
            self._answered.disconnected = True
            self._answered.message_event.set()
        for callback in tuple(self._when_gone):
            callback()

    def send_400_response(self, _: str) -> None:
        super().send_400_response(_BAD_REQUEST)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        is_old = cycle.scope["http_version"] == "1.0"
        if cycle.scope["method"] != "HEAD":
            cycle.transport = _WithHead(cycle)  # type: ignore[assignment]  # it stands in for it
        cycle.scope["extensions"] = {
            WRITE_AT_ONCE: {"write": _writing_at_once(cycle)},
            WHEN_GONE: {"callbacks": self._when_gone, "is_gone": lambda: cycle.disconnected},
        }
        super()._start_asgi_task(cycle, _unchunked(app, cycle) if is_old else app)


def _writing_at_once(cycle: RequestResponseCycle) -> Callable[[bytes], bool]:
    """What writes a piece of a chunked answer that has begun; False where only ASGI's `send` can, or must wait."""
    flow = cycle.flow

    def write(piece: bytes) -> bool:
        if flow.write_paused or cycle.disconnected or not cycle.chunked_encoding:
            return False
        length = len(piece)
        size = _SIZE_LINES[length] if length < _SHORT else b"%x\r\n" % length
        cycle.transport.write(b"".join((size, piece, b"\r\n")))
        return True

    return write


class _WithHead:
    """The transport of an answer that has not begun: its head goes out along with what follows, as ASGI has it."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle, self._transport = cycle, cycle.transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, or hold, `data`."""
        if self._head:
            self._cycle.transport = self._transport
            self._transport.write(self._head + data)
        elif self._cycle.response_started:
            self._head = data
        else:
            self._transport.write(data)


def _readable(data: bytes) -> bytes:
    line = _REQUEST_LINE.match(data)
    if line is None or line[1] in _KNOWN_METHODS:
        return data
    return b"TRACE" + data[line.end() :]


def _unchunked(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """The app, answering without chunks: the end of the connection is the end of the body."""

    async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        has_length = False

        async def send_unchunked(event: ASGISendEvent) -> None:
            nonlocal has_length
            if event["type"] == "http.response.start":
                has_length = any(name == b"content-length" for name, _ in event["headers"])
                if not has_length:
                    cycle.chunked_encoding = False
            elif event["type"] == "http.response.body" and not has_length:
                cycle.expected_content_length = len(event.get("body", b""))
            await send(event)

        await app(scope, receive, send_unchunked)

    return answer
