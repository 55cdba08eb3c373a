"""The shapes of ASGI, named once, and small readers of a scope."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]


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


def adding(send: Send, added: tuple[Header, ...]) -> Send:
    """A `send` that puts `added` on the answer."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *added]
        await send(message)

    return send_with_headers
