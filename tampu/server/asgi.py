"""The shapes of ASGI, named once, and small readers of a scope."""

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

WRITE_AT_ONCE = "tampu.write"
"""The extension of a server that takes pieces of a body without an ASGI message for each: its member `write` is called
with a piece and says whether it was written. Nothing that stands between may want to see or change pieces."""

WHEN_GONE = "tampu.gone"
"""The extension of a server that tells when a client is gone, without a task that waits for it: its member `callbacks`
is the set of what is called then, and `is_gone` says whether that has been."""


def header(scope: Scope, name: bytes) -> str:
    """The first header of that lower-case name, decoded; empty if there is none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def headers(scope: Scope, name: bytes) -> list[str]:
    """All headers of that lower-case name."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


async def answer(send: Send, status: int, body: bytes = b"", answer_headers: tuple[Header, ...] = ()) -> None:
    """Send a whole answer. A 204 has no length; any other has."""
    length: tuple[Header, ...] = () if status == 204 else ((b"content-length", b"%d" % len(body)),)
    await send({"type": "http.response.start", "status": status, "headers": [*answer_headers, *length]})
    await send({"type": "http.response.body", "body": body})


def write_at_once(scope: Scope) -> Callable[[bytes], bool]:
    """Take the server's `WRITE_AT_ONCE` out of the scope; where it has none, what writes nothing."""
    offered = scope.get("extensions", {}).pop(WRITE_AT_ONCE, None)
    write: Callable[[bytes], bool] = offered["write"] if offered else _writes_nothing
    return write


def _writes_nothing(_: bytes) -> bool:
    return False


@contextmanager
def when_gone(scope: Scope, callback: Callable[[], None]) -> Iterator[None]:
    """Inside, `callback` is called as soon as the client is gone; never where the server cannot tell."""
    told = scope.get("extensions", {}).get(WHEN_GONE)
    if told is None:
        yield
        return
    if told["is_gone"]():
        callback()
    told["callbacks"].add(callback)
    try:
        yield
    finally:
        told["callbacks"].discard(callback)


def adding(send: Send, added: tuple[Header, ...]) -> Send:
    """A `send` that puts `added` on the answer."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *added]
        await send(message)

    return send_with_headers
